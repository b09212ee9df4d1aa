"""The weights of a network, packed for the kernels layer by layer, each when it is first needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from threading import Lock

import numpy as np

from alexnet_cy._conv import PackedConv
from alexnet_cy._winograd import PackedWinograd
from alexnet_cy.engine.arrays import Float32Array
from alexnet_cy.engine.levels import active_kernels
from alexnet_cy.engine.linear_layer import LinearLayer
from alexnet_cy.engine.sharing import share_out
from alexnet_cy.engine.threads import default_threads
from alexnet_cy.engine.winograd import pack_winograd
from alexnet_cy.network import Conv, Linear, Variant
from alexnet_cy.weights.array_tensors import array_tensor
from alexnet_cy.weights.tensors import TensorRef

__all__ = ["PackedWeights", "WeightsView"]


class PackedWeights:
    """The packed layers of one network.

    A layer's tensors are read when the layer first runs: a pass that stops at conv5 never reads
    the 234 MB of the fully connected layers. Of those the packed copy is the only one that stays;
    the convolutions, 9 MB in all, keep their tensors too, as the transformed weights of Winograd's
    algorithm cannot be turned back exactly. Several threads may ask at once.

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
        self._convs: dict[tuple[str, bool], PackedConv | PackedWinograd] = {}
        self._kept: set[str] = set()
        self._shapes = {step.layer.name: step for step in variant.shapes()}
        self._linears = {
            name: self._linear(name)
            for name, step in self._shapes.items()
            if isinstance(step.layer, Linear)
        }
        self._locks = {name: Lock() for name in self._shapes}  # of the convolutions' tensors

    def pack_convs(self, layers: Iterable[tuple[str, bool]], threads: int) -> None:
        """Read and pack convolutions now, on some threads: new memory comes sooner to several.

        Parameters
        ----------
        layers : iterable of (str, bool)
            The names, and whether to pack for Winograd.
        threads : int

        Raises
        ------
        WeightsError
            The weights cannot be read.
        """
        missing = [layer for layer in layers if layer not in self._convs]
        share_out(lambda layer: self._conv(*layer), missing, threads)

    def conv(self, name: str) -> PackedConv:
        """Return a convolution packed for direct and im2col; WeightsError if it cannot be read."""
        packed = self._conv(name, False)
        assert isinstance(packed, PackedConv)
        return packed

    def winograd(self, name: str) -> PackedWinograd:
        """Return a convolution packed for Winograd; WeightsError if it cannot be read."""
        packed = self._conv(name, True)
        assert isinstance(packed, PackedWinograd)
        return packed

    def linear(self, name: str) -> LinearLayer:
        """Return a fully connected layer, which is packed or not."""
        return self._linears[name]

    def take(self, names: Iterable[str]) -> None:
        """Read the layers of these tensors now: a caller's arrays, say, who may change them."""
        for name in dict.fromkeys(key.rpartition(".")[0] for key in names):
            if name in self._linears:
                self._linears[name].pack(default_threads())
            else:
                with self._locks[name]:
                    self._keep_conv(name, copy=True)

    @property
    def packed_bytes(self) -> int:
        """Bytes of the layers packed so far."""
        packed = [*self._convs.values(), *self._linears.values()]
        return sum(layer.nbytes for layer in packed)

    def tensor(self, name: str) -> Float32Array:
        """Return a fresh copy of one tensor in its public layout; KeyError if there is none."""
        layer_name, _, kind = name.rpartition(".")
        if name not in self.variant.parameter_shapes():
            raise KeyError(name)
        if layer_name in self._linears:
            return self._linears[layer_name].tensor(kind)
        with self._locks[layer_name]:
            tensor = self._tensors[name]
        return np.array(tensor.read(), np.float32)

    def _conv(self, name: str, winograd: bool) -> PackedConv | PackedWinograd:
        packed = self._convs.get((name, winograd))
        if packed is None:
            with self._locks[name]:
                packed = self._convs.get((name, winograd))
                if packed is None:
                    packed = self._convs[name, winograd] = self._pack_conv(name, winograd)
        return packed

    def _pack_conv(self, name: str, winograd: bool) -> PackedConv | PackedWinograd:
        layer = self._shapes[name].layer
        assert isinstance(layer, Conv)
        weight, bias = self._keep_conv(name, copy=False)
        if not winograd:
            return PackedConv(weight, bias, layer.groups, self.kernels)
        return pack_winograd(
            weight, bias, stride=layer.stride, groups=layer.groups, kernels=self.kernels
        )

    def _keep_conv(self, name: str, *, copy: bool) -> tuple[Float32Array, Float32Array]:
        """Read a convolution's tensors once and keep them; the caller holds the lock."""
        kept = []
        for key in (f"{name}.weight", f"{name}.bias"):
            if key not in self._kept:
                tensor = self._tensors[key].read()
                self._tensors[key] = array_tensor(tensor.copy() if copy else tensor)
                self._kept.add(key)
            kept.append(self._tensors[key].read())
        return kept[0], kept[1]

    def _linear(self, name: str) -> LinearLayer:
        weight, bias = (self._tensors.pop(f"{name}.{kind}") for kind in ("weight", "bias"))
        return LinearLayer(weight, bias, self.kernels)


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
