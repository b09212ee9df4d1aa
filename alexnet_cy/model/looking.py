"""A network that looks at images: preparation and classification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.contracts.trained_on import MeanImage
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.model.running import Running

if TYPE_CHECKING:
    from alexnet_cy.contracts.trained_on import TrainedOn
    from alexnet_cy.image_stream import PredictionBatch
    from alexnet_cy.images.batches import Batch, OnError
    from alexnet_cy.images.decoding.decode import ImageSource
    from alexnet_cy.images.mean import Mean
    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.images.preset import Preset
    from alexnet_cy.labels import Prediction

__all__ = ["Looking", "prepared_batches"]


class Looking(Running):
    """Adds images: their preparation and classes."""

    def preprocess(
        self,
        images: ImageSource | Iterable[ImageSource],
        preset: str | Preset | Preparation | None = None,
        *,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
    ) -> Float32Array:
        """Turn images into what `forward` takes.

        Parameters
        ----------
        images : path, bytes, file, PIL image, uint8 array (H, W, 3), or an iterable of them
            An array of strings, (N,) or (N, 1), is an iterable of paths.
        preset : str or Preset, optional
            The one that the weights were trained with if left out: as the file says, or else the
            variant's own; see docs/images.md. "as-is" is the variant's own arithmetic on images
            that are neither resized nor cropped.
        mean : optional
            Three numbers, or the per-pixel mean as an array or a .npy or .binaryproto file, instead
            of that of the training or of the preset.
        exif : bool
            Turn photographs upright as their EXIF data says; so it is too where the file says that
            the training did.
        input_size : int or (int, int), optional
            Pixels, square or (height, width), in place of the variant's; with "as-is" the size
            that the images must have. Layers up to pool5 take any that their kernels fit.

        Returns
        -------
        ndarray of float32, shape (N, 3, height, width)
            Ten rows per image for the 10-crop presets; (N, 1, height, width) for a network of grey
            images.

        Raises
        ------
        ImageError
            An image cannot be read or is refused; the message names it.
        TypeError, ValueError
            An argument does not fit.
        WeightsError
            The .binaryproto file of `mean` cannot be read.
        """
        from alexnet_cy.images.preprocess import floats_of

        prepared = self.preparation(preset, mean=mean, exif=exif, input_size=input_size)
        return floats_of(images, prepared)

    def preparation(
        self,
        preset: str | Preset | Preparation | None = None,
        *,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
    ) -> Preparation:
        """Check once how images are prepared, for several calls of the methods that take images.

        Parameters
        ----------
        preset, mean, exif, input_size
            As for `preprocess`. A Preparation is returned unchanged, and leaves nothing to say
            about the others.

        Raises
        ------
        TypeError, ValueError, WeightsError
            As for `preprocess`.
        """
        from alexnet_cy.images.preparation import Preparation, make_preparation
        from alexnet_cy.images.presets import get_preset
        from alexnet_cy.weights.caffe.mean import read_mean

        if isinstance(preset, Preparation):
            if mean is not None or exif or input_size is not None:
                raise ValueError(
                    "preset: a Preparation has its mean, exif and input_size; leave them out here"
                )
            return preset
        trained = self._trained_on
        if preset is None:
            preset = trained.preset or self.variant.preset
            mean = _mean_of(trained) if mean is None else mean
        if isinstance(preset, str) and preset == "as-is":
            preset = get_preset(self.variant.preset).as_is()
        return make_preparation(
            preset,
            mean=cast("Mean", read_mean(mean)),
            exif=exif or trained.exif,
            channels=self.variant.in_channels,
            input_size=self.variant.input_size if input_size is None else input_size,
        )

    def classify(
        self,
        images: ImageSource | Iterable[ImageSource],
        top: int = 5,
        *,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        threads: int | None = None,
    ) -> list[Prediction] | list[list[Prediction]]:
        """Name what is in images.

        Parameters
        ----------
        images, preset, mean, exif
            As for `preprocess`; a 10-crop preset averages the probabilities of the ten views.
        top : int
            The number of classes, the most probable first.
        threads : int, optional

        Returns
        -------
        list of Prediction, or list of lists of them
            For one image, its predictions; for an iterable of images, such a list per image.

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `preprocess` and `forward`; `top` is less than 1; or the network ends before it
            has probabilities of classes.
        """
        from alexnet_cy.images.sources import is_one_image

        batches = self.iter_predictions(
            images, top, preset=preset, mean=mean, exif=exif, threads=threads
        )
        found = [predictions for batch in batches for predictions in batch.predictions]
        return found[0] if is_one_image(images) else found

    def iter_predictions(
        self,
        images: ImageSource | Iterable[ImageSource],
        top: int = 5,
        *,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        threads: int | None = None,
        on_error: OnError = "raise",
    ) -> Iterator[PredictionBatch]:
        """Name what is in images, batch by batch: for more of them than memory holds.

        Parameters
        ----------
        images, top, preset, mean, exif, threads
            As for `classify`.
        on_error : {"raise", "skip"}
            An image that cannot be read is an error, or is left out and named in its batch.

        Returns
        -------
        iterator of PredictionBatch
            Of up to 64 views, in the order of the images.

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `classify`; of images, when their batch is reached.
        """
        from alexnet_cy.image_stream import prediction_batches

        if on_error == "nan":
            raise ValueError("on_error: need 'raise' or 'skip' for predictions, got 'nan'")
        prepared, n_threads = (
            self.preparation(preset, mean=mean, exif=exif),
            resolve_threads(threads),
        )
        batches = prepared_batches(images, prepared, n_threads, on_error)
        n_views = prepared.preset.views
        return prediction_batches(
            self._runner, batches, as_count(top, "top"), n_views, threads, self.classes
        )


def prepared_batches(
    images: ImageSource | Iterable[ImageSource],
    prepared: Preparation,
    threads: int,
    on_error: OnError,
) -> Iterator[Batch]:
    """Read one image or several, batch by batch."""
    from alexnet_cy.images.batches import read_batches

    return read_batches(images, prepared, threads=threads, on_error=on_error)


def _mean_of(trained: TrainedOn) -> object:
    """Return the mean of a training as `make_preparation` takes it."""
    return trained.mean.array() if isinstance(trained.mean, MeanImage) else trained.mean
