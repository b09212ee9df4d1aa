"""AlexNet, the class that users hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.runner import ArrayNetwork
from alexnet_cy.network import get_variant

if TYPE_CHECKING:
    from alexnet_cy.images import Preset
    from alexnet_cy.images.decode import ImageSource
    from alexnet_cy.labels import Prediction

__all__ = ["AlexNet"]

# Images decoded and run at a time by classify and features: as many as the fully connected layers
# take together, so that a folder of any length needs the memory of this many.
IMAGES_AT_A_TIME = 64


class AlexNet(ArrayNetwork):
    """One of the AlexNets with its weights, ready to run.

    Made by `AlexNet.random`, `AlexNet.load` or `AlexNet.from_pretrained`, or from arrays. A model
    does not change once it is made, but for the algorithms that `tune` chooses, and may be used
    from several threads at once.

    Parameters
    ----------
    variant : str or Variant
        "caffe", "caffenet", "torchvision", "paper", "ungrouped" or "plain".
    weights : mapping of str to array_like or TensorRef
        "conv1.weight" (O, I / groups, R, S), "conv1.bias" (O,), ..., "fc8.weight" (out, in),
        "fc8.bias" (out,), as `Variant.parameter_shapes` has them. Arrays are copied at once;
        tensors in a file are read when their layer first runs.
    algorithm : {"auto", "winograd", "direct", "im2col"}
        How the convolutions are computed.
    exact : bool
        Leave out Winograd's algorithm, whose rounding errors are larger (docs/numerics.md).
    source : str
        Where the weights come from, for people to read.

    Raises
    ------
    TypeError, ValueError
        A tensor is missing, superfluous or of another shape; the message lists all of them.
    """

    @classmethod
    def random(
        cls,
        variant: str = "caffe",
        *,
        seed: int = 0,
        num_classes: int = 1000,
        algorithm: str = "auto",
        exact: bool = False,
    ) -> AlexNet:
        """Make a network of random weights: for timing, testing and teaching.

        Weights are He-normal, of variance 2 / inputs of the neuron (He et al. 2015, equation 10);
        biases are zero. Each tensor has a random stream of its own, so a layer's weights do not
        depend on which others have been drawn.

        Parameters
        ----------
        variant : str
        seed : int
            The same seed gives the same weights.
        num_classes : int
            Neurons of the last layer.
        algorithm, exact
            As for the class.

        Raises
        ------
        TypeError, ValueError
            The variant is unknown, or `seed` or `num_classes` is no such number.
        """
        from alexnet_cy.network.random_weights import random_tensors

        network = get_variant(variant).with_num_classes(num_classes)
        return cls(
            network,
            random_tensors(network, seed),
            algorithm=algorithm,
            exact=exact,
            source=f"random, seed {seed}",
        )

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        variant: str | None = None,
        *,
        algorithm: str = "auto",
        exact: bool = False,
        allow_nonfinite: bool = False,
    ) -> AlexNet:
        """Load a weight file of any supported format; see docs/weights.md.

        The format is told by the file's content, and the variant is read from the file. Tensors
        are read when their layer first runs: a network used up to conv5 never reads the others.

        Parameters
        ----------
        path : str or PathLike
        variant : str, optional
            Forces the variant, for files that cannot tell it.
        algorithm, exact
            As for the class.
        allow_nonfinite : bool
            Take weights that are NaN or infinite, which are an error otherwise.

        Raises
        ------
        WeightsError
            The file cannot be read, is no AlexNet, or does not fit the variant.
        """
        from alexnet_cy.weights import open_network

        network = open_network(path, variant, allow_nonfinite=allow_nonfinite)
        return cls(
            network.variant, network.tensors, algorithm=algorithm, exact=exact, source=str(path)
        )

    @classmethod
    def from_pretrained(
        cls, name: str = "deep-compression", *, algorithm: str = "auto", exact: bool = False
    ) -> AlexNet:
        """Load a published weight file, downloading it on first use.

        It is kept in ``$ALEXNET_CY_HOME`` or this user's cache folder and checked by its hash every
        time. On a terminal a bar on stderr shows the download; one that broke off is continued.

        Parameters
        ----------
        name : str
            "deep-compression" (8.9 MB), "caffe", "caffenet", "torchvision", "bvlcalexnet-12" or
            "caffenet-12" (244 MB each); ``alexnet-cy weights list`` tells more of them.
        algorithm, exact
            As for the class.

        Raises
        ------
        ValueError
            There is no published file of this name.
        WeightsError
            The file cannot be fetched, or is not what it should be.
        OSError
            The cache folder cannot be written to.
        """
        from alexnet_cy.published.bar import download_bar
        from alexnet_cy.published.download import fetch
        from alexnet_cy.weights import open_network

        with download_bar(name) as progress:
            path = fetch(name, progress=progress)
        network = open_network(path)
        return cls(network.variant, network.tensors, algorithm=algorithm, exact=exact, source=name)

    def preprocess(
        self,
        images: ImageSource | Iterable[ImageSource],
        preset: str | Preset | None = None,
        *,
        mean: object = None,
        exif: bool = False,
    ) -> Float32Array:
        """Turn images into what `forward` takes.

        Parameters
        ----------
        images : path, bytes, file, PIL image, uint8 array (H, W, 3), or an iterable of them
        preset : str or Preset, optional
            The variant's own if left out; see docs/images.md.
        mean : optional
            Three numbers, or the per-pixel mean as an array or a .npy or .binaryproto file, instead
            of the preset's.
        exif : bool
            Turn photographs upright as their EXIF data says.

        Returns
        -------
        ndarray of float32, shape (N, 3, size, size)
            Ten rows per image for the 10-crop presets.

        Raises
        ------
        ImageError
            An image cannot be read or is refused; the message names it.
        TypeError, ValueError
            An argument does not fit.
        WeightsError
            The .binaryproto file of `mean` cannot be read.
        """
        from alexnet_cy.images import preprocess

        return preprocess(images, **self._preparation(preset, mean, exif))

    def classify(
        self,
        images: ImageSource | Iterable[ImageSource],
        top: int = 5,
        *,
        preset: str | Preset | None = None,
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
            How many classes, the most probable first.
        threads : int, optional

        Returns
        -------
        list of Prediction, or list of lists of them
            For one image, its predictions; for an iterable of images, such a list per image.

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `preprocess` and `forward`; `top` is less than 1.
        """
        from alexnet_cy.images.sources import is_one_image
        from alexnet_cy.labels import top_predictions

        if isinstance(top, bool) or not hasattr(top, "__index__") or top < 1:
            raise ValueError(f"top: need a whole number from 1 up, got {top!r}")
        found: list[list[Prediction]] = []
        for part in self._batches(images):
            probabilities = self._forward_views(
                part, ("prob",), preset=preset, mean=mean, exif=exif, threads=threads
            )["prob"].mean(axis=1)
            found.extend(top_predictions(row, top) for row in probabilities)
        return found[0] if is_one_image(images) else found

    @overload
    def features(  # type: ignore[overload-overlap]  # a str is a sequence of str too
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: str,
        *,
        preset: str | Preset | None = ...,
        mean: object = ...,
        exif: bool = ...,
        threads: int | None = ...,
    ) -> Float32Array: ...
    @overload
    def features(
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: Sequence[str],
        *,
        preset: str | Preset | None = ...,
        mean: object = ...,
        exif: bool = ...,
        threads: int | None = ...,
    ) -> dict[str, Float32Array]: ...
    def features(
        self,
        images: ImageSource | Iterable[ImageSource],
        layers: str | Sequence[str] = "fc7",
        *,
        preset: str | Preset | None = None,
        mean: object = None,
        exif: bool = False,
        threads: int | None = None,
    ) -> Float32Array | dict[str, Float32Array]:
        """Extract the values of layers from images.

        Parameters
        ----------
        images, preset, mean, exif
            As for `preprocess`.
        layers : str or sequence of str
            As for `forward`; one name or several.
        threads : int, optional

        Returns
        -------
        ndarray of float32, or dict of str to ndarray
            (N, 4096) for "fc7", (N, 256, 13, 13) for "conv5", ...; a row per image, also for one
            image. With a 10-crop preset there is an axis of views behind the first:
            (N, 10, 4096).

        Raises
        ------
        ImageError, TypeError, ValueError
            As for `preprocess` and `forward`.
        """
        names = (layers,) if isinstance(layers, str) else tuple(layers)
        parts = [
            self._forward_views(part, names, preset=preset, mean=mean, exif=exif, threads=threads)
            for part in self._batches(images)
        ]
        if not parts:
            parts = [self._no_features(names)]
        values = {name: np.concatenate([part[name] for part in parts]) for name in names}
        if next(iter(values.values())).shape[1:2] == (1,):
            values = {name: value[:, 0] for name, value in values.items()}
        return values[layers] if isinstance(layers, str) else values

    def _batches(self, images: ImageSource | Iterable[ImageSource]) -> Iterator[list[ImageSource]]:
        from alexnet_cy.images.sources import is_one_image

        if is_one_image(images):
            yield [cast("ImageSource", images)]
            return
        iterator = iter(cast("Iterable[ImageSource]", images))
        while part := list(islice(iterator, IMAGES_AT_A_TIME)):
            yield part

    def _forward_views(
        self,
        images: list[ImageSource],
        names: tuple[str, ...],
        *,
        preset: str | Preset | None,
        mean: object,
        exif: bool,
        threads: int | None,
    ) -> dict[str, Float32Array]:
        """Preprocess and run; (N, views, ...) for every name."""
        from alexnet_cy.images import prepare

        x = prepare(images, **self._preparation(preset, mean, exif))
        n_images = len(images)
        return {
            name: value.reshape(n_images, -1, *value.shape[1:])
            for name, value in self.forward(x, names, threads=threads).items()
        }

    def _preparation(self, preset: str | Preset | None, mean: object, exif: bool) -> dict[str, Any]:
        """Return the arguments of `images.preprocess` and `images.prepare`."""
        from alexnet_cy.weights.caffe.mean_files import read_mean

        return {
            "preset": self._variant.preset if preset is None else preset,
            "mean": read_mean(mean),
            "exif": exif,
            "input_size": self._variant.input_size,
        }

    def _no_features(self, names: tuple[str, ...]) -> dict[str, Float32Array]:
        size = self._variant.input_size
        empty = self.forward(np.empty((0, 3, size, size), np.float32), names)
        return {name: value[:, np.newaxis] for name, value in empty.items()}
