"""Normalisation within channels in ONNX, which has no op for it: single ops, in and out."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors

from alexnet_cy import AlexNet, WeightsError
from alexnet_cy.network import LRN, Variant

if TYPE_CHECKING:
    from pathlib import Path

X = np.random.default_rng(3).uniform(-100, 100, (2, 3, 47, 47)).astype(np.float32)
NORM1 = LRN("norm1", 3, 0.5, 0.75, 1.0, region="within_channel")
NORM2 = LRN("norm2", 5, 0.25, 0.5, 2.0, region="within_channel")


def within() -> Variant:
    norms = {"norm1": NORM1, "norm2": NORM2}
    caffe = TINY["caffe"]
    layers = tuple(norms.get(layer.name, layer) for layer in caffe.layers)
    return replace(caffe, name="within", layers=layers)


def saved(directory: Path) -> tuple[AlexNet, Path]:
    net = AlexNet(within(), random_tensors(within()))
    net.save(directory / "net.onnx")
    return net, directory / "net.onnx"


def test_a_round_trip_keeps_every_bit(tmp_path: Path) -> None:
    net, path = saved(tmp_path)
    again = AlexNet.load(path)
    assert again.variant.layer("norm1") == NORM1
    assert again.variant.layer("norm2") == NORM2
    assert again.forward(X).tobytes() == net.forward(X).tobytes()


def test_onnx_runtime_computes_the_same(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    net, path = saved(tmp_path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(found, net.forward(X), atol=1e-5)


# What is changed in the file, and nothing that is computed here is left.
CHANGES: dict[str, tuple[str, str, Any]] = {
    "the padding does not count": ("norm1_mean", "count_include_pad", 0),
    "no padding": ("norm1_mean", "pads", [0, 0, 0, 0]),
    "padding of one side": ("norm1_mean", "pads", [2, 1, 0, 1]),
    "a window that is no square": ("norm1_mean", "kernel_shape", [3, 5]),
    "a stride": ("norm1_mean", "strides", [1, 2]),
    "rounded up": ("norm1_mean", "ceil_mode", 1),
}


@pytest.mark.parametrize("case", CHANGES)
def test_other_windows_are_refused(tmp_path: Path, case: str) -> None:
    onnx = pytest.importorskip("onnx")
    name, setting, value = CHANGES[case]
    _, path = saved(tmp_path)
    model = onnx.load(path)
    (node,) = (node for node in model.graph.node if node.name == name)
    kept = [attribute for attribute in node.attribute if attribute.name != setting]
    del node.attribute[:]
    node.attribute.extend([*kept, onnx.helper.make_attribute(setting, value)])
    path.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="branches here"):
        AlexNet.load(path)


def as_torch(torch: Any, across: bool) -> Any:
    """Return a network with the normalisation that rewrites of Caffe's for PyTorch have."""

    class Norm(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, size: int, alpha: float, beta: float) -> None:
            super().__init__()
            self.alpha, self.beta, self.across, half = alpha, beta, across, (size - 1) // 2
            if across:
                self.average = torch.nn.AvgPool3d((size, 1, 1), 1, (half, 0, 0))
            else:
                self.average = torch.nn.AvgPool2d(size, 1, half)

        def forward(self, x: Any) -> Any:
            squares = x.pow(2)
            if self.across:
                mean = self.average(squares.unsqueeze(1)).squeeze(1)
            else:
                mean = self.average(squares)
            return x.div(mean.mul(self.alpha).add(1.0).pow(self.beta))

    torch.manual_seed(0)
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 3, 2), nn.ReLU(), Norm(5, 0.01, 0.75), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(6, 5, 3), nn.ReLU(), Norm(3, 0.02, 0.75)),
        *(nn.Flatten(), nn.Linear(405, 4)),
    ).eval()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch warns of itself
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("dynamo", [False, True])
def test_the_module_of_pytorchs_rewrites(tmp_path: Path, across: bool, dynamo: bool) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    model, x = as_torch(torch, across), torch.randn(1, 3, 47, 47)
    path = tmp_path / "net.onnx"
    if dynamo:
        torch.onnx.export(model, (x,), str(path), dynamo=True, verbose=False)
    else:
        stream = io.BytesIO()
        torch.onnx.export(model, (x,), stream, dynamo=False)
        path.write_bytes(stream.getvalue())
    net = AlexNet.load(path)
    norms = [layer for layer in net.variant.layers if isinstance(layer, LRN)]
    assert [norm.size for norm in norms] == [5, 3]
    assert {norm.within_channel for norm in norms} == {not across}
    expected = model(x).softmax(1).detach().numpy()
    np.testing.assert_allclose(net.forward(x.numpy()), expected, atol=1e-5)
