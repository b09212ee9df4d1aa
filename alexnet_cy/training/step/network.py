"""A network whose weights change: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.arrays import as_float32
from alexnet_cy.engine.plan.plan import HEAD_BLOCK, TRUNK_BLOCK
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network import Variant
from alexnet_cy.training.step.batch import BatchLoss, Labels, blocks_of, check_labels, join_losses
from alexnet_cy.training.step.head import Draws, check_dropout
from alexnet_cy.training.step.image_input import Images
from alexnet_cy.training.step.passes import Passes
from alexnet_cy.training.step.rate import Rate
from alexnet_cy.training.step.trunk import Clock
from alexnet_cy.training.step.weights.layer_weights import LayerWeights

__all__ = ["TrainingNetwork"]


class TrainingNetwork:
    """A network that learns; it owns its weights. Not for several threads at once.

    Results have the same bits for any number of threads, any `batch_block` and `trunk_block`, and
    any split of a batch into accumulated parts. They depend on the instruction-set level.

    Parameters
    ----------
    variant : Variant
        It ends with a fully connected layer without ReLU, or that and a softmax.
    weights : mapping of str to array_like or TensorRef
        As `Variant.parameter_shapes` has them; copied. With `start`, those from there on.
    trainable : iterable of str, optional
        Names of the layers whose weights learn, such as ("fc6", "fc7", "fc8"); all if left out.
    dropout : mapping of str to float, optional
        For a fully connected layer, the fraction of its inputs that is dropped while it learns, in
        [0, 1); none if left out. `default_dropout` has each network's own.
    seed : int
        Of dropout, from 0 to 2**64 - 1.
    start : str, optional
        A fully connected layer: batches are what it reads, (N, F) or (N, C, H, W), instead of
        images, and the layers before it do not exist.
    exact : bool
        Leave out Winograd's algorithm.
    input_gradient : bool
        Keep the gradient by the images too: `input_gradient`.
    batch_block : int, optional
        Images whose activations are held at once; all of a batch if left out. Fewer take less
        memory, but the weights of the fully connected layers are read as many times.
    trunk_block : int
        Images that go through the convolutions together.
    threads : int, optional

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it.
    WeightsError
        A file of weights cannot be read.
    """

    def __init__(
        self,
        variant: Variant,
        weights: Mapping[str, ArrayLike | TensorRef],
        *,
        trainable: Iterable[str] | None = None,
        dropout: Mapping[str, float] | None = None,
        seed: int = 0,
        start: str | None = None,
        exact: bool = False,
        input_gradient: bool = False,
        batch_block: int | None = None,
        trunk_block: int = TRUNK_BLOCK,
        threads: int | None = None,
    ) -> None:
        self.variant = variant
        self.threads = resolve_threads(threads)
        self._seed = as_count(seed, "seed", minimum=0)
        self._batch_block = None if batch_block is None else as_count(batch_block, "batch_block")
        self._layers = LayerWeights(
            variant, weights, trainable, start=start, exact=exact, threads=self.threads
        )
        self._to_the_input = input_gradient
        if not (self._layers.learning or input_gradient):
            raise ValueError("trainable: need at least one layer, got none")
        self._passes = Passes(
            variant,
            self._layers,
            check_dropout(dropout or {}, self._layers.linears),
            to_the_input=input_gradient,
            trunk_block=as_count(trunk_block, "trunk_block"),
            threads=self.threads,
        )
        self._input_gradient: Float32Array | None = None
        self._has_gradients = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the weights and biases that learn: "conv1.weight", "conv1.bias", ..."""
        return tuple(self._layers.parameters)

    @property
    def num_classes(self) -> int:
        """Number of outputs of the last layer."""
        return self._layers.linears[-1].packed.out_features

    def accumulate(
        self,
        x: ArrayLike | PixelBatch,
        labels: ArrayLike,
        *,
        class_weights: ArrayLike | None = None,
        divisor: float | None = None,
        epoch: int = 0,
        indices: ArrayLike | None = None,
        clock: Clock | None = None,
    ) -> BatchLoss:
        """Compute the loss of some images, and add its gradients to those that there are.

        Whatever ends it halfway, such as Ctrl-C, clears the gradients.

        Parameters
        ----------
        x : array_like of float, shape (N, 3, H, W), PixelBatch, or with `start` (N, F)
            N at least 1.
        labels : array_like of int, shape (N,)
            The class of each image, from 0 up.
        class_weights : array_like, shape (classes,), optional
            What an image of each class counts; 1 if left out.
        divisor : float, optional
            What the sum of the losses is divided by: the number of images, or the sum of their
            class weights, of the whole batch, if this is a part of one. That of these images if
            left out.
        epoch : int
            Decides what is dropped, with the seed and `indices`.
        indices : array_like of int, shape (N,), optional
            The place of each image in its data set; 0 to N - 1 if left out.
        clock : callable, optional
            Called after each piece of work with its name.

        Raises
        ------
        TypeError, ValueError
            An argument does not fit; the message names it.
        """
        images = self._as_images(x)
        checked = self._check(labels, indices, class_weights, divisor, len(images))
        return self._accumulate(images, checked, epoch, clock)

    def step(
        self,
        x: ArrayLike | PixelBatch,
        labels: ArrayLike,
        rates: Mapping[str, Rate],
        *,
        class_weights: ArrayLike | None = None,
        divisor: float | None = None,
        epoch: int = 0,
        indices: ArrayLike | None = None,
        clock: Clock | None = None,
    ) -> BatchLoss:
        """Do `accumulate` and `update` in one, with less memory; the bits are the same.

        If the loss is not finite, nothing is updated, and gradients are cleared. Whatever ends it
        halfway, such as Ctrl-C, may leave layers that have been updated and others that have not.

        Parameters
        ----------
        x, labels, class_weights, divisor, epoch, indices, clock
            As for `accumulate`.
        rates : mapping of str to Rate
            For every one of `parameters`.

        Raises
        ------
        TypeError, ValueError
            An argument does not fit; the message names it.
        """
        images = self._as_images(x)
        checked = self._check(labels, indices, class_weights, divisor, len(images))
        self._layers.check_rates(rates)
        if self._has_gradients or len(images) > self._block_of(len(images)):
            result = self._accumulate(images, checked, epoch, clock)
            if np.isfinite(result.loss):
                self.update(rates)
            else:
                self.clear()
            return result
        draws = Draws(self._seed, epoch, checked.indices)
        result = self._passes.forward(images, checked, draws, clock)
        if np.isfinite(result.loss):
            self._passes.backward(images, draws, clock, rates=rates)
            self._layers.update_convs(rates, self.threads, clock)
        return result

    def update(self, rates: Mapping[str, Rate]) -> None:
        """Take a step with the accumulated gradients, and clear them.

        Parameters
        ----------
        rates : mapping of str to Rate
            For every one of `parameters`.

        Raises
        ------
        ValueError
            A rate is missing or superfluous, or there are no gradients.
        """
        self._layers.check_rates(rates)
        self._need_gradients()
        self._layers.update(rates, self.threads)
        self._has_gradients = False

    def clear(self) -> None:
        """Forget the accumulated gradients."""
        self._has_gradients = False
        self._layers.forget_gradients()

    def gradients(self) -> dict[str, Float32Array]:
        """Return copies of the accumulated gradients, by name, in the shapes of the weights."""
        self._need_gradients()
        self._layers.finish(self.threads)
        return {name: one.public("gradient") for name, one in self._layers.parameters.items()}

    def gradient_arrays(self) -> dict[str, Float32Array]:
        """Return the accumulated gradients themselves, flat and packed, to be changed in place.

        They are laid out alike in every process that has the same variant and instruction-set
        level: the place to add up the gradients of several machines.
        """
        self._need_gradients()
        self._layers.finish(self.threads)
        return {name: one.gradient for name, one in self._layers.parameters.items()}

    def input_gradient(self) -> Float32Array:
        """Return the gradient by the images of the last `accumulate`, (N, C, H, W) or (N, F).

        Raises
        ------
        ValueError
            The network was made without ``input_gradient=True``, or nothing has been accumulated.
        """
        if self._input_gradient is None:
            raise ValueError("input_gradient: need input_gradient=True, and a call of accumulate")
        return self._input_gradient

    def predict(self, x: ArrayLike | PixelBatch) -> Float32Array:
        """Return the logits of images, (N, classes), with nothing dropped.

        Parameters
        ----------
        x
            As for `accumulate`; N may be 0.
        """
        images = self._as_images(x)
        logits = np.empty((len(images), self.num_classes), np.float32)
        head = self._passes.head
        for part in blocks_of(len(images), HEAD_BLOCK if head is None else head.n_images):
            logits[part] = self._passes.logits(images[part], None, None)
        return logits

    def weights(self) -> dict[str, Float32Array]:
        """Return copies of all weights, by name, as ``AlexNet(variant, weights)`` takes them."""
        return {name: one.public() for name, one in self._layers.every_parameter.items()}

    def velocities(self) -> dict[str, Float32Array]:
        """Return copies of what momentum keeps for each of `parameters`, shaped as the weights."""
        return {name: one.public("velocity") for name, one in self._layers.parameters.items()}

    def set_weights(self, weights: Mapping[str, ArrayLike]) -> None:
        """Replace weights, all or some; ValueError names one that does not fit."""
        self._layers.take(weights, "values")

    def set_velocities(self, velocities: Mapping[str, ArrayLike]) -> None:
        """Replace what momentum keeps, of all `parameters` or some, as `velocities` returns it."""
        self._layers.take(velocities, "velocity")

    def _accumulate(
        self, images: Images, labels: Labels, epoch: int, clock: Clock | None
    ) -> BatchLoss:
        parts = []
        if self._to_the_input:
            self._input_gradient = np.empty(images.shape, np.float32)
        try:
            for part in blocks_of(len(images), self._block_of(len(images))):
                draws = Draws(self._seed, epoch, labels.indices[part])
                parts.append(self._passes.forward(images[part], labels[part], draws, clock))
                self._passes.backward(
                    images[part],
                    draws,
                    clock,
                    accumulate=self._has_gradients,
                    input_gradient_of=self._part_of_input_gradient(part),
                )
                self._has_gradients = True
        except BaseException:
            self.clear()  # a part of the batch is in some of them
            raise
        return join_losses(parts, labels.divisor)

    def _part_of_input_gradient(self, part: slice) -> Float32Array | None:
        return None if self._input_gradient is None else self._input_gradient[part]

    def _as_images(self, x: ArrayLike | PixelBatch) -> Images:
        if self._layers.has_trunk or isinstance(x, PixelBatch):
            shape = "(N, C, H, W)"
            images: Images = x if isinstance(x, PixelBatch) else as_float32(x, "x", 4, shape)
            channels = self.variant.shapes()[0].input_shape[0]
            if images.shape[1] != channels:
                raise ValueError(f"x: need shape (N, {channels}, H, W), got {images.shape}")
            return images
        rows = as_float32(x, "x")
        width = self._layers.linears[0].packed.in_features
        if rows.ndim < 2 or rows.size != len(rows) * width:
            raise ValueError(f"x: need shape (N, {width}), got {rows.shape}")
        return rows.reshape(len(rows), width)

    def _check(
        self,
        labels: ArrayLike,
        indices: ArrayLike | None,
        class_weights: ArrayLike | None,
        divisor: float | None,
        n_images: int,
    ) -> Labels:
        return check_labels(
            labels,
            indices,
            class_weights,
            divisor,
            n_images=n_images,
            n_classes=self.num_classes,
        )

    def _block_of(self, n_images: int) -> int:
        return n_images if self._batch_block is None else self._batch_block

    def _need_gradients(self) -> None:
        if not self._has_gradients:
            raise ValueError("gradients: there are none, accumulate has not been called")
