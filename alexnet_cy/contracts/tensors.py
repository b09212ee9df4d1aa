"""What every reader returns: the tensors of a file by name, none of them read yet.

A reader looks at the structure of a file (headers, indices, names) and hands back one
`NetworkFile`. Its tensors carry canonical names and the layouts of the package, so whoever reads
one needs to know nothing of the format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.contracts.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["NetworkFile", "TensorRef", "array_tensor"]


@record(frozen=True, slots=True)
class TensorRef:
    """One array in a file, read only when asked for.

    Attributes
    ----------
    shape : tuple of int
        Shape of the array that `read` returns, in the package's layout.
    dtype : str
        Number format in the file, in the names of safetensors: ``"F32"``, ``"F16"``, ``"BF16"``,
        ``"F64"``; a codebook format has a name of its own, such as ``"U4"``.
    stored_bytes : int
        Bytes that the array takes in the file.
    read : callable
        ``read()`` returns a float32 array, native-endian, C-contiguous, of `shape`, owned by the
        caller (writable or not). Every call reads the file again. Raises `WeightsError` if the
        file does not yield the array.
    read_rows : callable, optional
        ``read_rows(first, rows)`` fills a C-contiguous float32 array with the part of the array
        that begins at index `first` of its first axis; from several threads at once. Raises
        `WeightsError` as `read` does, but for numbers that are not finite: they are left to the
        caller, who looks at every number anyway. None where the file yields only all of it.
    check_rows : callable, optional
        ``check_rows(first, rows)`` raises `WeightsError` if rows from `read_rows` hold a NaN or an
        infinity. None where they may.
    """

    shape: tuple[int, ...]
    dtype: str
    stored_bytes: int
    read: Callable[[], NDArray[np.float32]]
    read_rows: Callable[[int, NDArray[np.float32]], object] | None = None
    check_rows: Callable[[int, NDArray[np.float32]], object] | None = None


@record(frozen=True, slots=True)
class NetworkFile:
    """A weight file whose structure has been read and checked, and whose tensors have not.

    Attributes
    ----------
    format : str
        ``"caffemodel"``, ``"safetensors"``, ``"npy"``, ...
    tensors : mapping of str to TensorRef
        ``"conv1.weight"`` (O, I/groups, kh, kw), ..., ``"fc8.weight"`` (out, in; the inputs of
        fc6 in C, H, W order), ``"fc8.bias"`` (O,).
    variant : str or None
        Name of the variant that the file itself tells of; None if it cannot know.
    metadata : mapping of str to str
        What else the file says of itself.
    """

    format: str
    tensors: Mapping[str, TensorRef]
    variant: str | None
    metadata: Mapping[str, str]


def array_tensor(array: NDArray[np.float32]) -> TensorRef:
    """Wrap a float32 array; reading it returns the array itself."""
    return TensorRef(array.shape, "F32", array.nbytes, lambda: array)
