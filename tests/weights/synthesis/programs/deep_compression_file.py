"""Writes Deep Compression's ``.net``: prunes and quantises, which the original did by training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

KEPT = 0.4  # of the weights; the gaps between some of them are then longer than 15


def quantise(values: np.ndarray) -> np.ndarray:
    """Prune a weight to 0 and round the rest to as many values as its codebook has; keep a bias."""
    if values.ndim == 1:
        return values
    codebook = _codebook(values)
    return codebook[_codes(values, codebook)].reshape(values.shape)


def encode(tensors: dict[str, np.ndarray]) -> bytes:
    """Return tensors that `quantise` leaves as they are as the bytes of a file."""
    counts, sections = [], []
    for name in [name.removesuffix(".weight") for name in tensors if name.endswith(".weight")]:
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        codebook, codes, gaps = entries(weight)
        counts.append(len(codes))
        sections += [codebook.astype("<f4"), bias.astype("<f4"), pack(codes, weight), pack(gaps)]
    return np.array(counts, "<u4").tobytes() + b"".join(part.tobytes() for part in sections)


def write_net(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    """Write the tensors, pruned and quantised; returns `path`."""
    path.write_bytes(encode({name: quantise(values) for name, values in tensors.items()}))
    return path


def entries(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the codebook, and the code and the gap of each entry, one at least."""
    flat = weight.reshape(-1)
    values, codes = np.unique(np.append(flat, np.float32(0)), return_inverse=True)
    zero = int(np.searchsorted(values, 0))
    codebook = np.zeros(16 if weight.ndim == 2 else 256, np.float32)
    codebook[1 : len(values)] = np.delete(values, zero)
    codes = np.where(codes < zero, codes + 1, np.where(codes == zero, 0, codes))[:-1]
    positions = np.flatnonzero(codes)
    if not len(positions):
        return codebook, np.zeros(1, np.uint8), np.zeros(1, np.uint8)
    # A gap of 16 or more is 16 * fillers + rest, and each filler is an entry of gap 15 and code 0.
    gaps = np.diff(positions, prepend=-1) - 1
    ends = np.cumsum(gaps // 16 + 1) - 1
    entry_codes = np.zeros(ends[-1] + 1, np.uint8)
    entry_gaps = np.full(ends[-1] + 1, 15, np.uint8)
    entry_codes[ends] = codes[positions]
    entry_gaps[ends] = gaps % 16
    return codebook, entry_codes, entry_gaps


def pack(values: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Pack two numbers to the byte, the low half first; the codes of a convolution one to it."""
    if weight is not None and weight.ndim == 4:
        return values
    padded = np.append(values, np.uint8(0))[: 2 * ((len(values) + 1) // 2)]
    return padded[0::2] | padded[1::2] << 4


def _codebook(values: np.ndarray) -> np.ndarray:
    """Return 0 and evenly spaced values, none of them 0."""
    size = 16 if values.ndim == 2 else 256
    largest = float(np.abs(values).max())
    return np.append(0, np.linspace(-largest, largest * 0.99, size - 1)).astype(np.float32)


def _codes(values: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    flat = values.reshape(-1)
    step = codebook[2] - codebook[1]
    codes = 1 + np.clip(np.rint((flat - codebook[1]) / step), 0, len(codebook) - 2).astype(np.intp)
    codes[np.abs(flat) < np.quantile(np.abs(flat[:100_000]), 1 - KEPT)] = 0
    return codes
