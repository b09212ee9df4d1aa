"""The `mean` argument of preprocess: the preset's, three numbers, or a per-pixel mean image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from alexnet_cy.contracts.arrays import as_array
from alexnet_cy.images.preset import Preset

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Mean", "resolve_mean"]

Mean: TypeAlias = "Sequence[float] | npt.NDArray[np.floating] | str | os.PathLike[str] | None"


def resolve_mean(mean: Mean, preset: Preset) -> npt.NDArray[np.float32]:
    """Check a mean against the preset it is used with.

    Parameters
    ----------
    mean : None, 3 numbers, array (3, H, W), or path of a .npy file of one
        Of a grey preset, 1 number or (1, H, W).
        As `alexnet_cy.images.preprocess` documents.
    preset : Preset

    Returns
    -------
    float32 array, shape (C, 1, 1) or (C, H, W)
        In the preset's channel order, (H, W) being the size it warps to.

    Raises
    ------
    TypeError
        The mean makes no array of itself.
    ValueError
        The preset does more than subtract a mean from pixels 0..255; the mean has another shape,
        values that are not finite, or cannot be read. The message begins with ``mean:``.
    """
    if mean is None:
        return np.array(preset.mean, np.float32).reshape(-1, 1, 1)
    if not preset.subtracts_mean_only:
        raise ValueError(
            f"mean: preset {preset.name!r} scales pixels by its own figures; another mean is for "
            "presets that only subtract one from 0..255 (caffe, caffe-10crop, warp)"
        )
    values = _load(mean) if isinstance(mean, (str, os.PathLike)) else _as_array(mean)
    expected = _mean_image_shape(preset)
    if values.shape not in ((preset.channels,), expected):
        also = f" or a mean image of shape {expected}" if expected else ""
        raise ValueError(
            f"mean: preset {preset.name!r} needs {_numbers(preset.channels)}{also}, got shape "
            f"{values.shape}"
        )
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise ValueError(f"mean: expected finite numbers, got dtype {values.dtype} or NaN or inf")
    array = values.astype(np.float32)
    return array.reshape(-1, 1, 1) if array.ndim == 1 else array


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"


def _mean_image_shape(preset: Preset) -> tuple[int, int, int] | None:
    if preset.resize != "warp":
        return None
    if preset.resize_size is None:
        return preset.channels, *preset.crop_size
    return preset.channels, preset.resize_size, preset.resize_size


def _as_array(mean: Sequence[float] | npt.NDArray[np.floating]) -> npt.NDArray[np.generic]:
    return np.asarray(as_array(mean, "mean"))


def _load(path: str | os.PathLike[str]) -> npt.NDArray[np.generic]:
    """Map a .npy file: its shape is seen before anything is read, and no object is unpickled."""
    if not os.path.isfile(path):
        raise ValueError(f"mean: {os.fsdecode(path)!r} is not a file")
    named = f"mean: {os.fsdecode(path)!r}"
    magic = np.lib.format.MAGIC_PREFIX
    with open(path, "rb") as stream:
        is_npy = stream.read(len(magic)) == magic
    if not is_npy:  # NumPy would take it for a pickle, and advise to load it as one
        raise ValueError(
            f"{named} is not a .npy file; save a picture or an archive of means as one, with "
            "numpy.save, an array (3, H, W)"
        )
    try:
        values: npt.NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # broken headers raise what the parser happens to raise
        raise ValueError(f"{named} is not a .npy file that can be read: {error}") from error
    return values
