"""The kinds of layer an AlexNet is made of, as plain data with shape and cost arithmetic.

A spec knows its own settings, not its place: shapes come in as arguments and go out as results.
Shapes are those of one image, ``(channels, height, width)`` or ``(features,)``, without batch axis.
"""

from __future__ import annotations

from math import prod
from typing import TypeAlias

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.network.norm_region import Region, check_region, window_values
from alexnet_cy.network.windows import NO_PADDING, Padding, Pair, as_padding, as_pair, window_count

__all__ = [
    "LRN",
    "AdaptiveAvgPool",
    "Conv",
    "Layer",
    "Linear",
    "MaxPool",
    "Shape",
    "Softmax",
    "shape_text",
]

Shape: TypeAlias = tuple[int, ...]
"""(C, H, W) of an activation of one image, or (F,) of a vector."""


def shape_text(shape: Shape) -> str:
    """Write lengths as people do: "3x227x227"."""
    return "x".join(str(length) for length in shape)


class _WithoutParameters:
    """The base of layers that learn nothing and whose arithmetic is not counted."""

    __slots__ = ()

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return no shapes: the layer has no parameters."""
        return {}

    def macs(self, input_shape: Shape) -> int:
        """Return 0: the published counts are those of convolutions and fully connected layers."""
        return 0


@record(frozen=True, slots=True)
class Conv:
    """A convolution (a correlation: the kernel is not flipped) with bias and, mostly, a ReLU.

    Attributes
    ----------
    name : str
        Canonical name, such as "conv1".
    out_channels : int
        Number of filters.
    kernel_size, stride : (height, width)
        In pixels.
    padding : ((top, bottom), (left, right))
        Zeros around the image, in pixels; smaller than the kernel.
    groups : int
        Filters ``g * out_channels / groups`` and following see only input channels
        ``g * in_channels / groups`` and following.
    relu : bool
        Whether max(0, y) follows.

    Raises
    ------
    TypeError, ValueError
        If a setting is of the wrong kind or out of range; the message names layer and setting.
    """

    name: str
    out_channels: int
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Padding = NO_PADDING
    groups: int = 1
    relu: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_at_least_1(self.name, "out_channels", self.out_channels)
        _check_at_least_1(self.name, "groups", self.groups)
        _check_window(self)
        if self.out_channels % self.groups:
            raise ValueError(
                f"{self.name}: out_channels {self.out_channels} is not a multiple of "
                f"groups {self.groups}"
            )

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (out_channels, height, width) for an input of shape (C, H, W).

        Raises
        ------
        ValueError
            If the input has no three axes, its channels do not divide into the groups, or the
            kernel does not fit it.
        """
        in_channels, height, width = _image_shape(self.name, input_shape)
        if in_channels % self.groups:
            raise ValueError(
                f"{self.name}: {in_channels} input channels do not divide into {self.groups} groups"
            )
        return (self.out_channels, *_window_counts(self, height, width, ceil_mode=False))

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shapes of "weight", (O, I / groups, height, width), and "bias", (O,)."""
        in_channels, _, _ = _image_shape(self.name, input_shape)
        return {
            "weight": (self.out_channels, in_channels // self.groups, *self.kernel_size),
            "bias": (self.out_channels,),
        }

    def macs(self, input_shape: Shape) -> int:
        """Count the multiply-accumulates for one image, those with padding included."""
        weight = self.parameter_shapes(input_shape)["weight"]
        return prod(self.output_shape(input_shape)) * prod(weight[1:])


@record(frozen=True, slots=True)
class LRN(_WithoutParameters):
    """Local response normalisation, across channels or within each.

    ``y = x / (k + a * sum of the squares in x's window) ** beta``, with a = alpha / values of the
    window or a = alpha; what lies outside counts as zero, groups are ignored.

    Attributes
    ----------
    name : str
        Canonical name, such as "norm1".
    size : int
        Channels in the window, or pixels along each side of it.
    alpha, beta, k : float
        As in the formula. Caffe's networks leave k at its default, 1; the paper of 2012 has 2.
    divide_alpha_by_size : bool
        True: alpha as Caffe, PyTorch and ONNX mean it. False: as the paper and TensorFlow do.
    region : {"across_channels", "within_channel"}
        `size` channels around x's own at its pixel, as every named AlexNet has it, or size x size
        pixels around x's own in its channel (Caffe's WITHIN_CHANNEL; `size` is odd).
    """

    name: str
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    divide_alpha_by_size: bool = True
    region: Region = "across_channels"

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_at_least_1(self.name, "size", self.size)
        check_region(self.region, self.size, f"{self.name}: ")

    @property
    def ops_alpha(self) -> float:
        """Alpha as ``ops.local_response_norm`` takes it, which divides it by the window's size."""
        return self.alpha if self.divide_alpha_by_size else self.alpha * self.window_values

    @property
    def window_values(self) -> int:
        """Values of a window, those outside included."""
        return window_values(self.size, self.region)

    @property
    def within_channel(self) -> bool:
        """Whether the window is of pixels, not of channels."""
        return self.region == "within_channel"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape; ValueError if it is not (C, H, W)."""
        return _image_shape(self.name, input_shape)


@record(frozen=True, slots=True)
class MaxPool(_WithoutParameters):
    """Max pooling over windows that are clipped at the image's border.

    Attributes
    ----------
    name : str
        Canonical name, such as "pool1".
    kernel_size, stride : (height, width)
        In pixels; AlexNet's windows overlap, 3x3 at a distance of 2.
    padding : ((top, bottom), (left, right))
        In pixels; smaller than the kernel; never the maximum.
    ceil_mode : bool
        Whether the last window may hang over the border; the rule is that of
        `alexnet_cy.network.windows.window_count`.
    """

    name: str
    kernel_size: Pair = (3, 3)
    stride: Pair = (2, 2)
    padding: Padding = NO_PADDING
    ceil_mode: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_window(self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (C, windows down, windows across); ValueError if no window fits."""
        channels, height, width = _image_shape(self.name, input_shape)
        return (channels, *_window_counts(self, height, width, ceil_mode=self.ceil_mode))


