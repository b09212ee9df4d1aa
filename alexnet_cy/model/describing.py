"""A network that describes images: the values of its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, overload

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.model.looking import Looking, prepared_batches

if TYPE_CHECKING:
    from alexnet_cy.extraction.form import DType, Pool
    from alexnet_cy.extraction.items import Collection
    from alexnet_cy.extraction.write import WrittenFeatures
    from alexnet_cy.image_stream import FeatureBatch
    from alexnet_cy.images.batches import OnError
    from alexnet_cy.images.decoding.decode import ImageSource
    from alexnet_cy.images.folder import Order
    from alexnet_cy.images.preparation import Preparation
    from alexnet_cy.images.preset import Preset

__all__ = ["Describing"]


class Describing(Looking):
    """Adds features: the values of layers for images, in memory and in files."""

    @overload
    def features(  # type: ignore[overload-overlap]  # a str is a sequence of str too
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: str,
        *,
        preset: str | Preset | Preparation | None = ...,
        mean: object = ...,
        exif: bool = ...,
        input_size: int | tuple[int, int] | None = ...,
        threads: int | None = ...,
        on_error: OnError = ...,
    ) -> Float32Array: ...

    @overload
    def features(
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: Sequence[str],
        *,
        preset: str | Preset | Preparation | None = ...,
        mean: object = ...,
        exif: bool = ...,
        input_size: int | tuple[int, int] | None = ...,
        threads: int | None = ...,
        on_error: OnError = ...,
    ) -> dict[str, Float32Array]: ...

    def features(
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: str | Sequence[str] = "fc7",
        *,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
        threads: int | None = None,
        on_error: OnError = "raise",
    ) -> Float32Array | dict[str, Float32Array]:
        """Extract the values of layers from images.

        Parameters
        ----------
        images, preset, mean, exif, input_size
            As for `preprocess`.
        layers : str or sequence of str
            As for `forward`; one name or several.
        threads : int, optional
        on_error : {"raise", "skip", "nan"}
            An image that cannot be read is an error; or has no row; or a row of NaN. The last two
            warn, and name the images.

        Returns
        -------
        ndarray of float32, or dict of str to ndarray
            (N, 4096) for "fc7", (N, 256, 13, 13) for "conv5", ...; a row per image, also for one
            image. With a 10-crop preset an axis of views follows the first:
            (N, 10, 4096).

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `preprocess` and `forward`.

        Warns
        -----
        UserWarning
            Images could not be read, and `on_error` is not "raise".
        """
        from alexnet_cy.image_stream import warn_of_skipped

        names = (layers,) if isinstance(layers, str) else tuple(layers)
        prepared = self.preparation(preset, mean=mean, exif=exif, input_size=input_size)
        batches = list(
            self.iter_features(images, names, preset=prepared, threads=threads, on_error=on_error)
        )
        warn_of_skipped(batches)
        parts = [batch.values for batch in batches]
        if not parts:
            empty = prepared.network_input(prepared.empty_rows(0))
            parts = [self._runner.forward(empty, names, threads)]
        values = {name: np.concatenate([part[name] for part in parts]) for name in names}
        return values[layers] if isinstance(layers, str) else values

    def iter_features(
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: str | Sequence[str] = "fc7",
        *,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
        threads: int | None = None,
        on_error: OnError = "raise",
    ) -> Iterator[FeatureBatch]:
        """Extract the values of layers batch by batch: for more images than memory holds.

        Parameters
        ----------
        images, layers, preset, mean, exif, input_size, threads
            As for `features`.
        on_error : {"raise", "skip", "nan"}
            An image that cannot be read is an error; or it is named in its batch, and has no row,
            or a row of NaN.

        Returns
        -------
        iterator of FeatureBatch
            Of up to 64 views, in the order of the images.

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `features`; of images, when their batch is reached.
        """
        from alexnet_cy.image_stream import feature_batches

        names = (layers,) if isinstance(layers, str) else tuple(layers)
        prepared, n_threads = (
            self.preparation(preset, mean=mean, exif=exif, input_size=input_size),
            resolve_threads(threads),
        )
        batches = prepared_batches(images, prepared, n_threads, on_error)
        n_views = prepared.preset.views
        return feature_batches(self._runner, batches, names, n_views, threads)

    def write_features(
        self,
        images: ImageSource | Iterable[ImageSource] | Collection,
        output: str | PathLike[str],
        layers: str | Sequence[str] = "fc7",
        *,
        names: str | None = None,
        preset: str | Preset | Preparation | None = None,
        mean: object = None,
        exif: bool = False,
        input_size: int | tuple[int, int] | None = None,
        threads: int | None = None,
        on_error: OnError = "skip",
        pool: Pool | None = None,
        flatten: bool = False,
        dtype: DType = "float32",
        order: Order = "name",
        shard: tuple[int, int] | None = None,
        overwrite: bool = False,
        restart: bool = False,
        progress: Callable[[int, int], None] | None = None,
        announce: Callable[[str], None] | None = None,
    ) -> WrittenFeatures:
        """Write the values of layers for a collection of images to files; see docs/features.md.

        Rows are streamed to a folder beside the output, its name and ``.unfinished``. After an
        error, a crash or a kill the same call goes on where it was, and the output has the bytes
        of an undisturbed run.

        Parameters
        ----------
        images : path, or an iterable of images
            As for `features`; besides, a path may be a folder, which stands for the images below
            it, or an HDF5 file of images, "stimuli.h5::dataset".
        output : path
            Its ending is the format: .npz, .npy (one layer), .h5, .mat, .csv, .parquet; without
            one it is a folder with a .npy file for each layer.
        layers : str or sequence of str
            As for `features`; "all" is every value of the network.
        names : {"brainscore", "dnnbrain", "matlab"}, optional
            Whose names of layers these are.
        preset, mean, exif, input_size, threads
            As for `features`.
        on_error : {"skip", "nan", "raise"}
            An image that cannot be read has no row, or a row of NaN, and is listed in the output's
            metadata; or it is an error.
        pool : {"mean", "max", "l2"}, optional
            One number for each channel in place of its map.
        flatten : bool
            One axis in place of (C, H, W).
        dtype : {"float32", "float16"}
        order : {"name", "natural"}
            Of the images in a folder: img10 before img2, or behind it.
        shard : (int, int), optional
            (3, 100): the third of a hundred consecutive parts of the list, to an output of its
            own, "features-003-of-100.npz". One that is there already is left alone.
        overwrite : bool
            Replace an output that is there.
        restart : bool
            Begin anew, whatever an earlier run has done.
        progress : callable, optional
            Called after each batch with the images done and all images.
        announce : callable, optional
            Called with what people may want to know before it begins: the room that it takes.

        Returns
        -------
        WrittenFeatures

        Raises
        ------
        DifferentJobError
            What is unfinished, or the shard that is there, is of other weights, images, layers or
            settings.
        FileExistsError
            There is an output, and `overwrite` is False; or it is one of the images.
        ImageError
            An image cannot be read, with "raise"; a folder cannot; none of them can.
        OSError
            The output cannot be written, or its disk is too small or full.
        ImportError
            The format needs a library that is not installed.
        TypeError, ValueError
            An argument does not fit.
        """
        from alexnet_cy.extraction.job import make_job
        from alexnet_cy.extraction.write import write

        job = make_job(
            self,
            self.identity(),
            self.preparation(preset, mean=mean, exif=exif, input_size=input_size),
            images,
            output,
            layers,
            names=names,
            threads=None if threads is None else resolve_threads(threads),
            on_error=on_error,
            pool=pool,
            flatten=flatten,
            dtype=dtype,
            order=order,
            shard=shard,
            overwrite=overwrite,
            restart=restart,
        )
        return write(job, progress, announce or (lambda text: None))

    def identity(self) -> dict[str, object]:
        """Return what decides the bits of this network's values, as JSON can hold it.

        Returns
        -------
        dict
            "weights" (a name for people), "format", "weights_sha256" (of the file, or of the
            arrays; for random weights, of the seed), "variant", "classes", "isa" (the
            instruction-set level), and how convolutions are computed: "algorithm", "exact",
            "tuned".

        Raises
        ------
        OSError
            The file that the weights come from cannot be read any more.
        """
        from alexnet_cy.origin import hash_of_weights

        if self._weights_sha256 is None:
            self._weights_sha256 = hash_of_weights(self._origin, self._file, self._runner.weights)
        return {
            "weights": self._origin.name,
            "format": self._origin.format,
            "weights_sha256": self._weights_sha256,
            "variant": self.variant.name,
            "classes": self.variant.num_classes,
            "isa": self._runner.level,
            **self._runner.choices(),
        }
