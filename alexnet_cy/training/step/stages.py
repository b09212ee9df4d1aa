"""The layers before the fully connected ones as stages: what each reads, writes and passes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from alexnet_cy.contracts.records import record
from alexnet_cy.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    LayerShapes,
    Linear,
    MaxPool,
    Softmax,
    Variant,
)
from alexnet_cy.network.windows import NO_PADDING, Padding, Pair
from alexnet_cy.training.step.weights.conv_weights import ConvWeights

__all__ = ["Stage", "Value", "make_stages"]


@record(frozen=True, slots=True)
class Value:
    """What lies between two stages, and how memory for it and for its gradient looks.

    Attributes
    ----------
    name : str
        The layer that writes it, or "input".
    shape : (height, width, channels)
    padding : ((top, bottom), (left, right))
        Zeros that the convolution that reads it wants.
    gradient_padding : ((top, bottom), (left, right))
        Zeros that the convolution which wrote it wants about its gradient.
    spread : (down, across)
        The stride of that convolution: so far apart the pixels of the gradient lie.
    relu : bool
        Whether it was written by a ReLU.
    """

    name: str
    shape: tuple[int, int, int]
    padding: Padding = NO_PADDING
    gradient_padding: Padding = NO_PADDING
    spread: Pair = (1, 1)
    relu: bool = False


@record(frozen=True, slots=True)
class Stage:
    """One layer; or a normalisation and the pooling after it, which are computed together.

    Attributes
    ----------
    layer : Conv, LRN, MaxPool or AdaptiveAvgPool
    norm : LRN or None
        The normalisation in front of a max pooling.
    conv : ConvWeights or None
    source, target : Value
    learns : bool
        Whether the gradients of its weights are wanted.
    passes_on : bool
        Whether the gradient of its source is wanted.
    """

    layer: Conv | LRN | MaxPool | AdaptiveAvgPool
    norm: LRN | None
    conv: ConvWeights | None
    source: Value
    target: Value
    learns: bool
    passes_on: bool

    @property
    def name(self) -> str:
        """Return the layer's name, or "norm1+pool1"."""
        return self.layer.name if self.norm is None else f"{self.norm.name}+{self.layer.name}"


def make_stages(
    variant: Variant,
    height: int,
    width: int,
    convs: Mapping[str, ConvWeights],
    learning: Collection[str],
    *,
    to_the_input: bool,
) -> tuple[Stage, ...]:
    """Lay out the stages for images of one size.

    Parameters
    ----------
    variant : Variant
    height, width : int
        Of the images, in pixels.
    convs : mapping of str to ConvWeights
        By the layers' names.
    learning : collection of str
        Names of the layers whose weights learn.
    to_the_input : bool
        Whether the gradient by the images is wanted.

    Raises
    ------
    ValueError
        The variant cannot take images of that size.
    """
    shapes = [
        shape
        for shape in variant.shapes(height, width)
        if not isinstance(shape.layer, Linear | Softmax)
    ]
    joined = _join_norms(shapes)
    stages: list[Stage] = []
    passes_on = to_the_input
    source = _input_value(joined[0][1], convs)
    for i, (norm, shape) in enumerate(joined):
        layer = shape.layer
        assert not isinstance(layer, Linear | Softmax)
        conv = convs[layer.name] if isinstance(layer, Conv) else None
        following = joined[i + 1][1].layer if i + 1 < len(joined) else None
        following_norm = joined[i + 1][0] if i + 1 < len(joined) else None
        padding = NO_PADDING
        if isinstance(following, Conv) and following_norm is None:
            padding = following.padding
        channels, down, across = shape.output_shape
        target = Value(
            layer.name,
            (down, across, channels),
            padding,
            _gradient_padding(conv, source, (down, across)) if conv and passes_on else NO_PADDING,
            conv.stride if conv and passes_on else (1, 1),
            relu=isinstance(layer, Conv) and layer.relu,
        )
        learns = layer.name in learning
        stages.append(Stage(layer, norm, conv, source, target, learns, passes_on))
        passes_on = passes_on or learns
        source = target
    return tuple(stages)


def _join_norms(shapes: list[LayerShapes]) -> list[tuple[LRN | None, LayerShapes]]:
    """Put a normalisation across channels and the max pooling after it together."""
    joined: list[tuple[LRN | None, LayerShapes]] = []
    for shape in shapes:
        before = joined[-1] if joined else None
        if (
            isinstance(shape.layer, MaxPool)
            and before is not None
            and before[0] is None
            and isinstance(before[1].layer, LRN)
            and not before[1].layer.within_channel
        ):
            joined[-1] = (before[1].layer, shape)
        else:
            joined.append((None, shape))
    return joined


def _input_value(first: LayerShapes, convs: Mapping[str, ConvWeights]) -> Value:
    """Return the images as the first layer reads them: padded, or padded and in blocks."""
    channels, height, width = first.input_shape
    layer = first.layer
    if not isinstance(layer, Conv):
        return Value("input", (height, width, channels))
    conv = convs[layer.name]
    if conv.block == (1, 1):
        return Value("input", (height, width, channels), layer.padding)
    rows, columns = (
        n + taps - 1 for n, taps in zip(first.output_shape[1:], conv.kernel_size, strict=True)
    )
    return Value("input", (rows, columns, channels * conv.block[0] * conv.block[1]))


def _gradient_padding(conv: ConvWeights, source: Value, size: Pair) -> Padding:
    """Return the zeros with which the turned convolution of e has the size of its input.

    Along one axis e, spread by the stride, has (P - 1) stride + 1 pixels. The first of R - 1 - top
    zeros before it lies under the last tap for the first pixel; those behind it make up
    H + R - 1 in all.
    """
    sides = []
    for length, taps, stride, (before, _), count in zip(
        source.shape[:2], conv.kernel_size, conv.stride, source.padding, size, strict=True
    ):
        spread = (count - 1) * stride + 1
        sides.append((taps - 1 - before, length + before - spread))
    return sides[0], sides[1]
