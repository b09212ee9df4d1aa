"""A preprocessing preset: the settings of one way from an image to a network's input.

A preset is one line of arithmetic: resize, crop, reorder the channels, then

    y[c] = (pixel[c] / divisor - mean[c]) / std[c]      in float32, in this order.

Variations are `dataclasses.replace` away: ``replace(PRESETS["caffe"], channel_order="RGB")``.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from typing import Literal, SupportsIndex, TypeAlias, get_args

__all__ = ["Preset"]

Resize: TypeAlias = Literal["warp", "short-side", "none"]
Resampling: TypeAlias = Literal["opencv-bilinear", "pillow-bilinear"]
Crops: TypeAlias = Literal["centre", "pycaffe-10", "torchvision-10"]
CropRounding: TypeAlias = Literal["floor", "half-even"]
ChannelOrder: TypeAlias = Literal["BGR", "RGB", "grey"]
Figures: TypeAlias = tuple[float, ...]

# What red, green and blue add to grey: Pillow's mode L (ITU-R 601-2), which OpenCV has as well.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One way from an image to the network's input.

    Parameters
    ----------
    name : str
        Key in `PRESETS`; a variation may keep it or take another.
    title : str
        One line for people.
    resize : {"warp", "short-side", "none"}
        "warp": both sides to `resize_size`, the aspect ratio lost. "short-side": the shorter side
        to `resize_size`, the longer to int(resize_size * long / short). "none": images of
        `crop_size` are taken as they are, and others refused.
    resize_size : int or None
        Pixels. None, for "warp": straight to `crop_size`; for "none".
    resampling : {"opencv-bilinear", "pillow-bilinear"}
        Whose 8-bit bilinear arithmetic: OpenCV's ``INTER_LINEAR`` reads four pixels whatever the
        scale, Pillow's ``BILINEAR`` averages over all of them (antialias) when it shrinks.
    crop_size : (int, int)
        Height and width, in pixels, of the network's input.
    crops : {"centre", "pycaffe-10", "torchvision-10"}
        Views per image. Ten: top left, top right, bottom left, bottom right, centre, then five
        mirrored ones. pycaffe mirrors the first five crops in place; torchvision crops the
        mirrored image, so that its sixth is the mirrored top *right* crop.
    crop_rounding : {"floor", "half-even"}
        The centre crop's offset (size - crop) / 2: floor is Caffe's integer division, half-even
        Python's round(), which torchvision uses.
    channel_order : {"BGR", "RGB", "grey"}
        Order of the output's channels; `mean` and `std` are given in this order. "grey": there is
        one, 0.299 red + 0.587 green + 0.114 blue.
    divisor : float
        Pixels 0..255 are divided by it first.
    mean, std : tuple of float
        Subtracted, and divided by, after that; one for each channel.
    source : str
        The definition of these figures.

    Raises
    ------
    ValueError
        For values that no preset can have, naming the field.
    """

    name: str
    title: str
    resize: Resize
    resize_size: int | None
    resampling: Resampling
    crop_size: tuple[int, int]
    crops: Crops
    crop_rounding: CropRounding
    channel_order: ChannelOrder
    divisor: float
    mean: Figures
    std: Figures
    source: str

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_sizes()
        self._check_arithmetic()

    @property
    def views(self) -> int:
        """Rows of the output per image: 1 or 10."""
        return 1 if self.crops == "centre" else 10

    @property
    def channels(self) -> int:
        """Channels of the output: 3, or 1 of grey images."""
        return 1 if self.channel_order == "grey" else 3

    @property
    def subtracts_mean_only(self) -> bool:
        """Whether the output is pixel - mean, in units of 0..255."""
        return self.divisor == 1.0 and set(self.std) == {1.0}

    def grey(self) -> Preset:
        """Return the same preset for a network of grey images.

        Its mean and std are those of the channels, weighted as their colours are in grey.
        """
        if self.channel_order == "grey":
            return self
        weights = _LUMA if self.channel_order == "RGB" else _LUMA[::-1]
        mean, std = (
            (sum(weight * figure for weight, figure in zip(weights, figures, strict=True)),)
            for figures in (self.mean, self.std)
        )
        if self.subtracts_mean_only:
            std = (1.0,)
        return replace(self, channel_order="grey", mean=mean, std=std)

    def as_is(self) -> Preset:
        """Return the same arithmetic for images that are neither resized nor cropped."""
        return replace(
            self,
            name="as-is",
            title=f"the pixels as they are, with the arithmetic of {self.name}",
            resize="none",
            resize_size=None,
            crops="centre",
        )

    def suits_weights_of(self, other: Preset) -> bool:
        """Whether pixels come out as weights made for another preset expect them.

        The order, the scale and the mean of the channels must be the same. How the image is
        resized and cropped may differ: that is a matter of accuracy.
        """
        return (self.channel_order, self.divisor, self.mean, self.std) == (
            other.channel_order,
            other.divisor,
            other.mean,
            other.std,
        )

    def with_input_size(
        self, input_size: SupportsIndex | tuple[SupportsIndex, SupportsIndex]
    ) -> Preset:
        """Return the same preset for another input size of the network.

        Parameters
        ----------
        input_size : int or (int, int)
            Pixels, square or (height, width): the crop, or for a straight warp its target.

        Returns
        -------
        Preset
            With this `crop_size`.

        Raises
        ------
        ValueError
            Not positive, or larger than the image that the preset crops from.
        TypeError
            Not an integer or a pair of them.
        """
        try:
            if isinstance(input_size, (tuple, list)):
                height, width = map(operator.index, input_size)
            else:
                height = width = operator.index(input_size)
        except (TypeError, ValueError):
            raise TypeError(
                f"input_size: expected an int or (height, width), got {input_size!r}"
            ) from None
        if min(height, width) < 1:
            raise ValueError(f"input_size: expected at least 1 pixel, got {input_size!r}")
        if self.resize_size is not None and max(height, width) > self.resize_size:
            raise ValueError(
                f"input_size: {height} x {width} does not fit into the {self.resize_size} pixels "
                f"that preset {self.name!r} resizes to; use a warp preset, or "
                "dataclasses.replace(preset, resize_size=...)"
            )
        return replace(self, crop_size=(height, width))

    def _check_choices(self) -> None:
        choices = {
            "resize": Resize,
            "resampling": Resampling,
            "crops": Crops,
            "crop_rounding": CropRounding,
            "channel_order": ChannelOrder,
        }
        for field, choice in choices.items():
            value = getattr(self, field)
            if value not in get_args(choice):
                raise ValueError(f"{field}: expected one of {get_args(choice)}, got {value!r}")

    def _check_sizes(self) -> None:
        height, width = self.crop_size
        if min(height, width) < 1:
            raise ValueError(f"crop_size: expected at least 1 pixel, got {self.crop_size}")
        if self.resize == "none" and (self.resize_size is not None or self.crops != "centre"):
            raise ValueError("resize: 'none' has no resize_size, and one view of an image")
        if self.resize_size is None:
            if self.resize == "short-side":
                raise ValueError(f"resize_size: {self.resize!r} needs a size, got None")
        elif max(height, width) > self.resize_size:
            raise ValueError(
                f"crop_size: {self.crop_size} does not fit into resize_size {self.resize_size}"
            )

    def _check_arithmetic(self) -> None:
        for field in ("mean", "std"):
            values = getattr(self, field)
            if len(values) != self.channels or not all(map(math.isfinite, values)):
                raise ValueError(f"{field}: expected {self.channels} finite numbers, got {values}")
        if min(self.std) <= 0:
            raise ValueError(f"std: expected positive numbers, got {self.std}")
        if not (math.isfinite(self.divisor) and self.divisor > 0):
            raise ValueError(f"divisor: expected a positive number, got {self.divisor}")
