"""Runs ONNX models, and compares what the reader finds in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from alexnet_cy.weights.onnx.read import read

if TYPE_CHECKING:
    from pathlib import Path


def random_images(size: int, count: int = 1) -> np.ndarray:
    shape = (count, 3, size, size)
    return np.random.default_rng(3).uniform(-100, 100, shape).astype(np.float32)


def run(path: Path, images: np.ndarray) -> np.ndarray:
    """Return what ONNX Runtime computes."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # it warns that weights listed as inputs cannot be folded
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {session.get_inputs()[0].name: images})
    return result


def assert_same_bits(path: Path, tensors: dict[str, np.ndarray]) -> None:
    found = read(path).tensors
    assert list(found) == list(tensors)
    for name, values in tensors.items():
        assert found[name].read().tobytes() == values.tobytes(), name


def as_read(path: Path) -> dict[str, np.ndarray]:
    return {name: tensor.read() for name, tensor in read(path).tensors.items()}
