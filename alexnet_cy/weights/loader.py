"""From a path to a network: the file's format, its variant, and a check of every shape.

No number is read here. What `open_network` returns is known to fit; a tensor is read, and looked
through for NaN and infinity, when somebody asks for it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.contracts.arrays import first_nonfinite
from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.tensors import ArrayTensor, TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.bounds import MAX_CLASSES
from alexnet_cy.network.matching import (
    closest_variant,
    compare_shapes,
    describe,
    fit_classes,
    list_mismatches,
)
from alexnet_cy.network.recognition import differing_settings
from alexnet_cy.network.templates import LIKE, fitting_templates
from alexnet_cy.network.variants import VARIANTS, get_variant
from alexnet_cy.weights.detect import detect
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.network_file import NetworkFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FiniteTensor", "LoadedNetwork", "check_finite", "open_network", "read_file"]


@record(frozen=True, slots=True)
class LoadedNetwork:
    """A weight file whose tensors fit a variant, and have not been read.

    Attributes
    ----------
    variant : Variant
        With the file's number of classes.
    tensors : mapping of str to TensorRef
        One for each entry of ``variant.parameter_shapes()``, in that order and of that shape.
    format : str
        The format of the file, such as "caffemodel".
    path : str
        The path of the file.
    metadata : mapping of str to str
        What else the file says; "variant_note" tells where several variants fit and one was taken.
    labels : tuple of str
        The names of the classes, if the file has them.
    """

    variant: Variant
    tensors: Mapping[str, TensorRef]
    format: str
    path: str
    metadata: Mapping[str, str]
    labels: tuple[str, ...] = ()


def open_network(
    path: str | os.PathLike[str],
    variant: str | Variant | None = None,
    *,
    allow_nonfinite: bool = False,
) -> LoadedNetwork:
    """Open a weight file of any supported format and check it against a variant.

    The network is the one that the file describes, layer by layer; else it has the settings of the
    variant asked for, or of the one that the file tells of, or of the first of `VARIANTS` that is
    nearest to the file's shapes. AlexNet and CaffeNet have the same shapes, so a file that
    does not tell which of them it is is taken for "caffe", and the metadata say so.

    Parameters
    ----------
    path : path-like
        The file; its format is told by its content.
    variant : str or Variant, optional
        Forces a variant. A name gives the settings that the file does not tell, and the file the
        number and width of layers. A file that describes its network must describe this one; one
        that only names another is taken for this one, with a warning, if all shapes fit.
    allow_nonfinite : bool
        Whether tensors with NaN or infinity can be read.

    Returns
    -------
    LoadedNetwork

    Raises
    ------
    ValueError
        There is no variant of this name.
    WeightsError
        The file cannot be read or is of no known format; or its tensors do not fit: the message
        lists every one that is missing, too many, or of another shape, with both shapes.
    """
    forced = None if variant is None else get_variant(variant)
    opened = open_file(path)
    content = read_file(opened, forced)
    tensors = _with_biases(content.tensors)
    fitted, note = _decide(opened.path, replace(content, tensors=tensors), forced)
    tensors = {
        name: tensors[name]
        if allow_nonfinite
        else FiniteTensor(f"{opened.path!r}: {name}", tensors[name])
        for name in fitted.parameter_shapes()
    }
    metadata = {**content.metadata, **note}
    return LoadedNetwork(fitted, tensors, content.format, opened.path, metadata, content.labels)


def read_file(path: str | os.PathLike[str], variant: Variant | None = None) -> NetworkFile:
    """Detect a file's format and let its reader read the structure.

    Parameters
    ----------
    path : path-like
        The file.
    variant : Variant, optional
        The shapes to assume where a format has none (Deep Compression).

    Returns
    -------
    NetworkFile
        Compared with no variant.

    Raises
    ------
    WeightsError
        The file cannot be read or is of no known format.
    """
    opened = open_file(path)
    detected = detect(opened)
    module: Any = import_module(f"alexnet_cy.weights.{detected.module}")
    content: NetworkFile = (
        module.read(opened, variant) if detected.takes_variant else module.read(opened)
    )
    return content


class FiniteTensor(TensorRef):
    """A tensor that must be finite: what is read of it is looked through.

    Parameters
    ----------
    what : str
        What errors call the tensor.
    tensor : TensorRef
        Reads the numbers.
    """

    __slots__ = ("_tensor", "_what")

    def __init__(self, what: str, tensor: TensorRef) -> None:
        super().__init__(tensor.shape, tensor.dtype, tensor.stored_bytes)
        self._what = what
        self._tensor = tensor

    def read(self) -> NDArray[np.float32]:
        """Read all of the array and look through it."""
        array = self._tensor.read()
        check_finite(self._what, array)
        return array

    @property
    def reads_rows(self) -> bool:
        """Whether the tensor reads rows."""
        return self._tensor.reads_rows

    def read_rows(self, first: int, out: NDArray[np.float32]) -> None:
        """Read a part of the array; `check_rows` looks through it."""
        self._tensor.read_rows(first, out)

    def check_rows(self, first: int, rows: NDArray[np.float32]) -> None:
        """Refuse rows with NaN or infinity."""
        check_finite(self._what, rows, first)


def check_finite(name: str, tensor: NDArray[np.float32], first_row: int = 0) -> None:
    """Refuse a tensor that holds NaN or infinity.

    Parameters
    ----------
    name : str
        What the error calls the tensor.
    tensor : float32 array
        C-contiguous.
    first_row : int
        What the error adds to the first index: `tensor` may be the rows of another from there on.

    Raises
    ------
    WeightsError
        A value is not finite; the message gives the first one's index.
    """
    index = first_nonfinite(tensor)
    if index is not None:
        value = tensor[tuple(index)]
        index[0] += first_row
        raise WeightsError(
            f"{name}: the value at {index} is {value}; weights must be finite "
            "(allow_nonfinite=True loads them all the same)"
        )


def _decide(
    path: str, content: NetworkFile, forced: Variant | None
) -> tuple[Variant, dict[str, str]]:
    """Choose the variant, and say in a note if others would have fitted as well."""
    shapes = {name: tensor.shape for name, tensor in content.tensors.items()}
    if content.network is not None:
        return _as_the_file_has_it(path, content.network, forced, shapes), {}
    if forced is not None:
        fitted = _fit(path, forced, shapes, "was asked for")
        if content.variant not in (None, forced.name):
            warnings.warn(
                f"{path!r} is of variant {content.variant!r}, but {forced.name!r} was asked for: "
                "the shapes are the same, the results are not",
                stacklevel=3,
            )
        return fitted, {}
    if content.variant is not None:
        told = VARIANTS.get(content.variant)
        if told is None:
            raise WeightsError(
                f"{path!r}: says it is of variant {content.variant[:80]!r}; the variants are "
                f"{', '.join(VARIANTS)}, and variant= forces one"
            )
        return _fit(path, told, shapes, "is the one the file tells of"), {}
    return _guess(path, shapes)


def _as_the_file_has_it(
    path: str, network: Variant, forced: Variant | None, shapes: Mapping[str, tuple[int, ...]]
) -> Variant:
    """Return the network of a file that describes it; another one is an error."""
    differences = [] if forced is None else differing_settings(network, forced)
    if forced is not None and differences:
        raise WeightsError(
            f"{path!r}: describes a network of its own, and variant {forced.name!r}, which was "
            f"asked for, is another one: {'; '.join(differences)}"
        )
    taken = network if forced is None else fit_classes(forced, shapes)
    mismatches = compare_shapes(taken.parameter_shapes(), shapes)
    if mismatches:
        raise WeightsError(f"{path!r}: does not fit its own network; {describe(mismatches)}")
    return taken


def _guess(path: str, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Variant, dict[str, str]]:
    """Choose the first of the named networks that are nearest to the file's shapes."""
    fitting = fitting_templates(shapes)
    if not fitting:
        closest = closest_variant(VARIANTS.values(), shapes)
        return _fit(path, closest, shapes, "is the closest"), {}
    chosen, *others = fitting
    if not others:
        return chosen, {}
    names = ", ".join(repr(variant.name) for variant in others)
    note = (
        f"taken for {chosen.name!r}: the file does not tell it from {names}, which have the same "
        "shapes; variant= forces one of them"
    )
    return chosen, {"variant_note": note}


