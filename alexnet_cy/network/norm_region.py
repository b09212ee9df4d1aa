"""Where local response normalisation looks: at the channels around a value, or at the pixels."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

__all__ = ["Region", "check_region", "window_values"]

Region: TypeAlias = Literal["across_channels", "within_channel"]
"""Caffe's norm_region: `size` channels around a value's own at its pixel, or the size x size pixels
around its own in its channel."""

REGIONS: tuple[Region, ...] = get_args(Region)


def check_region(region: object, size: int, where: str = "") -> None:
    """Check a region, and that a window of this size has a middle where it needs one.

    Parameters
    ----------
    region : {"across_channels", "within_channel"}
    size : int
        At least 1.
    where : str
        What precedes the names of the arguments in an error, such as "norm1: ".

    Raises
    ------
    ValueError
        There is no such region, or a window of pixels is of an even size: it has no middle, and
        Caffe knows none.
    """
    if region not in REGIONS:
        raise ValueError(f"{where}region: need {' or '.join(map(repr, REGIONS))}, got {region!r}")
    if region == "within_channel" and size % 2 == 0:
        raise ValueError(f"{where}size: need an odd number of pixels within a channel, got {size}")


def window_values(size: int, region: Region) -> int:
    """Return how many values a window has: alpha is divided by their number."""
    return size * size if region == "within_channel" else size
