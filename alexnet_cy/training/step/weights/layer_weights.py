"""All layers of a network that have weights, and which of them learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.arrays import as_float32
from alexnet_cy.engine.packed.given import given_tensors
from alexnet_cy.kernels._runtime import kernels_of
from alexnet_cy.machine.levels import active_level
from alexnet_cy.network import Conv, Layer, Linear, Softmax, Variant
from alexnet_cy.training.step.rate import Rate
from alexnet_cy.training.step.trunk import Clock
from alexnet_cy.training.step.weights.conv_weights import ConvWeights
from alexnet_cy.training.step.weights.linear_weights import LinearWeights
from alexnet_cy.training.step.weights.parameter import Parameter

__all__ = ["LayerWeights"]


class LayerWeights:
    """The weights of a network that learns; parameters and errors as of `TrainingNetwork`.

    Attributes
    ----------
    kernels : capsule
        Of the instruction-set level in force.
    convs : dict of str to ConvWeights
    linears : list of LinearWeights
    learning : frozenset of str
        Names of the layers that learn.
    has_trunk : bool
        Whether there are layers before the fully connected ones.
    every_parameter, parameters : dict of str to Parameter
        All, and those that learn.
    """

    def __init__(
        self,
        variant: Variant,
        weights: Mapping[str, ArrayLike | TensorRef],
        trainable: Iterable[str] | None,
        *,
        start: str | None,
        exact: bool,
        threads: int,
    ) -> None:
        layers = _checked_layers(variant, start)
        with_weights = [layer for layer in layers if isinstance(layer, Conv | Linear)]
        names = [layer.name for layer in with_weights]
        tensors = given_tensors(weights, variant, layers=names)
        self.learning = _check_names(trainable, names)
        self.has_trunk = start is None
        self.kernels = kernels_of(active_level())
        self.convs: dict[str, ConvWeights] = {}
        self.linears: list[LinearWeights] = []
        for layer in with_weights:
            weight, bias = tensors[f"{layer.name}.weight"], tensors[f"{layer.name}.bias"]
            if isinstance(layer, Conv):
                first = layer is variant.layers[0]
                self.convs[layer.name] = ConvWeights(
                    layer, weight, bias, self.kernels, reads_images=first, exact=exact
                )
            else:
                self.linears.append(LinearWeights(layer, weight, bias, self.kernels, threads))
        self.every_parameter: dict[str, Parameter] = {}
        with_parameters: list[ConvWeights | LinearWeights] = [*self.convs.values(), *self.linears]
        for one in with_parameters:
            self.every_parameter |= {p.name: p for p in (one.weight, one.bias)}
        self.parameters = {
            name: one
            for name, one in self.every_parameter.items()
            if name.rpartition(".")[0] in self.learning
        }
        self._unfinished = True

    @property
    def head_learns(self) -> bool:
        """Whether a fully connected layer learns."""
        return any(linear.layer.name in self.learning for linear in self.linears)

    def refresh(self, threads: int, clock: Clock | None = None) -> None:
        """Make anew what the forward and backward passes read besides the packed weights."""
        self._unfinished = True
        for name, conv in self.convs.items():
            conv.refresh(threads)
            if clock is not None:
                clock(f"{name} refresh")

    def finish(self, threads: int, clock: Clock | None = None) -> None:
        """Complete the gradients of what the images have left, once."""
        if self._unfinished:
            for conv in self._learning_convs():
                conv.finish(threads)
                if clock is not None:
                    clock(f"{conv.layer.name} weights")
        self._unfinished = False

    def update(self, rates: Mapping[str, Rate], threads: int) -> None:
        """Update all that learns with the gradients."""
        for linear in self.linears:
            if linear.layer.name in self.learning:
                linear.weight.update(rates[linear.weight.name], threads)
                linear.bias.update(rates[linear.bias.name], threads)
        self.update_convs(rates, threads)

    def update_convs(
        self, rates: Mapping[str, Rate], threads: int, clock: Clock | None = None
    ) -> None:
        """Update the convolutions that learn with their gradients."""
        self.finish(threads, clock)
        for conv in self._learning_convs():
            conv.changed()  # before: a signal handler may end what follows anywhere
            conv.weight.update(rates[conv.weight.name], threads)
            conv.bias.update(rates[conv.bias.name], threads)
            if clock is not None:
                clock(f"{conv.layer.name} update")

    def forget_gradients(self) -> None:
        """Let `finish` do its work again."""
        self._unfinished = True

    def check_rates(self, rates: Mapping[str, Rate]) -> None:
        """Raise ValueError unless there is a rate for every parameter that learns, and no other."""
        missing = [name for name in self.parameters if name not in rates]
        unknown = [str(name) for name in rates if name not in self.parameters]
        if missing or unknown:
            raise ValueError(
                f"rates: need one for each parameter that learns; "
                f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}"
            )

    def take(self, arrays: Mapping[str, ArrayLike], what: str) -> None:
        """Set "values" or "velocity" of some parameters; ValueError names what does not fit."""
        known = self.every_parameter if what == "values" else self.parameters
        for name, value in arrays.items():
            if name not in known:
                raise ValueError(f"{name}: no such parameter; there are {', '.join(known)}")
            parameter, array = known[name], as_float32(value, name)
            if array.shape != parameter.shape:
                raise ValueError(f"{name}: need shape {parameter.shape}, got {array.shape}")
            parameter.take(np.ascontiguousarray(array), what)
        for conv in self.convs.values():
            conv.changed()

    def _learning_convs(self) -> list[ConvWeights]:
        return [conv for name, conv in self.convs.items() if name in self.learning]


def _checked_layers(variant: Variant, start: str | None) -> list[Layer]:
    """Return the layers that there are; ValueError if they cannot learn."""
    layers = list(variant.layers)
    logits = layers[-2] if isinstance(layers[-1], Softmax) and len(layers) > 1 else layers[-1]
    if not isinstance(logits, Linear) or logits.relu:
        raise ValueError(
            f"variant {variant.name!r} ends with {layers[-1].name}: to learn it needs a fully "
            "connected layer without ReLU at its end"
        )
    if start is None:
        return layers
    first = variant.layer(start)
    if not isinstance(first, Linear):
        raise ValueError(f"start: need a fully connected layer, got {start!r}")
    return layers[layers.index(first) :]


def _check_names(trainable: Iterable[str] | None, names: list[str]) -> frozenset[str]:
    if trainable is None:
        return frozenset(names)
    if isinstance(trainable, str):
        raise TypeError(f"trainable: need names of layers, got the string {trainable!r}")
    asked = list(trainable)
    for name in asked:
        if name not in names:
            raise ValueError(f"trainable: need names of {', '.join(names)}, got {name!r}")
    return frozenset(asked)
