"""ncnn in fp32, from its own files, which `prepare` writes; it takes one image at a time.

The files' format and the numbers of the settings are those of ncnn's documentation, "param and
model file structure" and "operation param weight table".
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from peers.interface import Float32Array, Forward, NetworkFolder, Unavailable

if TYPE_CHECKING:
    from alexnet_cy.network import LayerShapes, Variant

__all__ = ["load", "prepare", "version"]

MAGIC = 7767517
RELU = 1
FULL_PADDING, VALID_PADDING = 0, 1  # of poolings: the last window may hang over, or not

# Before the weights of a layer stands how they are stored; 0 is plain float32.
PLAIN_FLOAT32 = np.zeros(1, "<u4").tobytes()


def version() -> str:
    """Return the version of ncnn."""
    import ncnn

    return str(ncnn.__version__)


def prepare(name: str, folder: NetworkFolder) -> None:
    """Write the two files of the network."""
    import ncnn  # noqa: F401  # an ImportError is the answer where it is not installed
    from safetensors.numpy import load_file

    from alexnet_cy.network import get_variant

    param, binary = folder.path / "ncnn.param", folder.path / "ncnn.bin"
    if param.exists():
        return
    variant, weights = get_variant(folder.variant), load_file(folder.safetensors)
    with binary.open("wb") as file:
        for layer in variant.layers:
            if f"{layer.name}.weight" in weights:
                file.write(PLAIN_FLOAT32)
                file.write(weights[f"{layer.name}.weight"].astype("<f4").tobytes())
                file.write(weights[f"{layer.name}.bias"].astype("<f4").tobytes())
    param.write_text(_param_file(variant), encoding="ascii")  # the last: it says all is there


def load(name: str, folder: NetworkFolder, batch: int, threads: int) -> Forward:
    """Load the network, with all that is fp32 and without what is narrower."""
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    for narrow in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
        setattr(net.opt, f"use_{narrow}", False)
    if net.load_param(str(folder.path / "ncnn.param")):
        raise Unavailable("ncnn refuses the structure")
    if net.load_model(str(folder.path / "ncnn.bin")):
        raise Unavailable("ncnn refuses the weights")

    def forward(images: Float32Array) -> Float32Array:
        rows = []
        for image in images:
            extractor = net.create_extractor()
            # A copy has the gaps between channels that ncnn's kernels count on.
            extractor.input("data", ncnn.Mat(image).clone())
            _, probabilities = extractor.extract("prob")
            rows.append(np.array(probabilities))
        return np.stack(rows)

    return forward


def _param_file(variant: Variant) -> str:
    lines = ["Input data 0 1 data"]
    bottom = "data"
    for step in variant.shapes():
        kind, settings = _kind_and_settings(step)
        top = step.layer.name
        written = " ".join(f"{number}={value}" for number, value in settings.items())
        lines.append(f"{kind} {top} 1 1 {bottom} {top} {written}")
        bottom = top
    return f"{MAGIC}\n{len(lines)} {len(lines)}\n" + "\n".join(lines) + "\n"


def _kind_and_settings(step: LayerShapes) -> tuple[str, dict[int, object]]:
    """Return ncnn's name of a layer, and its settings by number."""
    from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool

    layer = step.layer
    shapes = layer.parameter_shapes(step.input_shape)
    settings: dict[int, object]
    if isinstance(layer, Conv):
        (top, bottom), (left, right) = layer.padding
        settings = {
            0: layer.out_channels, 1: layer.kernel_size[1], 11: layer.kernel_size[0],
            3: layer.stride[1], 13: layer.stride[0], 4: left, 15: right, 14: top, 16: bottom,
            5: 1, 6: prod(shapes["weight"]), 9: RELU if layer.relu else 0,
        }  # fmt: skip
        if layer.groups > 1:
            return "ConvolutionDepthWise", settings | {7: layer.groups}
        return "Convolution", settings
    if isinstance(layer, Linear):
        settings = {0: layer.out_features, 1: 1, 2: prod(shapes["weight"])}
        return "InnerProduct", settings | {9: RELU if layer.relu else 0}
    if isinstance(layer, LRN):
        region = int(layer.within_channel)
        return "LRN", {0: region, 1: layer.size, 2: layer.ops_alpha, 3: layer.beta, 4: layer.k}
    if isinstance(layer, MaxPool):
        (top, bottom), (left, right) = layer.padding
        return "Pooling", {
            0: 0, 1: layer.kernel_size[1], 11: layer.kernel_size[0],
            2: layer.stride[1], 12: layer.stride[0], 3: left, 14: right, 13: top, 15: bottom,
            5: FULL_PADDING if layer.ceil_mode else VALID_PADDING,
        }  # fmt: skip
    if isinstance(layer, AdaptiveAvgPool):
        height, width = layer.output_size
        return "Pooling", {0: 1, 7: 1, 8: width, 18: height}
    return "Softmax", {0: 0, 1: 1}
