"""Forward and backward passes of images that are held together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.kernels.training._linear_gradients import LinearDataGradient
from alexnet_cy.kernels.training._loss import cross_entropy
from alexnet_cy.network import Variant
from alexnet_cy.training.step.batch import BatchLoss, Labels, add_up
from alexnet_cy.training.step.head import Draws, Head
from alexnet_cy.training.step.image_input import Images
from alexnet_cy.training.step.rate import Rate
from alexnet_cy.training.step.stages import make_stages
from alexnet_cy.training.step.trunk import Clock, Trunk, input_gradient
from alexnet_cy.training.step.weights.layer_weights import LayerWeights
from alexnet_cy.training.step.weights.linear_weights import LinearWeights

__all__ = ["Passes"]


class Passes:
    """The memory of a network that learns, and the passes that use it.

    Attributes
    ----------
    trunk, head : Trunk, Head, or None
        Of the last pass.

    Parameters
    ----------
    variant : Variant
    layers : LayerWeights
    dropout : mapping of str to float
    to_the_input : bool
        Whether the gradient by the images is wanted.
    trunk_block : int
    threads : int
    """

    def __init__(
        self,
        variant: Variant,
        layers: LayerWeights,
        dropout: Mapping[str, float],
        *,
        to_the_input: bool,
        trunk_block: int,
        threads: int,
    ) -> None:
        self.head: Head | None = None
        self.trunk: Trunk | None = None
        self._variant = variant
        self._layers = layers
        self._rates = dropout
        self._to_the_input = to_the_input
        self._trunk_block = trunk_block
        self._threads = threads
        self._image_size: tuple[int, int] | None = None

    def forward(
        self, images: Images, labels: Labels, draws: Draws, clock: Clock | None
    ) -> BatchLoss:
        """Compute the loss of images that are held together, and its gradient by the logits."""
        logits = self.logits(images, draws, clock)
        assert self.head is not None
        losses = np.empty(len(images), np.float64)
        cross_entropy(
            self._layers.kernels,
            logits,
            labels.classes,
            labels.class_weights,
            labels.divisor,
            self.head.logits_gradient[: len(images)],
            losses,
            self._threads,
        )
        if clock is not None:
            clock("loss")
        kept = logits.copy()
        correct = kept.argmax(axis=1) == labels.classes
        return BatchLoss(add_up(losses) / labels.divisor, losses, kept, correct)

    def logits(self, images: Images, draws: Draws | None, clock: Clock | None) -> Float32Array:
        """Compute the logits of images, (N, classes), which the next pass overwrites."""
        head = self._head_for(len(images))
        rows = head.inputs[: len(images)]
        if self._layers.has_trunk:
            trunk = self._trunk_for(images)
            self._layers.refresh(self._threads, clock)
            trunk.forward(images, rows, self._threads, clock)
        else:
            assert isinstance(images, np.ndarray)
            rows[:] = images
        return head.forward(draws, len(images), self._threads, clock)

    def backward(
        self,
        images: Images,
        draws: Draws,
        clock: Clock | None,
        *,
        accumulate: bool = False,
        rates: Mapping[str, Rate] | None = None,
        input_gradient_of: Float32Array | None = None,
    ) -> None:
        """Compute the gradients of the images of the last `forward`.

        Parameters
        ----------
        images, draws, clock
            As of `forward`.
        accumulate : bool
            Whether to add to the gradients that there are.
        rates : mapping of str to Rate, optional
            Update the fully connected layers on the way.
        input_gradient_of : float32 array, of the shape of the images, optional
            Takes the gradient by them.
        """
        head, trunk = self.head, self.trunk
        assert head is not None
        count = len(images)

        def on_layer(
            layer: LinearWeights,
            x: Float32Array,
            e: Float32Array,
            data: LinearDataGradient | None,
        ) -> None:
            if rates is None:
                if data is not None:
                    data.run(self._threads)
                for kernel in layer.bind_weight_gradient(x, e, accumulate=accumulate):
                    kernel.run(self._threads)
            else:
                both = rates[layer.weight.name], rates[layer.bias.name]
                layer.update(x, e, both, data, self._threads)
            if clock is not None:
                clock(f"{layer.layer.name} backward")

        into_trunk = trunk is not None and trunk.learns
        to_inputs = into_trunk or self._to_the_input
        if to_inputs or any(
            one.layer.name in self._layers.learning for one in self._layers.linears
        ):
            head.backward(draws, count, self._threads, to_inputs=to_inputs, on_layer=on_layer)
        rows = head.input_gradient[:count]
        if trunk is None or not into_trunk:
            if input_gradient_of is not None:
                input_gradient_of.reshape(count, -1)[:] = rows
            return

        def on_input(part: slice, dx: Float32Array) -> None:
            if input_gradient_of is not None:
                shape = input_gradient_of.shape[1:]
                input_gradient_of[part] = input_gradient(dx, trunk.stages[0], shape)

        trunk.backward(
            images,
            rows,
            self._threads,
            accumulate=accumulate,
            clock=clock,
            on_input=on_input if self._to_the_input else None,
        )

    def _head_for(self, count: int) -> Head:
        if self.head is None or self.head.n_images < count:
            self.head = Head(
                self._layers.linears,
                self._rates,
                self._layers.learning,
                count,
                self._layers.kernels,
            )
        return self.head

    def _trunk_for(self, images: Images) -> Trunk:
        size = images.shape[2], images.shape[3]
        too_small = self.trunk is None or self.trunk.n_images < len(images)
        if too_small or size != self._image_size:
            stages = make_stages(
                self._variant,
                *size,
                self._layers.convs,
                self._layers.learning,
                to_the_input=self._to_the_input,
            )
            self.trunk = None  # its memory first
            self.trunk = Trunk(stages, len(images), self._layers.kernels, self._trunk_block)
            self._image_size = size
        assert self.trunk is not None
        return self.trunk
