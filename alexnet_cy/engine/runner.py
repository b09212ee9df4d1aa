"""A network and its weights on preprocessed arrays: forward pass, plan, profile, saving."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from threading import Lock
from typing import TYPE_CHECKING, Any, overload

from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.arrays import as_float32
from alexnet_cy.engine.choice.conv_algorithms import CONV_VARIABLE, algorithm_names
from alexnet_cy.engine.packed.given import given_tensors
from alexnet_cy.engine.packed.packed_weights import PackedWeights, WeightsView
from alexnet_cy.engine.plan.plan import Plan
from alexnet_cy.engine.plan.planning import make_plan
from alexnet_cy.engine.run.executor import Executor
from alexnet_cy.kernels._runtime import kernels_of
from alexnet_cy.machine.levels import active_level
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network import Variant, get_variant, resolve_layer

if TYPE_CHECKING:
    from alexnet_cy.engine.run.profile import Profile
    from alexnet_cy.engine.tune.tuning import Tuning

__all__ = ["ArrayNetwork"]

# Plans kept per network, one for each combination of image size and layers asked for.
KEPT_PLANS = 16


class ArrayNetwork:
    """What of `alexnet_cy.AlexNet` knows no files and no images.

    It does not change once it is made, but for the algorithms that `tune` chooses, and may be used
    from several threads at once.

    Parameters are those of `AlexNet`, which adds where weights come from and what reads images.
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
        tensors = given_tensors(weights, self._variant)
        self._level = active_level()
        self._packed = PackedWeights(self._variant, tensors, kernels_of(self._level))
        self._executors: dict[object, Executor] = {}
        self._executors_lock = Lock()
        self._tuned: Mapping[str, str] = {}  # replaced as a whole, never changed
        self._tune_lock = Lock()
        self._packed.pack_now(
            name for name, value in weights.items() if not isinstance(value, TensorRef)
        )

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
            f"<{type(self).__name__} {self._variant.name}, {self._variant.num_classes} classes, "
            f"weights: {self._source}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        weights = dict(self.weights.items())
        return _restore, (
            type(self),
            self._variant,
            weights,
            self._algorithm,
            self._exact,
            self._source,
            dict(self._tuned),
        )

    @overload
    def forward(
        self, x: ArrayLike | PixelBatch, layers: None = None, *, threads: int | None = None
    ) -> Float32Array: ...
    @overload
    def forward(
        self, x: ArrayLike | PixelBatch, layers: Sequence[str], *, threads: int | None = None
    ) -> dict[str, Float32Array]: ...
    def forward(
        self,
        x: ArrayLike | PixelBatch,
        layers: Sequence[str] | None = None,
        *,
        threads: int | None = None,
    ) -> Float32Array | dict[str, Float32Array]:
        """Run the network on preprocessed images.

        Parameters
        ----------
        x : array_like, shape (N, 3, H, W), or PixelBatch
            As `preprocess` makes them, or `images.prepare`; N may be 0. For layers up to pool5 any
            size works that the kernels fit; the fully connected layers need the size their weights
            were made for (the torchvision variant takes any from 63 pixels up).
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

    def profile(
        self,
        x: ArrayLike | PixelBatch,
        layers: Sequence[str] | None = None,
        *,
        threads: int | None = None,
        repeats: int = 10,
    ) -> Profile:
        """Time every layer of a pass.

        Parameters
        ----------
        x : array_like, shape (N, 3, H, W), or PixelBatch; N at least 1
        layers, threads
            As for `forward`.
        repeats : int
            Passes that count, after two to warm up.

        Returns
        -------
        Profile
            Prints as a table.
        """
        from alexnet_cy.engine.run.profile import profile

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
        threads: int | None = None,
    ) -> Plan:
        """Say what a pass will do: steps, algorithms, sizes, memory, costs. Prints as a table.

        Parameters
        ----------
        batch : int
            Number of images that the sizes and the expected times are for.
        layers : sequence of str, optional
            As for `forward`.
        height, width : int, optional
            Of the images, in pixels; the variant's own size if left out.
        threads : int, optional
            What the expected times are for, each on a processor of its own; None for the default.
            Neither it nor `batch` changes what is done.
        """
        if isinstance(batch, bool) or not hasattr(batch, "__index__") or batch < 0:
            raise ValueError(f"batch: need a whole number from 0 up, got {batch!r}")
        height, width = self._size(height, width)
        return make_plan(
            self._variant,
            height,
            width,
            self._names(layers),
            algorithm=self._algorithm,
            exact=self._exact,
            tuned=self._tuned,
            level=self._level,
            batch=batch,
            threads=resolve_threads(threads),
        )

    def tune(
        self,
        batch: int = 1,
        *,
        threads: int | None = None,
        height: int | None = None,
        width: int | None = None,
        fresh: bool = False,
    ) -> Tuning:
        """Time every algorithm on every convolution; from then on use the fastest of each.

        That takes a second or two, once: the times are kept in ``tuning.json`` in
        ``$ALEXNET_CY_HOME`` or this user's cache folder, and another call for the same processor,
        instruction-set level, version, convolutions, batch and threads answers from there.

        The choice holds for passes of any batch, any number of threads and any size of image, so
        these still do not change a bit of a result. The choice itself may change the last bits
        (docs/numerics.md). ALEXNET_CY_CONV has precedence over it.

        Parameters
        ----------
        batch : int
            Number of images to time, at least 1.
        threads : int, optional
            None for the default.
        height, width : int, optional
            Of the images, in pixels; the variant's own size if left out.
        fresh : bool
            Measure anew, whatever was kept.

        Returns
        -------
        Tuning
            Prints as a table: what every candidate took, and the choice.

        Raises
        ------
        TypeError, ValueError
            An argument does not fit, or `algorithm` or ALEXNET_CY_CONV leaves nothing to choose.

        Warns
        -----
        UserWarning
            The times cannot be kept, or the file of kept ones cannot be used.
        """
        from alexnet_cy.engine.tune.tuning import tune
        from alexnet_cy.engine.tune.tuning_cache import FILE_NAME
        from alexnet_cy.machine.cache_folder import cache_folder

        if isinstance(batch, bool) or not hasattr(batch, "__index__") or batch < 1:
            raise ValueError(f"batch: need a whole number from 1 up, got {batch!r}")
        height, width = self._size(height, width)
        with self._tune_lock:  # two at once would time each other
            tuning = tune(
                self._variant,
                height,
                width,
                batch=batch,
                threads=resolve_threads(threads),
                level=self._level,
                algorithm=self._algorithm,
                exact=self._exact,
                kept_in=cache_folder() / FILE_NAME,
                fresh=fresh,
            )
            self._tuned = tuning.choices
        return tuning

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

    def _images(self, x: ArrayLike | PixelBatch) -> Float32Array | PixelBatch:
        if isinstance(x, PixelBatch):
            return x
        images = as_float32(x, "x", 4, "(N, 3, H, W)")
        if images.shape[1] != 3:
            hint = ""
            if images.shape[3] == 3:
                hint = "; channels are the second axis here: x.transpose(0, 3, 1, 2)"
            raise ValueError(f"x: need shape (N, 3, H, W), got {images.shape}{hint}")
        return images

    def _size(self, height: int | None, width: int | None) -> tuple[int, int]:
        height = self._variant.input_size if height is None else height
        return height, height if width is None else width

    def _names(self, layers: Sequence[str] | None) -> tuple[str, ...]:
        if layers is None:
            return (self._variant.layers[-1].name,)
        if isinstance(layers, str):
            raise TypeError(f"layers: need a sequence of names, got the string {layers!r}")
        return tuple(layers)

    def _features(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        return ((name, resolve_layer(self._variant, name)) for name in names)

    def _executor(self, height: int, width: int, names: tuple[str, ...]) -> Executor:
        """Plan a pass, or find the plan of an earlier one."""
        tuned = self._tuned
        key = (height, width, names, os.environ.get(CONV_VARIABLE), tuple(tuned.items()))
        executor = self._executors.get(key)
        if executor is None:
            plan = make_plan(
                self._variant,
                height,
                width,
                names,
                algorithm=self._algorithm,
                exact=self._exact,
                tuned=tuned,
                level=self._level,
            )
            with self._executors_lock:
                while len(self._executors) >= KEPT_PLANS:
                    del self._executors[next(iter(self._executors))]
                executor = self._executors.setdefault(key, Executor(plan, self._packed))
        return executor


def _restore(
    kind: type[ArrayNetwork],
    variant: Variant,
    weights: Mapping[str, ArrayLike],
    algorithm: str,
    exact: bool,
    source: str,
    tuned: Mapping[str, str],
) -> ArrayNetwork:
    """Make a pickled network anew, for the instruction-set level of this process."""
    network = kind(variant, weights, algorithm=algorithm, exact=exact, source=source)
    network._tuned = tuned
    return network
