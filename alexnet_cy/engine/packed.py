"""The weights of a network, packed for the kernels layer by layer, each when it is first needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock

import numpy as np

from alexnet_cy import _conv, _linear
from alexnet_cy.engine.arrays import Float32Array
from alexnet_cy.engine.levels import active_kernels
from alexnet_cy.engine.threads import default_threads
from alexnet_cy.network import Conv, Linear, Variant
from alexnet_cy.weights.tensors import TensorRef

__all__ = ["PackedWeights", "WeightsView"]


class PackedWeights:
    """The packed layers of one network.

    A layer's tensors are read, packed and dropped the first time the layer runs: a pass that stops
    at conv5 never reads the 234 MB of the fully connected layers. Packing is the only copy that
    stays. Several threads may ask at once; after its first use a layer never changes.

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
        self._tensors = dict(tensors)
        self._layers: dict[str, _conv.PackedConv | _linear.PackedLinear] = {}
        self._lock = Lock()
        self._shapes = {step.layer.name: step for step in variant.shapes()}

    def conv(self, name: str) -> _conv.PackedConv:
        """Return a packed convolution; WeightsError if its tensors cannot be read."""
        layer = self._layer(name)
        assert isinstance(layer, _conv.PackedConv)
        return layer

    def linear(self, name: str) -> _linear.PackedLinear:
        """Return a packed fully connected layer; WeightsError if its tensors cannot be read."""
        layer = self._layer(name)
        assert isinstance(layer, _linear.PackedLinear)
        return layer

    def pack_all(self) -> None:
        """Read and pack every layer now."""
        for name in {key.rpartition(".")[0] for key in self.variant.parameter_shapes()}:
            self._layer(name)

    @property
    def packed_bytes(self) -> int:
        """Bytes of the layers packed so far."""
        return sum(layer.nbytes for layer in list(self._layers.values()))

    def tensor(self, name: str) -> Float32Array:
        """Return a fresh copy of one tensor in its public layout; KeyError if there is none."""
        layer_name, _, kind = name.rpartition(".")
        if name not in self.variant.parameter_shapes():
            raise KeyError(name)
        with self._lock:
            layer = self._layers.get(layer_name)
            unread = self._tensors.get(name)
        if layer is None and unread is not None:
            return np.array(unread.read(), np.float32)
        weight, bias = self._layer(layer_name).unpack()
        return weight if kind == "weight" else bias

    def _layer(self, name: str) -> _conv.PackedConv | _linear.PackedLinear:
        packed = self._layers.get(name)
        if packed is None:
            with self._lock:
                packed = self._layers.get(name)
                if packed is None:
                    packed = self._pack(name)
                    self._layers[name] = packed
                    del self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        return packed

    def _pack(self, name: str) -> _conv.PackedConv | _linear.PackedLinear:
        weight = self._tensors[f"{name}.weight"].read()
        bias = self._tensors[f"{name}.bias"].read()
        layer, input_shape = self._shapes[name].layer, self._shapes[name].input_shape
        if isinstance(layer, Conv):
            return _conv.PackedConv(weight, bias, layer.groups, self.kernels)
        assert isinstance(layer, Linear)
        pixels = input_shape[1] * input_shape[2] if len(input_shape) == 3 else 1
        return _linear.PackedLinear(weight, bias, pixels, self.kernels, default_threads())


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
