"""NumPy as its users write it: strided im2col and BLAS (alexnet_cy.oracle.baseline)."""

from __future__ import annotations

from peers.interface import Float32Array, Forward, NetworkFolder

__all__ = ["load", "prepare", "version"]


def version() -> str:
    """Return NumPy's version."""
    import numpy

    return str(numpy.__version__)


def prepare(name: str, folder: NetworkFolder) -> None:
    """Do nothing: the safetensors file is there."""


def load(name: str, folder: NetworkFolder, batch: int, threads: int) -> Forward:
    """Read the weights; the threads of the BLAS are in the environment."""
    from safetensors.numpy import load_file

    from alexnet_cy.network import get_variant
    from alexnet_cy.oracle.baseline import baseline_layer

    weights = load_file(folder.safetensors)
    layers = get_variant(folder.variant).layers

    def forward(images: Float32Array) -> Float32Array:
        y = images
        for layer in layers:
            weight = weights.get(f"{layer.name}.weight")
            y = baseline_layer(layer, y, weight, weights.get(f"{layer.name}.bias"))
        return y

    return forward
