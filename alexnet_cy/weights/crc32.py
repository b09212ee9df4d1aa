"""The CRC-32 of bytes that are read in parts, in any order.

A CRC is the remainder of a polynomial over the bits {0, 1}, the bytes, divided by another (ISO
3309; RFC 1952, section 8). So that of two parts follows from theirs, modulo that other polynomial:
crc(a b) = crc(a) x^(8 |b|) + crc(b), where adding is exclusive or.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["join_crc32"]

# Bit 31 - i of a number is the coefficient of x^i, i < 32; x^32 of the divisor is left out.
_DIVISOR = 0xEDB88320
_ONE = 1 << 31
_X = 1 << 30


def join_crc32(first: int, second: int, second_bytes: int) -> int:
    """Return the CRC-32 of two byte strings behind one another.

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
