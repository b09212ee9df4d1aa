"""A network that runs: passes, their plans, algorithms and times; gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, overload

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.contracts.trained_on import TrainedOn
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network import Variant, feature_names, get_variant

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from alexnet_cy.engine.plan.plan import Plan
    from alexnet_cy.engine.run.profile import Profile
    from alexnet_cy.engine.tune.tuning import Tuning
    from alexnet_cy.origin import Origin, WeightsOfFile


__all__ = ["Running"]


class Running:
    """A network with its weights: its passes, and what is known of them.

    The first of the classes that make up `alexnet_cy.AlexNet`, which documents the parameters.
    """

    def __init__(
        self,
        variant: str | Variant,
        weights: Mapping[str, ArrayLike | TensorRef],
        *,
        algorithm: str = "auto",
        exact: bool = False,
        source: str = "arrays",
        allow_nonfinite: bool = False,
        trained_on: TrainedOn | None = None,
    ) -> None:
        # The engine comes with the first network: half of what `import alexnet_cy` would take.
        from alexnet_cy.engine.runner import Runner
        from alexnet_cy.origin import Origin

        known = get_variant(variant)
        self._runner = Runner(
            known, weights, algorithm=algorithm, exact=exact, allow_nonfinite=allow_nonfinite
        )
        self._origin = Origin(source, "arrays")
        self._file: WeightsOfFile | None = None
        self._trained_on = TrainedOn() if trained_on is None else trained_on
        names = self._trained_on.classes
        if names and len(names) != known.num_classes:
            raise ValueError(
                f"trained_on: {len(names)} classes; the network has {known.num_classes}"
            )
        self._weights_sha256: str | None = None
        self._packed_path = ""

    @property
    def variant(self) -> Variant:
        """The network as data."""
        return self._runner.variant

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the values that can be asked for, in the order of the pass."""
        return feature_names(self.variant)

    @property
    def weights(self) -> Mapping[str, Float32Array]:
        """The weights by name, in their public layout; every access returns a fresh array."""
        return self._runner.weights

    @property
    def trained_on(self) -> TrainedOn:
        """How the network was trained, as far as its weight file says."""
        return self._trained_on

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; none where the weights came without, as ImageNet's do."""
        return self._trained_on.classes

    @property
    def origin(self) -> Origin:
        """Where the weights come from."""
        return self._origin

    def __repr__(self) -> str:
        variant = self.variant
        n_classes = variant.num_classes
        end = f"{n_classes} classes" if n_classes else f"up to {variant.layers[-1].name}"
        return f"<{type(self).__name__} {variant.name}, {end}, weights: {self._origin.name}>"

    @overload
    def forward(
        self, x: ArrayLike | PixelBatch, layers: None = None, *, threads: int | None = None
    ) -> Float32Array: ...

    @overload
    def forward(  # type: ignore[overload-overlap]  # a str is a sequence of str too
        self, x: ArrayLike | PixelBatch, layers: str, *, threads: int | None = None
    ) -> Float32Array: ...

    @overload
    def forward(
        self, x: ArrayLike | PixelBatch, layers: Sequence[str], *, threads: int | None = None
    ) -> dict[str, Float32Array]: ...

    def forward(
        self,
        x: ArrayLike | PixelBatch,
        layers: str | Sequence[str] | None = None,
        *,
        threads: int | None = None,
    ) -> Float32Array | dict[str, Float32Array]:
        """Run the network on preprocessed images.

        Parameters
        ----------
        x : array_like, shape (N, C, H, W), or PixelBatch
            As `preprocess` makes them, or `images.prepare`; N may be 0; C is 3 of all named
            variants. For layers up to pool5 any size works that the kernels fit; the fully
            connected layers need the size their weights were made for (the torchvision variant
            takes any from 63 pixels up), unless they are convolutions.
        layers : str or sequence of str, optional
            Names of values inside the network: "conv5", "fc7", "fc7_pre" (before the ReLU), or
            torchvision's node names; one name or several. The pass ends with the last of them.
        threads : int, optional
            None for the default, which goes down while other programs want the processors. The
            result has the same bits for any number of threads and any number of images.

        Returns
        -------
        ndarray of float32, shape (N, classes), or dict of str to ndarray
            Probabilities, or the last layer's value if the network ends before them; or the value
            of one name, (N, C, H, W) or (N, F); or such a value for each name of a sequence.

        Raises
        ------
        TypeError, ValueError
            `x` or a name does not fit; the message says what is needed.
        WeightsError
            The file that the weights come from cannot be read any more.
        """
        names = (layers,) if isinstance(layers, str) else layers
        results = self._runner.forward(x, names, threads)
        several = layers is not None and not isinstance(layers, str)
        return results if several else next(iter(results.values()))

    def gradients(
        self,
        x: ArrayLike | PixelBatch,
        labels: ArrayLike,
        *,
        wrt: str | Sequence[str] = "weights",
        threads: int | None = None,
    ) -> tuple[float, dict[str, Float32Array]]:
        """Compute the loss of a batch, and its gradients by the weights or by the images.

        The loss is the mean softmax cross-entropy; nothing is dropped. The network does not change:
        `alexnet_cy.training` has what learns.

        Parameters
        ----------
        x : array_like, shape (N, 3, H, W), or PixelBatch
            As for `forward`; N at least 1.
        labels : array_like of int, shape (N,)
            The class of each image, from 0 up.
        wrt : str or sequence of str
            "weights" for those of all layers, "input" for the images (a saliency map), or names of
            layers such as "fc8" for their weights and biases.
        threads : int, optional

        Returns
        -------
        loss : float
        gradients : dict of str to ndarray of float32
            "conv1.weight", ..., in the shapes of the weights; "input" in that of x. Within 1e-4 of
            each array's largest value, and with `exact` within 3e-5 (docs/numerics.md).

        Raises
        ------
        TypeError, ValueError
            An argument does not fit, or the network does not end with a fully connected layer and
            a softmax; the message says what is needed.
        WeightsError
            The file that the weights come from cannot be read any more.
        """
        from alexnet_cy.training.step.gradients_of import gradients_of

        return gradients_of(
            self.variant, self.weights, x, labels, wrt, exact=self._runner.exact, threads=threads
        )

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
        x : array_like, shape (N, C, H, W), or PixelBatch; N at least 1
        layers, threads
            As for `forward`.
        repeats : int
            Passes that count, after two to warm up.

        Returns
        -------
        Profile
            Prints as a table.
        """
        return self._runner.profile(x, layers, threads, repeats)

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
            Threads that the expected times assume, one a processor; None for the default.
            Neither it nor `batch` changes what is done.
        """
        return self._runner.plan(batch, layers, height, width, threads)

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
        from alexnet_cy.engine.tune.tuning_cache import times_file

        runner = self._runner
        height, width = runner.image_size(height, width)
        batch, threads = as_count(batch, "batch"), resolve_threads(threads)
        kept_in = times_file()

        def measure() -> Tuning:
            return tune(
                runner.variant,
                height,
                width,
                batch=batch,
                threads=threads,
                level=runner.level,
                algorithm=runner.algorithm,
                exact=runner.exact,
                kept_in=kept_in,
                fresh=fresh,
            )

        tuning = runner.tuning_turns.do(measure)  # two at once would time each other
        runner.use_algorithms(tuning.choices)
        return tuning

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network in the format of the path's ending, or else as safetensors.

        The endings are those of ``alexnet-cy convert``: .safetensors, .npz, .onnx, .caffemodel and
        .pth. Safetensors and .npz name the variant, or describe the network, and say `trained_on`;
        the others have no place for the names of the classes, the preset and the mean.

        The file is written beside `path` and then renamed, so `path` is never half a file. A
        file that is there is replaced, and the new one has its mode; a new file has the mode that
        the umask leaves. Of a symbolic link the target is replaced, and the link stays.

        Raises
        ------
        OSError
            It cannot be written: no such folder, no permission; or there is a folder, a device, a
            FIFO or a socket, which is left as it is.
        WeightsError
            The format has no place for what the network is.
        """
        from alexnet_cy.weights.trained_on import metadata_of
        from alexnet_cy.weights.writing import writer_of_ending

        write = writer_of_ending(path)
        write(path, self.variant, self.weights, metadata_of(self._trained_on))
