"""What torch's exporters make of networks, beside torch and ONNX Runtime."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from synthesis.narrow import narrow
from synthesis.networks import random_tensors
from synthesis.programs.onnx_chain import assert_equals_the_runtime, onnx
from synthesis.programs.torch_module import as_torch_module

from alexnet_cy import AlexNet, WeightsError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow


def images(shape=(1, 3, 67, 67)):
    return np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)


class TestExportsOfTorch:
    """Of torchvision's graph, whatever its exporters are told."""

    @pytest.fixture
    def module(self):
        module = as_torch_module(torch, random_tensors(narrow("torchvision")), "flatten")
        return module.eval()

    @pytest.mark.parametrize(
        "options",
        [
            {"dynamo": False, "opset_version": 11},
            {"dynamo": False, "opset_version": 13},
            {"dynamo": False, "opset_version": 17},
            {"dynamo": False, "opset_version": 20},
            {"dynamo": False, "training": "TRAINING", "do_constant_folding": False},
            {"dynamo": True},
            {"dynamo": True, "external_data": False},
            {"dynamo": True, "dynamic": True},
        ],
        ids=str,
    )
    def test_torchvisions_graph(self, module, options, tmp_path):
        pytest.importorskip("onnxscript")
        path = tmp_path / "network.onnx"
        options = dict(options)
        if "training" in options:
            options["training"] = torch.onnx.TrainingMode.TRAINING
        if options.pop("dynamic", False):
            options["dynamic_shapes"] = ({0: torch.export.Dim("n", min=1, max=64)},)
        x = torch.from_numpy(images((2, 3, 224, 224)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (x,), path, input_names=["x"], **options)
        net = AlexNet.load(path)
        with torch.no_grad():
            expected = module(x).numpy()
        found = net.forward(x.numpy(), ["fc8"])["fc8"]
        assert np.abs(found - expected).max() <= 3e-5 * np.abs(expected).max()
        assert net.variant.name.startswith("torchvision")

    @pytest.mark.parametrize("mode", ["EVAL", "PRESERVE"])
    def test_batch_normalisation_folded_or_kept(self, mode, tmp_path):
        pytest.importorskip("onnxscript")
        nn = torch.nn
        module = nn.Sequential(
            *(nn.Conv2d(3, 8, 11, 4, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(8, 12, 5, 1, 2), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Flatten(), nn.Linear(12 * 9, 5), nn.Softmax(1)),
        ).eval()
        for layer in module:
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.uniform_(layer.running_mean, -0.5, 0.5)
                nn.init.uniform_(layer.running_var, 0.5, 2)
        path = tmp_path / "network.onnx"
        x = torch.from_numpy(images())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            training = getattr(torch.onnx.TrainingMode, mode)
            torch.onnx.export(module, (x,), path, dynamo=False, training=training)
        kept = "BatchNormalization" in {node.op_type for node in onnx.load(path).graph.node}
        assert kept == (mode == "PRESERVE")
        assert_equals_the_runtime(path, x.numpy())
        with pytest.raises(WeightsError):
            AlexNet.load(path, "ungrouped")

    @pytest.mark.parametrize("double", [False, True])
    def test_two_outputs_and_doubles(self, double, tmp_path):
        nn = torch.nn

        class Two(nn.Module):
            def __init__(self):
                super().__init__()
                self.trunk = nn.Sequential(nn.Conv2d(3, 8, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2))
                self.head = nn.Sequential(nn.Flatten(), nn.Linear(8 * 49, 5))

            def forward(self, x):
                features = self.trunk(x)
                return self.head(features), features

        module = Two().eval()
        x = torch.from_numpy(images())
        if double:
            module, x = module.double(), x.double()
        path = tmp_path / "network.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (x,), path, dynamo=False)
        net = AlexNet.load(path)
        with torch.no_grad():
            expected = module(x)[0].numpy()
        (last,) = [name for name in net.layers if name.startswith("fc")]
        found = net.forward(x.numpy().astype(np.float32), [last])[last]
        assert np.abs(found - expected).max() <= 3e-5 * np.abs(expected).max()

    def test_arithmetic_on_pixels(self, tmp_path):
        class Prepared(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.features = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 11, 4, 2))
                self.register_buffer("mean", torch.tensor([103.5, 116.3, 123.7])[:, None, None])

            def forward(self, x):
                return self.features((x - self.mean) / 58.0)

        module = Prepared().eval()
        path = tmp_path / "network.onnx"
        x = torch.from_numpy(images())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (x,), path, dynamo=False)
        net = AlexNet.load(path)
        with torch.no_grad():
            expected = module(x).numpy()
        found = net.forward(x.numpy() - module.mean.numpy(), ["conv1"])["conv1"]
        assert np.abs(found - expected).max() <= 3e-5 * np.abs(expected).max()
        np.testing.assert_allclose(net.preparation().mean.ravel(), [103.5, 116.3, 123.7], atol=1e-4)
