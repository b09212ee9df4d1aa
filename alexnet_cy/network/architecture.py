"""A whole network as data: its layers in order, and what follows from them by arithmetic."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from math import prod

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.network.bounds import MAX_IN_CHANNELS, check_layers, check_sizes
from alexnet_cy.network.specs import (
    AdaptiveAvgPool,
    Conv,
    Layer,
    Linear,
    Shape,
    Softmax,
    shape_text,
)
from alexnet_cy.network.windows import as_pair

__all__ = ["LayerShapes", "Variant"]

MAX_SIDE = 65_535  # pixels; the largest image that is read from a file


@record(frozen=True, slots=True)
class LayerShapes:
    """One layer at one input size.

    Attributes
    ----------
    layer : Layer
        The spec.
    input_shape, output_shape : tuple of int
        Of one image, without the batch axis: (C, H, W) or (F,).
    """

    layer: Layer
    input_shape: Shape
    output_shape: Shape

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the layer for one image."""
        return self.layer.macs(self.input_shape)

    @property
    def parameter_count(self) -> int:
        """Weights and biases of the layer."""
        return sum(prod(shape) for shape in self.layer.parameter_shapes(self.input_shape).values())


@record(frozen=True, slots=True)
class Variant:
    """A network as data: one of the named ones, or any other of the same kinds of layer.

    ``dataclasses.replace(VARIANTS["caffe"], name="mine", layers=...)`` makes another one, and
    `AlexNet`, `AlexNet.random` and `AlexNet.load` take it. The layers are convolutions,
    normalisations and poolings, then any number of fully connected layers, or none, and a softmax
    if the values are to be probabilities.

    Attributes
    ----------
    name : str
        What users ask for, such as "caffe".
    layers : tuple of Layer
        In the order of the forward pass; the first is a convolution, and no two have the same name.
    input_size : int
        Height and width that the network was trained for, or is usually run at, in pixels. Fully
        connected layers have the inputs that an image of this size gives them.
    title : str
        One line for people.
    preset : str
        Name of the preprocessing that goes with the weights, "caffe" or "torchvision".
    channel_order : str
        "BGR" or "RGB": what input channels 0, 1, 2 hold under that preset.
    source : str
        Where the settings come from.
    parameters : int or None
        The published number of parameters with 1000 classes, None if nobody published one;
        `parameter_count` counts this network's own.
    in_channels : int
        Channels of an image, 1 to 16: 3 of a colour image, 1 of a grey one.

    Raises
    ------
    TypeError, ValueError
        The layers do not fit one another or an image of `input_size`, or the network is larger than
        any AlexNet by far; the message names the layer.
    """

    name: str
    layers: tuple[Layer, ...]
    input_size: int
    title: str = ""
    preset: str = "torchvision"
    channel_order: str = "RGB"
    source: str = ""
    parameters: int | None = None
    in_channels: int = 3

    def __post_init__(self) -> None:
        """Check that an image goes through the layers."""
        for field in ("name", "title", "preset", "channel_order", "source"):
            if not isinstance(getattr(self, field), str):
                raise TypeError(f"{field}: need a str, got {getattr(self, field)!r}")
        check_layers(self.layers)
        if as_count(self.in_channels, "in_channels") > MAX_IN_CHANNELS:
            raise ValueError(f"in_channels: need at most {MAX_IN_CHANNELS}, got {self.in_channels}")
        if as_count(self.input_size, "input_size") > MAX_SIDE:
            raise ValueError(f"input_size: need at most {MAX_SIDE}, got {self.input_size}")
        check_sizes(tuple(self._walk(self.input_size, self.input_size, self.layers[-1])))

    @property
    def classifier(self) -> Linear | Conv | None:
        """The layer whose neurons are the classes; None if the network ends before it has one.

        It is the last one with weights if it has no ReLU, or if a softmax ends the network, and
        there is one value for each class: a fully connected layer; or a convolution whose output
        is one pixel, or an average over all pixels behind it.
        """
        steps = list(self._walk(self.input_size, self.input_size, self.layers[-1]))
        behind: list[Layer] = []
        while not isinstance(steps[-1 - len(behind)].layer, Conv | Linear):
            behind.append(steps[-1 - len(behind)].layer)
        layer = steps[-1 - len(behind)].layer
        assert isinstance(layer, Conv | Linear)
        is_classifier = (
            (not layer.relu or isinstance(self.layers[-1], Softmax))
            and steps[-1].output_shape[1:] in ((), (1, 1))
            and all(isinstance(other, AdaptiveAvgPool | Softmax) for other in behind)
        )
        return layer if is_classifier else None

    @property
    def num_classes(self) -> int:
        """Number of outputs of the classifier; 0 if the network has none."""
        layer = self.classifier
        if layer is None:
            return 0
        return layer.out_features if isinstance(layer, Linear) else layer.out_channels

    @property
    def parameter_count(self) -> int:
        """Weights and biases of all layers, counted from their shapes."""
        return sum(prod(shape) for shape in self.parameter_shapes().values())

    @property
    def min_input_size(self) -> int:
        """Height and width of the smallest square image that the whole network takes, in pixels."""
        return self.smallest_input()

    @property
    def max_input_size(self) -> int | None:
        """Height and width of the largest square image that the network takes; None: no limit."""
        last_layer = self.layers[-1]
        if self._fits(MAX_SIDE, last_layer):
            return None
        sizes = range(self.input_size, MAX_SIDE)  # up to one of them all fit, from there on none
        too_large = bisect_left(sizes, True, key=lambda size: not self._fits(size, last_layer))
        return sizes[too_large] - 1

    def layer(self, name: str) -> Layer:
        """Return the layer with this canonical name; ValueError if there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ValueError(
            f"variant {self.name!r} has no layer {name!r}; its layers are {names}, and there the "
            "network ends"
        )

    def with_num_classes(self, num_classes: int) -> Variant:
        """Return the same network with another number of classes.

        Parameters
        ----------
        num_classes : int
            At least 1.

        Raises
        ------
        TypeError, ValueError
            If `num_classes` is no integer, or less than 1, or the network has no classifier.
        """
        old = self.classifier
        if old is None:
            raise ValueError(
                f"variant {self.name!r} has no classifier: it ends with {self.layers[-1].name}"
            )
        if isinstance(old, Linear):
            new: Layer = replace(old, out_features=num_classes)
        else:
            new = replace(old, out_channels=num_classes)
        return replace(self, layers=tuple(new if layer is old else layer for layer in self.layers))

    def shapes(
        self, height: int | None = None, width: int | None = None, last: str | None = None
    ) -> tuple[LayerShapes, ...]:
        """Infer the shapes of all layers at an input size.

        Parameters
        ----------
        height, width : int, optional
            Size of the image in pixels; `height` defaults to `input_size`, `width` to `height`.
        last : str, optional
            Canonical name of the last layer wanted. Up to pool5 (avgpool) any size works that the
            kernels fit; the fully connected layers need the size that their weights were made for.

        Returns
        -------
        tuple of LayerShapes
            In order, up to and including `last`.

        Raises
        ------
        TypeError
            If `height` or `width` is not an integer.
        ValueError
            If one is less than 1, there is no layer `last`, or a layer up to `last` cannot take
            what an image of that size gives it; the message says which, and which size works.
        """
        height = self.input_size if height is None else height
        width = height if width is None else width
        last_layer = self.layers[-1] if last is None else self.layer(last)
        height, width = as_pair((height, width), "height and width", minimum=1)
        try:
            steps = tuple(self._walk(height, width, last_layer))
        except ValueError as error:
            smallest = self.smallest_input(last_layer.name)
            raise ValueError(
                f"variant {self.name!r} cannot take a {height}x{width} image: {error}; "
                f"for layers up to {last_layer.name} the smallest square image is "
                f"{smallest}x{smallest}"
            ) from error
        self._check_linear_inputs(steps)
        return steps

    def smallest_input(self, last: str | None = None) -> int:
        """Compute the size of the smallest square image for the layers up to `last`.

        Parameters
        ----------
        last : str, optional
            Canonical name of a layer; the last one if left out.

        Returns
        -------
        int
            Height and width in pixels.

        Raises
        ------
        ValueError
            If there is no layer `last`.
        """
        last_layer = self.layers[-1] if last is None else self.layer(last)
        sizes = range(1, self.input_size + 1)  # from one of them on all fit
        return sizes[bisect_left(sizes, True, key=lambda size: self._fits(size, last_layer))]

    def parameter_shapes(self) -> dict[str, Shape]:
        """Return the shapes of all weights and biases.

        Returns
        -------
        dict
            "conv1.weight": (O, I / groups, kernel height, kernel width), "conv1.bias": (O,), ...,
            "fc8.weight": (out, in), "fc8.bias": (out,). The columns of the first fully connected
            layer are in the order channel, row, column.
        """
        return {
            f"{step.layer.name}.{kind}": shape
            for step in self._walk(self.input_size, self.input_size, self.layers[-1])
            for kind, shape in step.layer.parameter_shapes(step.input_shape).items()
        }

    def _walk(self, height: int, width: int, last_layer: Layer) -> Iterator[LayerShapes]:
        """Infer shape after shape; ValueError from the layer whose kernel does not fit."""
        shape: Shape = (self.in_channels, height, width)
        for layer in self.layers:
            output_shape = layer.output_shape(shape)
            yield LayerShapes(layer, shape, output_shape)
            if layer is last_layer:
                return
            shape = output_shape

    def _check_linear_inputs(self, steps: tuple[LayerShapes, ...]) -> None:
        """Compare what reaches the fully connected layers with what their weights were made for."""
        native = self._walk(self.input_size, self.input_size, self.layers[-1])
        for step, native_step in zip(steps, native, strict=False):
            needed, given = native_step.input_shape, step.input_shape
            if isinstance(step.layer, Linear) and given != needed:
                _, height, width = steps[0].input_shape
                previous = self.layers[self.layers.index(step.layer) - 1]
                raise ValueError(
                    f"{step.layer.name} of variant {self.name!r} needs {prod(needed)} inputs "
                    f"({shape_text(needed)}), but a {height}x{width} image gives "
                    f"{shape_text(given)}: use {self.input_size}x{self.input_size}, or ask "
                    f"for layers up to {previous.name}"
                )

    def _fits(self, size: int, last_layer: Layer) -> bool:
        """Return whether a square image of this size goes through the layers up to `last_layer`."""
        try:
            self._check_linear_inputs(tuple(self._walk(size, size, last_layer)))
        except ValueError:
            return False
        return True
