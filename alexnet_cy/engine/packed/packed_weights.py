"""The weights of a network, packed for the kernels layer by layer, each when it is first needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.packed.conv_layer import ConvLayer
from alexnet_cy.engine.packed.linear_layer import LinearLayer
from alexnet_cy.machine.levels import active_kernels
from alexnet_cy.machine.threads import default_threads
from alexnet_cy.network import Conv, Linear, Variant

__all__ = ["PackedWeights", "WeightsView"]


class PackedWeights:
    """The packed layers of one network.

    A layer's tensors are read when the layer first runs: a pass that stops at conv5 never reads
    the 234 MB of the fully connected layers. The packed copy is the only one that stays, and it
    gives the tensors back exactly. Several threads may ask at once.

    Parameters
    ----------
    variant : Variant
    tensors : mapping of str to TensorRef
        "conv1.weight", ... as `Variant.parameter_shapes` names and shapes them.
    kernels : capsule, optional
        The instruction-set level to pack for; the one in force if left out.
    """

    def __init__(
        self, variant: Variant, tensors: Mapping[str, TensorRef], kernels: object = None
    ) -> None:
        self.variant = variant
        self.kernels = active_kernels() if kernels is None else kernels
        self._convs: dict[str, ConvLayer] = {}
        self._linears: dict[str, LinearLayer] = {}
        for step in variant.shapes():
            layer = step.layer
            if isinstance(layer, Conv | Linear):
                weight, bias = (tensors[f"{layer.name}.{kind}"] for kind in ("weight", "bias"))
                if isinstance(layer, Conv):
                    self._convs[layer.name] = ConvLayer(layer, weight, bias, self.kernels)
                else:
                    self._linears[layer.name] = LinearLayer(weight, bias, self.kernels)

    def conv(self, name: str) -> ConvLayer:
        """Return a convolution, whose weights are packed or not."""
        return self._convs[name]

    def linear(self, name: str) -> LinearLayer:
        """Return a fully connected layer, whose weights are packed or not."""
        return self._linears[name]

    def pack_now(self, names: Iterable[str]) -> None:
        """Pack the layers of these tensors now: a caller may change the arrays that he gave."""
        for name in dict.fromkeys(key.rpartition(".")[0] for key in names):
            self._layer(name).pack(default_threads())

    @property
    def packed_bytes(self) -> int:
        """Bytes of the layers packed so far."""
        layers: list[ConvLayer | LinearLayer] = [*self._convs.values(), *self._linears.values()]
        return sum(layer.nbytes for layer in layers)

    def tensor(self, name: str) -> Float32Array:
        """Return a fresh copy of one tensor in its public layout; KeyError if there is none."""
        layer_name, _, kind = name.rpartition(".")
        if name not in self.variant.parameter_shapes():
            raise KeyError(name)
        return self._layer(layer_name).tensor(kind)

    def _layer(self, name: str) -> ConvLayer | LinearLayer:
        return self._linears[name] if name in self._linears else self._convs[name]


class WeightsView(Mapping[str, Float32Array]):
    """Read-only view of a network's weights; every access returns a fresh array.

    Keys are "conv1.weight" (O, I / groups, R, S), "conv1.bias" (O,), ..., "fc8.weight" (out, in)
    and "fc8.bias", in the order of the pass; the columns of fc6 are in (C, H, W) order.
    """

    def __init__(self, packed: PackedWeights) -> None:
        self._packed = packed
        self._names = tuple(packed.variant.parameter_shapes())

    def __getitem__(self, name: str) -> Float32Array:
        return self._packed.tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names
