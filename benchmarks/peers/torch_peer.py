"""PyTorch on the CPU, in channels_last: as it is, and compiled with frozen weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peers.interface import Float32Array, Forward, NetworkFolder

if TYPE_CHECKING:
    from alexnet_cy.network import Layer, Variant

__all__ = ["build", "load", "prepare", "version"]


def version() -> str:
    """Return the version of PyTorch."""
    import torch

    return str(torch.__version__)


def prepare(name: str, folder: NetworkFolder) -> None:
    """Do nothing: the safetensors file is there."""


def load(name: str, folder: NetworkFolder, batch: int, threads: int) -> Forward:
    """Build the module and give it the weights; what is compiled, is so at the first call."""
    import torch
    from safetensors.torch import load_file

    from alexnet_cy.network import get_variant

    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() != 1:  # may be set only once
        torch.set_num_interop_threads(1)
    module = build(get_variant(folder.variant))
    module.load_state_dict(load_file(folder.safetensors))
    module = module.eval().to(memory_format=torch.channels_last)
    if name == "torch-compiled":
        import torch._inductor.config

        torch._inductor.config.freezing = True
        module = torch.compile(module)

    def forward(images: Float32Array) -> Float32Array:
        with torch.inference_mode():
            x = torch.from_numpy(images).to(memory_format=torch.channels_last)
            return module(x).numpy()  # type: ignore[no-any-return]

    return forward


def build(variant: Variant) -> Any:
    """Return the network as a chain of modules called as the layers are."""
    from torch import nn

    chain = nn.Sequential()
    channels: int = 3
    for step in variant.shapes():
        channels = step.input_shape[0]
        for name, module in _modules(step.layer, channels, step.input_shape):
            chain.add_module(name, module)
    return chain


def _modules(layer: Layer, channels: int, input_shape: tuple[int, ...]) -> list[tuple[str, Any]]:
    """Return a layer's modules by name: padding, flattening and ReLU are modules too."""
    from math import prod

    from torch import nn

    from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool

    relu = [(f"{layer.name}_relu", nn.ReLU(inplace=True))]
    if isinstance(layer, Conv):
        (top, bottom), (left, right) = layer.padding
        even = top == bottom and left == right
        conv = nn.Conv2d(
            channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            (top, left) if even else 0,
            groups=layer.groups,
        )
        pad = [] if even else [(f"{layer.name}_pad", nn.ZeroPad2d((left, right, top, bottom)))]
        return [*pad, (layer.name, conv), *(relu if layer.relu else [])]
    if isinstance(layer, Linear):
        flatten = [(f"{layer.name}_flatten", nn.Flatten())] if len(input_shape) > 1 else []
        linear = nn.Linear(prod(input_shape), layer.out_features)
        return [*flatten, (layer.name, linear), *(relu if layer.relu else [])]
    if isinstance(layer, LRN):
        if layer.within_channel:
            raise ValueError(f"{layer.name}: PyTorch normalises across channels only")
        norm = nn.LocalResponseNorm(layer.size, layer.ops_alpha, layer.beta, layer.k)
        return [(layer.name, norm)]
    if isinstance(layer, MaxPool):
        # The variants' pools have no padding: PyTorch has no uneven one.
        pool = nn.MaxPool2d(layer.kernel_size, layer.stride, ceil_mode=layer.ceil_mode)
        return [(layer.name, pool)]
    if isinstance(layer, AdaptiveAvgPool):
        return [(layer.name, nn.AdaptiveAvgPool2d(layer.output_size))]
    return [(layer.name, nn.Softmax(dim=1))]
