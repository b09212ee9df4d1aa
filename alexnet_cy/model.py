"""AlexNet, the class that users hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
from numpy.typing import ArrayLike

from alexnet_cy.engine.arrays import Float32Array, as_float32
from alexnet_cy.engine.conv_algorithms import algorithm_names
from alexnet_cy.engine.executor import Executor
from alexnet_cy.engine.levels import active_kernels
from alexnet_cy.engine.packed import PackedWeights, WeightsView
from alexnet_cy.engine.plan import Plan
from alexnet_cy.engine.planning import make_plan
from alexnet_cy.engine.profile import Profile, profile
from alexnet_cy.engine.threads import resolve_threads
from alexnet_cy.network import Variant, get_variant
from alexnet_cy.weights.tensors import TensorRef

if TYPE_CHECKING:
    from alexnet_cy.images import Preset
    from alexnet_cy.images.decode import ImageSource
    from alexnet_cy.labels import Prediction

__all__ = ["AlexNet"]

# Images decoded and run at a time by classify and features: as many as the fully connected layers
# take together, so that a folder of any length needs the memory of this many.
IMAGES_AT_A_TIME = 64

# Plans kept per model, one for each combination of image size and layers asked for.
KEPT_PLANS = 16


class AlexNet:
    """One of the AlexNets with its weights, ready to run.

    Made by `AlexNet.random`, `AlexNet.load` or `AlexNet.from_pretrained`, or from arrays. A model
    does not change once it is made and may be used from several threads at once.

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

    def __init__(
        self,
        variant: str | Variant,
        weights: Mapping[str, ArrayLike | TensorRef],
        *,
        algorithm: str = "auto",
        exact: bool = False,
        source: str = "arrays",
    ) -> None:
        self._variant = get_variant(variant) if isinstance(variant, str) else variant
        if algorithm not in algorithm_names():
            raise ValueError(
                f"algorithm: need one of {', '.join(algorithm_names())}, got {algorithm!r}"
            )
        self._algorithm = algorithm
        self._exact = bool(exact)
        self._source = source
        tensors = _as_tensors(weights, self._variant)
        self._packed = PackedWeights(self._variant, tensors, active_kernels())
        self._executors: dict[object, Executor] = {}
        if not any(isinstance(value, TensorRef) for value in weights.values()):
            self._packed.take()

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
        from alexnet_cy.weights.random_weights import random_tensors

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
    ) -> AlexNet:
        """Load a weight file of any supported format; see docs/weights.md.

        The format is told by the file's content, and the variant is read from the file. Tensors
        are read when their layer first runs: a network used up to conv5 never reads the others.

        Parameters
        ----------
        path : str or PathLike
        variant : str, optional
            Forces the variant, for files that cannot tell it.
        algorithm : {"auto", "direct", "im2col"}

        Raises
        ------
        WeightsError
            The file cannot be read, is no AlexNet, or does not fit the variant.
        """
        from alexnet_cy.weights import open_network

        network = open_network(path, variant)
        return cls(network.variant, network.tensors, algorithm=algorithm, source=str(path))

    @classmethod
    def from_pretrained(cls, name: str = "deep-compression", *, algorithm: str = "auto") -> AlexNet:
        """Load a published weight file, downloading it on first use.

        It is kept in ``$ALEXNET_CY_HOME`` or this user's cache folder and checked by its hash every
        time. On a terminal a bar on stderr shows the download; one that broke off is continued.

        Parameters
        ----------
        name : str
            "deep-compression" (8.9 MB), "caffe", "caffenet", "torchvision", "bvlcalexnet-12" or
            "caffenet-12" (244 MB each); ``alexnet-cy weights list`` tells more of them.
        algorithm : {"auto", "direct", "im2col"}

        Raises
        ------
        ValueError
            There is no published file of this name.
        WeightsError
            The file cannot be fetched, or is not what it should be.
        OSError
            The cache folder cannot be written to.
        """
        from alexnet_cy.weights import open_network
        from alexnet_cy.weights.download import fetch
        from alexnet_cy.weights.download_bar import download_bar

        with download_bar(name) as progress:
            path = fetch(name, progress=progress)
        network = open_network(path)
        return cls(network.variant, network.tensors, algorithm=algorithm, source=name)

    @property
    def variant(self) -> Variant:
        """The network as data."""
        return self._variant

    @property
    def weights(self) -> Mapping[str, Float32Array]:
        """The weights by name, in their public layout; every access returns a fresh array."""
        return WeightsView(self._packed)

    def __repr__(self) -> str:
        return (
            f"<AlexNet {self._variant.name}, {self._variant.num_classes} classes, "
            f"weights: {self._source}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        weights = dict(self.weights.items())
        return _restore, (self._variant, weights, self._algorithm, self._exact, self._source)

    @overload
    def forward(
        self, x: ArrayLike, layers: None = None, *, threads: int | None = None
    ) -> Float32Array: ...
    @overload
    def forward(
        self, x: ArrayLike, layers: Sequence[str], *, threads: int | None = None
    ) -> dict[str, Float32Array]: ...
    def forward(
        self, x: ArrayLike, layers: Sequence[str] | None = None, *, threads: int | None = None
    ) -> Float32Array | dict[str, Float32Array]:
        """Run the network on preprocessed images.

        Parameters
        ----------
        x : array_like, shape (N, 3, H, W)
            As `preprocess` makes them; N may be 0. For layers up to pool5 any size works that the
            kernels fit; the fully connected layers need the size their weights were made for (the
            torchvision variant takes any from 63 pixels up).
        layers : sequence of str, optional
            Names of values inside the network: "conv5", "fc7", "fc7_pre" (before the ReLU), or
            torchvision's node names. The pass ends with the last of them.
        threads : int, optional
            None for the default. The result has the same bits for any number of threads and any
            number of images.

        Returns
        -------
        ndarray of float32, shape (N, classes), or dict of str to ndarray
            Probabilities; or, for each name in `layers`, (N, C, H, W) or (N, F).

        Raises
        ------
        TypeError, ValueError
            `x` or a name does not fit; the message says what is needed.
        WeightsError
            The file that the weights come from cannot be read any more.
        """
        images = self._images(x)
        names = self._names(layers)
        executor = self._executor(images.shape[2], images.shape[3], names)
        results = executor.run(images, resolve_threads(threads))
        if layers is None:
            return results[executor.plan.features[0]]
        return {name: results[feature] for name, feature in self._features(names)}

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
            Three numbers, or the per-pixel mean as an array or a file, instead of the preset's.
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
        """
        from alexnet_cy.images import preprocess

        return preprocess(
            images,
            self._variant.preset if preset is None else preset,
            mean=mean,  # type: ignore[arg-type]
            exif=exif,
            input_size=self._variant.input_size,
        )

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

    def profile(
        self,
        x: ArrayLike,
        layers: Sequence[str] | None = None,
        *,
        threads: int | None = None,
        repeats: int = 10,
    ) -> Profile:
        """Time every layer of a pass.

        Parameters
        ----------
        x : array_like, shape (N, 3, H, W), N at least 1
        layers, threads
            As for `forward`.
        repeats : int
            Passes that count, after one to warm up.

        Returns
        -------
        Profile
            Prints as a table.
        """
        images = self._images(x)
        if len(images) == 0:
            raise ValueError("x: need at least one image to time, got none")
        if isinstance(repeats, bool) or not hasattr(repeats, "__index__") or repeats < 1:
            raise ValueError(f"repeats: need a whole number from 1 up, got {repeats!r}")
        executor = self._executor(images.shape[2], images.shape[3], self._names(layers))
        return profile(executor, images, resolve_threads(threads), repeats)

    def plan(
        self,
        batch: int = 1,
        layers: Sequence[str] | None = None,
        *,
        height: int | None = None,
        width: int | None = None,
    ) -> Plan:
        """Say what a pass will do: steps, algorithms, sizes, memory. Prints as a table.

        Parameters
        ----------
        batch : int
            Number of images that the sizes are for.
        layers : sequence of str, optional
            As for `forward`.
        height, width : int, optional
            Of the images, in pixels; the variant's own size if left out.
        """
        if isinstance(batch, bool) or not hasattr(batch, "__index__") or batch < 0:
            raise ValueError(f"batch: need a whole number from 0 up, got {batch!r}")
        height = self._variant.input_size if height is None else height
        width = height if width is None else width
        return make_plan(
            self._variant,
            height,
            width,
            self._names(layers),
            algorithm=self._algorithm,
            exact=self._exact,
            batch=batch,
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Write the weights as safetensors, with the variant's name in its metadata.

        The file is written beside `path` and then renamed, so `path` is never half a file.

        Raises
        ------
        OSError
            It cannot be written.
        """
        from alexnet_cy.weights import safetensors

        safetensors.write(path, self._variant.name, self.weights)

    # ------------------------------------------------------------------------------ behind the door

    def _images(self, x: ArrayLike) -> Float32Array:
        images = as_float32(x, "x", 4, "(N, 3, H, W)")
        if images.shape[1] != 3:
            hint = ""
            if images.shape[3] == 3:
                hint = "; channels are the second axis here: x.transpose(0, 3, 1, 2)"
            raise ValueError(f"x: need shape (N, 3, H, W), got {images.shape}{hint}")
        return images

    def _names(self, layers: Sequence[str] | None) -> tuple[str, ...]:
        if layers is None:
            return (self._variant.layers[-1].name,)
        if isinstance(layers, str):
            raise TypeError(f"layers: need a sequence of names, got the string {layers!r}")
        return tuple(layers)

    def _features(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        from alexnet_cy.network import resolve_layer

        return ((name, resolve_layer(self._variant, name)) for name in names)

    def _executor(self, height: int, width: int, names: tuple[str, ...]) -> Executor:
        """Plan a pass, or find the plan of an earlier one."""
        key = (height, width, names)
        executor = self._executors.get(key)
        if executor is None:
            plan = make_plan(
                self._variant,
                height,
                width,
                names,
                algorithm=self._algorithm,
                exact=self._exact,
            )
            while len(self._executors) >= KEPT_PLANS:
                self._executors.pop(next(iter(self._executors)), None)
            executor = self._executors.setdefault(key, Executor(plan, self._packed))
        return executor

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
        x = self.preprocess(images, preset, mean=mean, exif=exif)
        n_images = len(images)
        return {
            name: value.reshape(n_images, -1, *value.shape[1:])
            for name, value in self.forward(x, names, threads=threads).items()
        }

    def _no_features(self, names: tuple[str, ...]) -> dict[str, Float32Array]:
        size = self._variant.input_size
        empty = self.forward(np.empty((0, 3, size, size), np.float32), names)
        return {name: value[:, np.newaxis] for name, value in empty.items()}


def _restore(
    variant: Variant, weights: Mapping[str, ArrayLike], algorithm: str, exact: bool, source: str
) -> AlexNet:
    """Make a pickled model anew, for the instruction-set level of this process."""
    return AlexNet(variant, weights, algorithm=algorithm, exact=exact, source=source)


def _as_tensors(
    weights: Mapping[str, ArrayLike | TensorRef], variant: Variant
) -> dict[str, TensorRef]:
    """Check every tensor against the variant; wrap arrays so that they read like files."""
    from alexnet_cy.weights.array_tensors import array_tensor

    wanted = variant.parameter_shapes()
    tensors, problems = {}, []
    for name, shape in wanted.items():
        value = weights.get(name)
        if value is None:
            problems.append(f"{name} is missing, need shape {shape}")
            continue
        if not isinstance(value, TensorRef):
            layout = "(O, I / groups, R, S)" if len(shape) == 4 else "(out, in)"
            value = array_tensor(as_float32(value, name, len(shape), layout))
        if value.shape != shape:
            problems.append(f"{name} has shape {value.shape}, need {shape}")
        tensors[name] = value
    problems += [f"{name} is not in the network" for name in weights if name not in wanted]
    if problems:
        raise ValueError(f"weights do not fit variant {variant.name!r}: " + "; ".join(problems))
    return tensors
