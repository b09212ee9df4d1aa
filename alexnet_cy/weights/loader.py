"""From a path to a network: the file's format, its variant, and a check of every shape.

No number is read here. What `open_network` returns is known to fit; a tensor is read, and looked
through for NaN and infinity, when somebody asks for it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from alexnet_cy.contracts.arrays import first_nonfinite
from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.variants import get_variant
from alexnet_cy.weights.detect import detect
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.variant_choice import choose_variant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from alexnet_cy.weights.network_file import NetworkFile

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
    """

    variant: Variant
    tensors: Mapping[str, TensorRef]
    format: str
    path: str
    metadata: Mapping[str, str]


def open_network(
    path: str | os.PathLike[str],
    variant: str | Variant | None = None,
    *,
    allow_nonfinite: bool = False,
    head: str | None = None,
) -> LoadedNetwork:
    """Open a weight file of any supported format and check it against a variant.

    The network is the one that the file describes, layer by layer; else it has the settings of the
    variant asked for, or of the one that the file tells of, or of the first of `VARIANTS` that is
    nearest to the file's shapes. AlexNet and CaffeNet have the same shapes, so a file that
    does not tell which of them it is is taken for "caffe", with a warning.

    Parameters
    ----------
    path : path-like
        The file; its format is told by its content.
    variant : str or Variant, optional
        Forces a variant, where the file does not tell it: a name gives the settings, and the file
        the number and width of layers. One that contradicts a graph is an
        error; one that contradicts a name noted in the file is taken, with a warning, if all shapes
        fit.
    allow_nonfinite : bool
        Whether tensors with NaN or infinity can be read.
    head : str, optional
        The layer to end with, by its name in a file that has several ends (Caffe).

    Returns
    -------
    LoadedNetwork

    Raises
    ------
    ValueError
        There is no variant of this name.
    WeightsError
        The file cannot be read or is of no known format; or its tensors do not fit: the message
        lists every one that is missing, too many, or of another shape, with both shapes. Or the
        file has a graph, and that is of another variant than the one asked for.

    Warns
    -----
    AmbiguousVariantWarning
        Several variants fit and none was asked for.
    UserWarning
        The variant asked for is not the one noted in the file; or the tensors have PyTorch's names
        and the variant goes with Caffe's images.
    """
    forced = None if variant is None else get_variant(variant)
    opened = open_file(path)
    content = read_file(opened, forced, head)
    choice = choose_variant(opened.path, content, variant)
    if choice.warning is not None:
        warnings.warn(choice.warning, stacklevel=3)  # whoever called AlexNet.load
    tensors = {
        name: tensor if allow_nonfinite else FiniteTensor(f"{opened.path!r}: {name}", tensor)
        for name, tensor in choice.tensors.items()
    }
    metadata = dict(content.metadata)
    if choice.note:
        metadata["variant_note"] = choice.note
    return LoadedNetwork(choice.variant, tensors, content.format, opened.path, metadata)


def read_file(
    path: str | os.PathLike[str], variant: Variant | None = None, head: str | None = None
) -> NetworkFile:
    """Detect a file's format and let its reader read the structure.

    Parameters
    ----------
    path : path-like
        The file.
    variant : Variant, optional
        The shapes to assume where a format has none (Deep Compression).
    head : str, optional
        The layer to end with, for a format whose files may have several ends (Caffe).

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
    options: dict[str, Any] = {"variant": variant} if detected.takes_variant else {}
    if head is not None:
        if not detected.takes_head:
            raise WeightsError(
                f"{opened.path!r}: head= is for Caffe's files; a {detected.name} file has one end"
            )
        options["head"] = head
    content: NetworkFile = module.read(opened, **options)
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
