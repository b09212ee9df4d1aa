"""A whole network as data: its layers in order, and what follows from them by arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from math import prod

from alexnet_cy.contracts.records import record
from alexnet_cy.network.specs import AdaptiveAvgPool, Layer, Linear, Shape, shape_text
from alexnet_cy.network.windows import as_pair

__all__ = ["LayerShapes", "Variant"]

IMAGE_CHANNELS = 3


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
    """One of the networks that are called AlexNet.

    Attributes
    ----------
    name : str
        The name for users, such as "caffe".
    title : str
        One line for people.
    layers : tuple of Layer
        In the order of the forward pass.
    input_size : int
        Height and width that the network was trained for, or is usually run at, in pixels.
    preset : str
        Name of the preprocessing that goes with the weights, "caffe" or "torchvision".
    channel_order : str
        "BGR" or "RGB": what input channels 0, 1, 2 hold under that preset.
    source : str
        Where the settings come from.
    parameters : int
        The published number of parameters with 1000 classes; `parameter_count` counts this
        network's own.
    """

    name: str
    title: str
    layers: tuple[Layer, ...]
    input_size: int
    preset: str
    channel_order: str
    source: str
    parameters: int

    @property
    def num_classes(self) -> int:
        """Number of outputs of the last fully connected layer."""
        return self._head.out_features

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
        if any(isinstance(layer, AdaptiveAvgPool) for layer in self.layers):
            return None
        last_layer = self.layers[-1]
        return next(n for n in count(self.input_size) if not self._fits(n + 1, last_layer))

    def layer(self, name: str) -> Layer:
        """Return the layer with this canonical name; ValueError if there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"variant {self.name!r} has no layer {name!r}; its layers are {names}")

    def with_num_classes(self, num_classes: int) -> Variant:
        """Return the same network with another number of classes.

        Parameters
        ----------
        num_classes : int
            At least 1.

        Raises
        ------
        TypeError, ValueError
            If `num_classes` is not an integer, or less than 1.
        """
        head = replace(self._head, out_features=num_classes)
        return replace(
            self, layers=tuple(head if layer.name == head.name else layer for layer in self.layers)
        )

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
        return next(size for size in count(1) if self._fits(size, last_layer))

    def parameter_shapes(self) -> dict[str, Shape]:
        """Return the shapes of all weights and biases.

        Returns
        -------
        dict
            "conv1.weight": (O, I / groups, kernel height, kernel width), "conv1.bias": (O,), ...,
            "fc8.weight": (out, in), "fc8.bias": (out,). The columns of fc6 are in the order
            channel, row, column.
        """
        return {
            f"{step.layer.name}.{kind}": shape
            for step in self._walk(self.input_size, self.input_size, self.layers[-1])
            for kind, shape in step.layer.parameter_shapes(step.input_shape).items()
        }

    @property
    def _head(self) -> Linear:
        """The last fully connected layer, whose neurons are the classes."""
        return next(layer for layer in reversed(self.layers) if isinstance(layer, Linear))

    def _walk(self, height: int, width: int, last_layer: Layer) -> Iterator[LayerShapes]:
        """Infer shape after shape; ValueError from the layer whose kernel does not fit."""
        shape: Shape = (IMAGE_CHANNELS, height, width)
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
