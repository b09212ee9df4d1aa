"""A tensor that is read when it is asked for, in a file or in memory.

Its shape and its order of axes are those of the package, so whoever reads one needs to know nothing
of the format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ArrayTensor", "TensorRef"]


class TensorRef(ABC):
    """One array, read only on demand; several threads may read at once.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array that `read` returns, in the package's layout.
    dtype : str
        Number format in the file, in the names of safetensors: ``"F32"``, ``"F16"``, ``"BF16"``,
        ``"F64"``; a codebook format has a name of its own, such as ``"U4"``.
    stored_bytes : int
        Bytes that the array takes in the file.

    Attributes
    ----------
    shape, dtype, stored_bytes
        The parameters.
    """

    __slots__ = ("dtype", "shape", "stored_bytes")

    def __init__(self, shape: tuple[int, ...], dtype: str, stored_bytes: int) -> None:
        self.shape = shape
        self.dtype = dtype
        self.stored_bytes = stored_bytes

    @abstractmethod
    def read(self) -> NDArray[np.float32]:
        """Read all of the array; every call reads the file again.

        Returns
        -------
        float32 array of `shape`
            Native-endian, C-contiguous, owned by the caller (writable or not).

        Raises
        ------
        WeightsError
            The file does not yield the array.
        """

    @property
    def reads_rows(self) -> bool:
        """Whether `read_rows` can be called; without it the file yields only all of the array."""
        return False

    def read_rows(self, first: int, out: NDArray[np.float32]) -> None:
        """Read a part of the array into memory that is there.

        Parameters
        ----------
        first : int
            Index along the first axis at which the part begins.
        out : float32 array, C-contiguous
            Filled; its other axes are those of the array.

        Raises
        ------
        WeightsError
            As `read`, but not for numbers that are not finite: the caller looks at every number
            anyway, and calls `check_rows` if there are any.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot read rows")

    def check_rows(self, first: int, rows: NDArray[np.float32]) -> None:  # noqa: B027  # may be any
        """Refuse rows with NaN or infinity, if the array must have none.

        Parameters
        ----------
        first, rows
            As `read_rows` was given them, `rows` filled.

        Raises
        ------
        WeightsError
            A number is not finite, and must be.
        """


class ArrayTensor(TensorRef):
    """An array in memory; reading it returns the array itself.

    Parameters
    ----------
    array : float32 array, C-contiguous
    """

    __slots__ = ("_array",)

    def __init__(self, array: NDArray[np.float32]) -> None:
        super().__init__(array.shape, "F32", array.nbytes)
        self._array = array

    def read(self) -> NDArray[np.float32]:
        """Return the array."""
        return self._array
