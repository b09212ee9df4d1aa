"""The type of every array that passes between rooms."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Float32Array"]

Float32Array: TypeAlias = NDArray[np.float32]