def _fit(path: str, variant: Variant, shapes: Mapping[str, tuple[int, ...]], why: str) -> Variant:
    """Return the network that a variant makes of the shapes; WeightsError if it makes none."""
    mismatches = list_mismatches(variant, shapes)
    if not mismatches:
        return fit_classes(variant, shapes)
    fitting = fitting_templates(shapes)
    if variant == VARIANTS.get(variant.name):
        for network in fitting:
            if network.name.removesuffix(LIKE) == variant.name:
                return network
    names = [repr(network.name.removesuffix(LIKE)) for network in fitting]
    advice = f"; it fits {', '.join(names)}, which variant= forces" if names else ""
    raise WeightsError(
        f"{path!r}: does not fit variant {variant.name!r}, which {why}{advice}; "
        f"{describe(mismatches)}"
    )


def _with_biases(tensors: Mapping[str, TensorRef]) -> Mapping[str, TensorRef]:
    """Add biases of zero where no layer of a kind, convolution or fully connected, has any."""
    complete = dict(tensors)
    for kind in ("conv", "fc"):
        names = [name for name in tensors if name.startswith(kind)]
        if not any(name.endswith(".bias") for name in names):
            for name in names:
                layer, _, ending = name.rpartition(".")
                shape = tensors[name].shape
                if ending == "weight" and shape and 0 < shape[0] <= MAX_CLASSES:
                    zeros = np.zeros(shape[0], np.float32)
                    complete[f"{layer}.bias"] = ArrayTensor(zeros)
    return complete
