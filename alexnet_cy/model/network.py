"""AlexNet, the class that users hold: where networks come from and go."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from alexnet_cy.contracts.trained_on import TrainedOn
from alexnet_cy.model.learning import Learning
from alexnet_cy.network import Variant, get_variant

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from alexnet_cy.origin import Origin, WeightsOfFile

__all__ = ["AlexNet"]


class AlexNet(Learning):
    """One of the AlexNets with its weights, ready to run.

    Made by `AlexNet.random`, `AlexNet.load` or `AlexNet.from_pretrained`, or from arrays. A model
    does not change once it is made, but for the algorithms that `tune` chooses, and may be used
    from several threads at once.

    Parameters
    ----------
    variant : str or Variant
        "caffe", "caffenet", "torchvision", "paper", "ungrouped", "plain" or "darknet"; or any other
        network, as data.
    weights : mapping of str to array_like or TensorRef
        "conv1.weight" (O, I / groups, R, S), "conv1.bias" (O,), ..., "fc8.weight" (out, in),
        "fc8.bias" (out,), as `Variant.parameter_shapes` has them. Arrays are copied at once;
        tensors in a file are read when their layer first runs.
    algorithm : {"auto", "winograd", "direct", "im2col"}
        The algorithm of the convolutions.
    exact : bool
        Leave out Winograd's algorithm, whose rounding errors are larger (docs/numerics.md).
    source : str
        Where the weights come from, for people to read.
    allow_nonfinite : bool
        Take arrays with NaN or infinity, which are an error otherwise; see `load` for files.
    trained_on : TrainedOn, optional
        The names of the classes, and how images were prepared in training; `save` notes it in the
        file and `load` reads it.

    Raises
    ------
    TypeError, ValueError
        A tensor is missing, superfluous or of another shape; the message lists all of them. Or a
        number is not finite; the message names the tensor. Or `trained_on` has more or fewer
        classes than the network.
    """

    @classmethod
    def random(
        cls,
        variant: str | Variant = "caffe",
        *,
        seed: int = 0,
        num_classes: int | None = None,
        algorithm: str = "auto",
        exact: bool = False,
    ) -> AlexNet:
        """Make a network of random weights: for timing, testing and teaching.

        Weights are He-normal, of variance 2 / inputs of the neuron (He et al. 2015, equation 10);
        biases are zero. Each tensor has a random stream of its own, so a layer's weights do not
        depend on which others have been drawn.

        Parameters
        ----------
        variant : str or Variant
        seed : int
            The same seed gives the same weights.
        num_classes : int, optional
            Neurons of the classifier; the variant's own number if left out, 1000 of a named one.
        algorithm, exact
            As for the class.

        Raises
        ------
        TypeError, ValueError
            The variant is unknown, or `seed` is negative or `num_classes` less than 1.
        """
        from alexnet_cy.network.random_weights import random_tensors
        from alexnet_cy.origin import Origin

        network = get_variant(variant)
        if num_classes is not None:
            network = network.with_num_classes(num_classes)
        weights = random_tensors(network, seed)
        net = cls(network, weights, algorithm=algorithm, exact=exact)
        net._origin = Origin(f"random, seed {seed}", "random")
        return net

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        variant: str | Variant | None = None,
        *,
        algorithm: str = "auto",
        exact: bool = False,
        allow_nonfinite: bool = False,
        name: str | None = None,
        head: str | None = None,
    ) -> AlexNet:
        """Load a weight file of any supported format; see docs/weights.md.

        The format is told by the file's content. A file that describes its network (Caffe's,
        ONNX) is taken as it is: any number of layers, of channels of an image, of classes. Of
        others the shapes of the tensors tell the variant nearest to them, as far as they can, and
        where the network ends. Tensors are read when their layer first runs: a network used up to
        conv5 never reads the others.

        Parameters
        ----------
        path : str or PathLike
        variant : str or Variant, optional
            Chooses the variant, for files that do not record it. A name gives the settings that
            the shapes leave open, and the file the layers; a `Variant` of your own may have other
            strides, pools or sizes than the named ones, and is what the file has, layer by layer::

                tiny = replace(VARIANTS["torchvision"], name="tiny", input_size=64, layers=...)
                net = AlexNet.load("tiny.pth", variant=tiny)
        algorithm, exact
            As for the class.
        allow_nonfinite : bool
            Take weights that are NaN or infinite, which are an error otherwise.
        name : str, optional
            The name of the weights in `origin` and `repr`; the path if left out.
        head : str, optional
            The layer to end with, by its name in a Caffe file that has several ends: "fc8_age".

        Raises
        ------
        WeightsError
            The file cannot be read, is no AlexNet, or does not fit the variant. A file that is
            changed later is an error of the pass that reads from it; one that is replaced, as
            `save` does it, is not: the network stays what was opened.

        Warns
        -----
        AmbiguousVariantWarning
            Several variants fit the file, it does not record which, and none was given; the
            message names them.
        """
        from alexnet_cy.origin import Origin, WeightsOfFile
        from alexnet_cy.weights import open_file, open_network
        from alexnet_cy.weights.trained_on import trained_on

        file = open_file(path)
        opened = open_network(file, variant, allow_nonfinite=allow_nonfinite, head=head)
        trained = trained_on(opened.path, opened.metadata, opened.variant.num_classes)
        net = cls(
            opened.variant, opened.tensors, algorithm=algorithm, exact=exact, trained_on=trained
        )
        note = opened.metadata.get("variant_note", "")
        net._origin = Origin(file.path if name is None else name, opened.format, note)
        net._file = WeightsOfFile(file.stamps, allow_nonfinite, head=head)
        return net

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
            "caffenet-12" (244 MB each); ``alexnet-cy weights list`` describes them.
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
        from alexnet_cy.origin import WeightsOfFile
        from alexnet_cy.published.bar import download_bar
        from alexnet_cy.published.download import fetch_stamp

        with download_bar(name) as progress:
            stamp = fetch_stamp(name, progress=progress)
        net = cls.load(stamp, algorithm=algorithm, exact=exact, name=name)
        net._file = WeightsOfFile((stamp,), False, published=name)
        return net

    @classmethod
    def load_packed(cls, path: str | PathLike[str]) -> AlexNet:
        """Load a network that `save_packed` has written, in milliseconds and without copying it.

        The file is mapped into memory. Its SHA-256 is checked when it is loaded for the first
        time, its size and time from then on, and before and after every pass: if somebody has
        written into it, the pass is a WeightsError. (Save a new one with `save_packed`, which
        replaces the file and leaves the old one to those who use it.) A file that is cut off in
        the middle of a pass ends the process: so systems treat mapped files.

        Raises
        ------
        WeightsError
            It cannot be opened, is no such file, is damaged, or is for another version or
            instruction-set level.
        """
        from os import fsdecode
        from os.path import abspath

        from alexnet_cy.origin import Origin
        from alexnet_cy.shared_weights import open_packed
        from alexnet_cy.weights.trained_on import trained_on

        runner, header = open_packed(path)
        name, network = fsdecode(path), header["network"]
        net = cls.__new__(cls)
        net._runner, net._file = runner, None
        net._origin = Origin(network["weights"], network["format"], header["note"])
        net._trained_on = trained_on(name, header["trained_on"], runner.variant.num_classes)
        net._weights_sha256 = network["weights_sha256"]
        net._packed_path = abspath(name)
        return net

    def save_packed(self, path: str | PathLike[str]) -> None:
        """Write the weights as the kernels take them, for `load_packed` on this machine.

        Processes that load the file share one copy of it, read-only: eight of them hold 300 MB
        together, where each would hold as much. It is a cache: for this version and this
        instruction-set level alone, and no format to keep weights in.

        Parameters
        ----------
        path : path-like
            Written whole or not at all, as by `save`. Processes that use a former file keep it.

        Raises
        ------
        OSError
            It cannot be written.
        WeightsError
            The file that the weights come from cannot be read.
        """
        from alexnet_cy.shared_weights import save_packed
        from alexnet_cy.weights.trained_on import metadata_of

        more = {
            "network": self.identity(),
            "note": self._origin.note,
            "trained_on": metadata_of(self._trained_on),
        }
        save_packed(self._runner, path, more)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a file that has not changed as its path, size and time; other weights whole.

        Of packed weights, the path and the hash travel.
        """
        if self._packed_path:
            return _restore_packed, (type(self), self._packed_path, self._weights_sha256)
        runner, file = self._runner, self._file
        weights: object = dict(runner.weights.items())
        if file is not None and file.is_current():
            weights = file
        settings = runner.algorithm, runner.exact, dict(runner.tuned), self._trained_on
        return _restore, (type(self), runner.variant, weights, self._origin, *settings)


def _restore_packed(kind: type[AlexNet], path: str, weights_sha256: str) -> AlexNet:
    """Load packed weights in another process of this machine."""
    from alexnet_cy.errors import WeightsError

    net = kind.load_packed(path)
    if net._weights_sha256 != weights_sha256:
        raise WeightsError(f"{path!r}: a network was sent as this file, which has changed since")
    return net


def _restore(
    kind: type[AlexNet],
    variant: Variant,
    weights: Mapping[str, ArrayLike] | WeightsOfFile,
    origin: Origin,
    algorithm: str,
    exact: bool,
    tuned: Mapping[str, str],
    trained_on: TrainedOn,
) -> AlexNet:
    """Make a pickled network anew, for the instruction-set level of this process."""
    from alexnet_cy.origin import WeightsOfFile

    file = weights if isinstance(weights, WeightsOfFile) else None
    tensors = weights.tensors(variant) if isinstance(weights, WeightsOfFile) else weights
    # What was allowed once, or a file was opened with, is not asked about again.
    net = kind(
        variant,
        tensors,
        algorithm=algorithm,
        exact=exact,
        allow_nonfinite=True,
        trained_on=trained_on,
    )
    net._origin, net._file = origin, file
    net._runner.use_algorithms(tuned)
    return net
