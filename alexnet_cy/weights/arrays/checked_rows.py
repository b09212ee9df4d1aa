"""The checksum of a tensor that is read by rows, in any order.

A CRC is the remainder of a polynomial over the bits {0, 1}, the bytes, divided by another (ISO
3309; RFC 1952, section 8). So that of two parts follows from theirs, modulo that other polynomial:
crc(a b) = crc(a) x^(8 |b|) + crc(b), where adding is exclusive or.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["RowsChecksum", "join_crc32"]

# Bit 31 - i of a number is the coefficient of x^i, i < 32; x^32 of the divisor is left out.
_DIVISOR = 0xEDB88320
_ONE = 1 << 31
_X = 1 << 30


class RowsChecksum:
    """Collects the checksums of rows until there is one of every row, and compares it then.

    Rows may come in any order, and from several threads; the one that completes them raises for a
    difference, and so does every later one, so every use of all rows is checked. Nothing waits for
    anything here: every step is atomic.

    Parameters
    ----------
    n_rows, row_bytes : int
        The number of rows, and the length of each.
    crc32 : int
        The CRC-32 that the bytes of all rows must have.

    Attributes
    ----------
    is_known : bool
        Whether it has been compared, and was right: further rows need no checksum.
    """

    def __init__(self, n_rows: int, row_bytes: int, crc32: int) -> None:
        self.is_known = False
        self._n_rows = n_rows
        self._row_bytes = row_bytes
        self._crc32 = crc32
        self._parts: dict[int, tuple[int, int]] = {}  # by the first row: the next one, the CRC-32
        self._differs = False

    def add(self, first: int, count: int, crc32: int) -> bool:
        """Note the checksum of some rows.

        Returns
        -------
        bool
            False if the rows are complete, and the checksum of all is another one.
        """
        self._parts[first] = first + count, crc32
        whole = self._join(dict(self._parts))
        if whole is not None:
            if whole == self._crc32:
                self.is_known = True
                self._parts.clear()
            else:
                self._differs = True
        return not self._differs

    def _join(self, parts: dict[int, tuple[int, int]]) -> int | None:
        """Return the CRC-32 of all rows, None as long as some are missing."""
        if sum(end - first for first, (end, _) in parts.items()) < self._n_rows:
            return None
        end = crc32 = 0
        while end < self._n_rows:
            part = parts.get(end)
            if part is None:
                return None
            begin, (end, of_part) = end, part
            crc32 = join_crc32(crc32, of_part, (end - begin) * self._row_bytes)
        return crc32


def join_crc32(first: int, second: int, second_bytes: int) -> int:
    """Return the CRC-32 of two byte strings, one after the other.

    Parameters
    ----------
    first, second : int
        The CRC-32 of each, as zlib.crc32 returns it.
    second_bytes : int
        The length of the second one.
    """
    return _multiply(first, _power_of_x(8 * second_bytes)) ^ second


def _multiply(a: int, b: int) -> int:
    """Return the product of two polynomials, modulo the divisor."""
    product = 0
    while b:
        if b & _ONE:
            product ^= a
        b = (b << 1) & 0xFFFFFFFF
        a = (a >> 1) ^ (_DIVISOR if a & 1 else 0)
    return product


@lru_cache(maxsize=64)  # parts have few lengths
def _power_of_x(exponent: int) -> int:
    """Return x^exponent modulo the divisor, by repeated squaring."""
    power, square = _ONE, _X
    while exponent:
        if exponent & 1:
            power = _multiply(power, square)
        square = _multiply(square, square)
        exponent >>= 1
    return power
