"""The ``.onnx`` files that every test of all formats reads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from synthesis.bits import to_bf16_and_back, to_f16_and_back
from synthesis.programs.onnx_files import Encoding, write_onnx

from alexnet_cy.weights.onnx import write as onnx_write

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from alexnet_cy.network.variants import Variant

ENCODINGS = {
    # github.com/onnx/models, vision/classification/alexnet and caffenet
    "onnx-zoo3": Encoding(
        opset=3,
        ir_version=3,
        numbers="float_data",
        pool="pads",
        linear="gemm-in-out",
        flatten="reshape-attribute",
        listed=True,
        dropout=True,
        input_size=(224, 224),
        zoo_names=True,
    ),
    "onnx-zoo12": Encoding(
        opset=12,
        pool="pads",
        flatten="reshape",
        listed=True,
        dropout=True,
        input_size=(224, 224),
        zoo_names=True,
    ),
    "onnx-torch": Encoding(
        opset=20, ir_version=9, flatten="computed", softmax=False, average_pool=True
    ),
    "onnx-matmul": Encoding(linear="matmul", identities=True, input_size=("H", "W")),
    "onnx-transpose": Encoding(linear="transpose", constants=True),
    "onnx-reshape": Encoding(linear="reshape", numbers="double_data"),
    "onnx-unpacked": Encoding(numbers="unpacked", dropout=True),
    "onnx-f16": Encoding(numbers="f16-raw", linear="gemm-in-out"),
    "onnx-f16-int32": Encoding(numbers="f16-int32"),
    "onnx-bf16": Encoding(numbers="bf16-raw"),
    "onnx-bf16-int32": Encoding(numbers="bf16-int32", identities=True),
}


def _write(
    encoding: Encoding, directory: Path, variant: Variant, tensors: dict[str, np.ndarray]
) -> Path:
    return write_onnx(directory / "network.onnx", variant, tensors, encoding)


def _write_ours(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "ours.onnx"
    onnx_write.write(path, variant, tensors)
    return path


SEEDS = {name: partial(_write, encoding) for name, encoding in ENCODINGS.items()}
SEEDS["onnx-ours"] = _write_ours
ROUNDING = {
    "onnx-f16": to_f16_and_back,
    "onnx-f16-int32": to_f16_and_back,
    "onnx-bf16": to_bf16_and_back,
    "onnx-bf16-int32": to_bf16_and_back,
}
