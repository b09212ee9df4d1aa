"""Number formats narrower than float32, as files hold them."""

from __future__ import annotations

import numpy as np


def to_f16_and_back(values: np.ndarray) -> np.ndarray:
    """Round to float16."""
    return values.astype(np.float16).astype(np.float32)


def to_bf16_and_back(values: np.ndarray) -> np.ndarray:
    """Cut to bfloat16: the upper half of the bits."""
    return (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def bf16_bytes(values: np.ndarray) -> bytes:
    """Return the bfloat16 numbers that `values` are cut to, little-endian."""
    return (values.view(np.uint32) >> np.uint32(16)).astype("<u2").tobytes()