@record(frozen=True, slots=True)
class AdaptiveAvgPool(_WithoutParameters):
    """Average pooling to a fixed size: output i averages pixels floor(i*H/O) up to ceil((i+1)*H/O).

    Attributes
    ----------
    name : str
        Canonical name, "avgpool".
    output_size : (height, width)
        In pixels.
    """

    name: str
    output_size: Pair = (6, 6)

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_pair(self.name, "output_size", self.output_size)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (C, *output_size); ValueError if the input is not (C, H, W)."""
        channels, _, _ = _image_shape(self.name, input_shape)
        return (channels, *self.output_size)


@record(frozen=True, slots=True)
class Linear:
    """A fully connected layer; an image is read in the order channel, row, column.

    Attributes
    ----------
    name : str
        Canonical name, such as "fc6".
    out_features : int
        Number of neurons.
    relu : bool
        Whether max(0, y) follows.
    """

    name: str
    out_features: int
    relu: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_at_least_1(self.name, "out_features", self.out_features)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (out_features,) for an input of any shape."""
        _check_shape(self.name, input_shape)
        return (self.out_features,)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the shapes of "weight", (out, in), and "bias", (out,)."""
        _check_shape(self.name, input_shape)
        return {"weight": (self.out_features, prod(input_shape)), "bias": (self.out_features,)}

    def macs(self, input_shape: Shape) -> int:
        """Count the multiply-accumulates for one image."""
        return prod(self.parameter_shapes(input_shape)["weight"])


@record(frozen=True, slots=True)
class Softmax(_WithoutParameters):
    """Probabilities: ``y[i] = exp(x[i]) / sum over j of exp(x[j])``, for each pixel of an image.

    Attributes
    ----------
    name : str
        "prob".
    """

    name: str

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape; ValueError if it is neither (F,) nor (C, H, W)."""
        _check_shape(self.name, input_shape)
        if len(input_shape) not in (1, 3):
            raise ValueError(
                f"{self.name}: expected an input of shape (F,) or (C, H, W), got {input_shape}"
            )
        return input_shape


Layer: TypeAlias = Conv | LRN | MaxPool | AdaptiveAvgPool | Linear | Softmax


def _window_counts(layer: Conv | MaxPool, height: int, width: int, *, ceil_mode: bool) -> Pair:
    """Count the layer's windows down and across an image, at least one each."""
    down, across = (
        window_count(size, kernel, stride, padding, ceil_mode=ceil_mode)
        for size, kernel, stride, padding in zip(
            (height, width), layer.kernel_size, layer.stride, layer.padding, strict=True
        )
    )
    if down < 1 or across < 1:
        (top, bottom), (left, right) = layer.padding
        raise ValueError(
            f"{layer.name}: the {layer.kernel_size[0]}x{layer.kernel_size[1]} kernel does not fit "
            f"an input of {height}x{width} (stride {layer.stride[0]}x{layer.stride[1]}; padding "
            f"{top} above, {bottom} below, {left} left, {right} right)"
        )
    return down, across


def _check_shape(name: str, shape: Shape) -> None:
    if not shape or min(shape) < 1:
        raise ValueError(f"{name}: every axis of the input must be at least 1, got shape {shape}")


def _image_shape(name: str, shape: Shape) -> tuple[int, int, int]:
    _check_shape(name, shape)
    if len(shape) != 3:
        raise ValueError(f"{name}: expected an input of shape (C, H, W), got {shape}")
    return shape[0], shape[1], shape[2]


def _check_at_least_1(name: str, setting: str, value: object) -> None:
    as_count(value, f"{name}: {setting}")
    if not isinstance(value, int):  # NumPy's integers would reach files and messages as they are
        raise TypeError(f"{name}: {setting}: need an int, got {value!r}")


def _check_pair(name: str, setting: str, value: object) -> None:
    if not isinstance(value, tuple):
        raise TypeError(f"{name}: {setting}: need a tuple (height, width), got {value!r}")
    as_pair(value, f"{name}: {setting}", minimum=1)


def _check_window(layer: Conv | MaxPool) -> None:
    _check_pair(layer.name, "kernel_size", layer.kernel_size)
    _check_pair(layer.name, "stride", layer.stride)
    if as_padding(layer.padding, layer.kernel_size, f"{layer.name}: padding") != layer.padding:
        raise TypeError(
            f"{layer.name}: padding: need ((top, bottom), (left, right)), got {layer.padding!r}"
        )
