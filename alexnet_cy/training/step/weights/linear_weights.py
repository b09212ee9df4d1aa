"""The weights of a fully connected layer that learns."""

from __future__ import annotations

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.packed.linear_packing import pack_linear
from alexnet_cy.kernels import _linear
from alexnet_cy.kernels._bound import Bound
from alexnet_cy.kernels.training import _conv_gradients, _linear_gradients
from alexnet_cy.kernels.training._linear_gradients import LinearDataGradient
from alexnet_cy.network import Linear
from alexnet_cy.training.step.rate import Rate
from alexnet_cy.training.step.weights.layouts import BiasLayout, LinearLayout, memory_of
from alexnet_cy.training.step.weights.parameter import Parameter

__all__ = ["LinearWeights"]


class LinearWeights:
    """The weights of one fully connected layer, in the rows that the kernels read.

    Parameters
    ----------
    layer : Linear
    weight, bias : TensorRef
        Of shapes (O, I) and (O,).
    kernels : capsule
        The instruction-set level.
    threads : int
        That read and pack them.
    """

    def __init__(
        self, layer: Linear, weight: TensorRef, bias: TensorRef, kernels: object, threads: int
    ) -> None:
        self.layer = layer
        self._kernels = kernels
        self.packed = pack_linear(weight, bias.read(), kernels, threads)
        self.weight = Parameter(
            f"{layer.name}.weight",
            weight.shape,
            memory_of(self.packed.weight_memory),
            LinearLayout(self.packed),
            kernels,
        )
        self.bias = Parameter(
            f"{layer.name}.bias",
            bias.shape,
            memory_of(self.packed.bias_memory),
            BiasLayout(self.packed.out_features, 1),
            kernels,
        )

    def bind_forward(self, x: Float32Array, y: Float32Array) -> Bound:
        """Bind y (N, O) = relu(x W^T + bias)."""
        return _linear.Linear(self.packed, x, y, self.layer.relu)

    def bind_data_gradient(
        self, e: Float32Array, dx: Float32Array, mask: Float32Array | None, scale: float
    ) -> LinearDataGradient:
        """Bind dx = scale * e W where the mask is positive; no mask is everywhere."""
        return LinearDataGradient(self.packed, e, dx, mask, scale)

    def bind_weight_gradient(
        self, x: Float32Array, e: Float32Array, *, accumulate: bool
    ) -> tuple[Bound, ...]:
        """Bind what adds the gradients by weight and bias."""
        of_weight = _linear_gradients.LinearWeightGradient(
            self.packed, x, e, self.weight.gradient, accumulate
        )
        return of_weight, self._bind_bias_gradient(e, accumulate=accumulate)

    def _bind_bias_gradient(self, e: Float32Array, *, accumulate: bool) -> Bound:
        vectors = e.reshape(len(e), 1, 1, -1)
        return _conv_gradients.ChannelSums(
            self._kernels, vectors, self.bias.gradient, 1, accumulate
        )

    def update(
        self,
        x: Float32Array,
        e: Float32Array,
        rates: tuple[Rate, Rate],
        data: LinearDataGradient | None,
        threads: int,
    ) -> None:
        """Update weight and bias by the gradients of one batch, in the pass that makes them.

        The whole gradient never exists; the bits are those of `bind_weight_gradient` and
        `Parameter.update`.

        Parameters
        ----------
        x, e : float32 array, shapes (N, I) and (N, O)
            What the layer has read, and the gradient in front of its ReLU.
        rates : (Rate, Rate)
            Of the weight and of the bias.
        data : LinearDataGradient or None
            What `bind_data_gradient` has bound to `e`: is run, with the weights as they were.
        threads : int
        """
        rate = rates[0]
        _linear_gradients.linear_update(
            self.packed,
            x,
            e,
            self.weight.velocity,
            rate.rate,
            rate.momentum,
            rate.decay,
            rate.rate_inside,
            data,
            threads,
        )
        self._bind_bias_gradient(e, accumulate=False).run(threads)
        self.bias.update(rates[1], threads)
