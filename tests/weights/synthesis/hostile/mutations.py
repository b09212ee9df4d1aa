"""Damage to files: random, but the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TypeAlias

# Lengths, counts and offsets at which arithmetic goes wrong.
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_LONG_NUMBERS = (1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
# What is near the start of a file says what follows; half of the damage goes there.
_HEAD_BYTES = 400

Mutation: TypeAlias = Callable[[random.Random, bytearray, int], None]


def _flip_bit(generator: random.Random, data: bytearray, place: int) -> None:
    data[place] ^= 1 << generator.randrange(8)


def _set_byte(generator: random.Random, data: bytearray, place: int) -> None:
    data[place] = generator.randrange(256)


def _set_number(generator: random.Random, data: bytearray, place: int) -> None:
    width = generator.choice((1, 2, 4, 8))
    number = generator.choice(_NUMBERS + _LONG_NUMBERS) & ((1 << 8 * width) - 1)
    data[place : place + width] = number.to_bytes(width, generator.choice(("little", "big")))


def _set_varint(generator: random.Random, data: bytearray, place: int) -> None:
    number = generator.choice(_NUMBERS + _LONG_NUMBERS)
    groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    data[place : place + 1] = bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def _change_digit(generator: random.Random, data: bytearray, place: int) -> None:
    digits = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
    if digits:
        data[generator.choice(digits)] = generator.choice(b"0123456789-.e[{")


def _delete(generator: random.Random, data: bytearray, place: int) -> None:
    del data[place : place + generator.randint(1, 64)]


def _repeat(generator: random.Random, data: bytearray, place: int) -> None:
    data[place:place] = data[place : place + generator.randint(1, 200)]


def _move(generator: random.Random, data: bytearray, place: int) -> None:
    piece = data[place : place + generator.randint(1, 64)]
    target = generator.randrange(len(data))
    data[target : target + len(piece)] = piece


def _insert(generator: random.Random, data: bytearray, place: int) -> None:
    data[place:place] = generator.randbytes(generator.randint(1, 16))


def _cut(generator: random.Random, data: bytearray, place: int) -> None:
    del data[max(1, place) :]


_MUTATIONS: tuple[Mutation, ...] = (
    _flip_bit,
    _set_byte,
    _set_number,
    _set_varint,
    _change_digit,
    _delete,
    _repeat,
    _move,
    _insert,
    _cut,
)


def mutate(data: bytes, generator: random.Random) -> bytes:
    """Damage a file in one to four places."""
    damaged = bytearray(data)
    for _ in range(generator.choice((1, 1, 1, 2, 4))):
        if not damaged:
            break
        limit = min(_HEAD_BYTES, len(damaged)) if generator.random() < 0.5 else len(damaged)
        generator.choice(_MUTATIONS)(generator, damaged, generator.randrange(limit))
    return bytes(damaged)


def cuts(data: bytes) -> Iterator[bytes]:
    """Cut a file short at every byte of its first 40 and last 20, and at 30 places between."""
    size = len(data)
    places = {*range(min(40, size)), *range(max(0, size - 20), size)}
    places |= set(random.Random(0).sample(range(size), min(30, size)))
    return (data[:place] for place in sorted(places))
