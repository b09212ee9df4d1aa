"""Batch normalisation in TensorFlow's files: folded where it stands before a ReLU, else refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.programs.tensorflow_order import to_tensorflow

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import read_file

NETWORK = TINY["torchvision"]
OURS = random_tensors(NETWORK)
LAYERS = to_tensorflow(NETWORK, OURS, flat_fc6=True)
CONVOLUTIONS = [name for name in LAYERS if name.startswith("conv")]
KINDS = ("gamma", "beta", "moving_mean", "moving_variance")


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


@pytest.fixture
def norms():
    rng = np.random.default_rng(1)
    return {
        name: {kind: rng.uniform(0.5, 2, len(OURS[f"{name}.bias"])).astype("f4") for kind in KINDS}
        for name in CONVOLUTIONS
    }


@pytest.fixture
def write(h5py, tmp_path, norms):
    """Writes what ``model.save_weights`` does, or, with a config, ``model.save``."""
    path = tmp_path / "weights.h5"

    def write_file(order=("{}", "bn_{}", "activation_{}"), config=None):
        names = []
        for name in LAYERS:
            names += [each.format(name) for each in (order if name in norms else ("{}",))]
        with h5py.File(path, "w") as archive:
            root = archive if config is None else archive.create_group("model_weights")
            root.attrs["layer_names"] = [name.encode() for name in names]
            for name, arrays in LAYERS.items():
                root[f"{name}/{name}/kernel:0"] = np.ascontiguousarray(arrays["weights"])
                root[f"{name}/{name}/bias:0"] = arrays["biases"]
            for name, arrays in norms.items():
                for kind, values in arrays.items():
                    root[f"bn_{name}/bn_{name}/{kind}:0"] = values
            for name in names:
                root.require_group(name)
            if config is not None:
                archive.attrs["model_config"] = json.dumps(config)
        return path

    return write_file


def config_of(activation, epsilon):
    layers = []
    for name in CONVOLUTIONS:
        conv = {"name": name, "activation": activation}
        norm = {"name": f"bn_{name}", "epsilon": epsilon}
        layers.append({"class_name": "Conv2D", "config": conv})
        layers.append({"class_name": "BatchNormalization", "config": norm})
    return {"class_name": "Sequential", "config": {"layers": layers}}


def check(path, norms, epsilon):
    found = read_file(path)
    assert found.metadata["batch_normalised"] == ", ".join(CONVOLUTIONS)
    for name, arrays in norms.items():
        gamma, beta, mean, variance = (arrays[kind].astype("f8") for kind in KINDS)
        factors = gamma / np.sqrt(variance + epsilon)
        weight = OURS[f"{name}.weight"] * factors[:, None, None, None]
        bias = (OURS[f"{name}.bias"] - mean) * factors + beta
        np.testing.assert_allclose(found.tensors[f"{name}.weight"].read(), weight, rtol=1e-6)
        np.testing.assert_allclose(found.tensors[f"{name}.bias"].read(), bias, rtol=1e-5)
    np.testing.assert_array_equal(found.tensors["fc6.weight"].read(), OURS["fc6.weight"])


def test_before_a_layer_that_is_an_activation(write, norms):
    check(write(), norms, 1e-3)


def test_the_settings_of_a_whole_model(write, norms):
    path = write(("{}", "bn_{}", "r_{}"), config_of("linear", 0.01))
    check(path, norms, 0.01)


@pytest.mark.parametrize(
    ("order", "config"),
    [
        (("{}", "bn_{}", "pool_{}"), None),  # the convolution may have a ReLU of its own
        (("{}", "activation_{}", "bn_{}"), None),
        (("{}", "bn_{}", "activation_{}"), config_of("relu", 1e-3)),
        (("{}",), None),  # the place is not told
    ],
)
def test_behind_a_relu_it_is_refused(write, order, config):
    with pytest.raises(WeightsError, match=r"'bn_conv1' is a batch normalisation.*tf2onnx"):
        read_file(write(order, config))


def test_keras_3_does_not_tell_the_place(h5py, tmp_path, norms):
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as archive:
        for place, name in enumerate(CONVOLUTIONS):
            ending = f"_{place}" if place else ""
            for number, values in enumerate(LAYERS[name].values()):
                archive[f"layers/conv2d{ending}/vars/{number}"] = np.ascontiguousarray(values)
            for number, values in enumerate(norms[name].values()):
                archive[f"layers/batch_normalization{ending}/vars/{number}"] = values
    with pytest.raises(WeightsError, match="does not tell that it stands before a ReLU"):
        read_file(path)


def test_slims_variables_by_name(tmp_path, norms):
    """TF-slim normalises before its ReLU, always."""
    stored = {}
    for name, arrays in LAYERS.items():
        stored[f"alexnet_v2/{name}/weights"] = arrays["weights"]
        if name not in norms:
            stored[f"alexnet_v2/{name}/biases"] = arrays["biases"]
            continue
        for kind, values in norms[name].items():
            stored[f"alexnet_v2/{name}/BatchNorm/{kind}"] = values
    path = tmp_path / "slim.npz"
    np.savez(path, **dict(sorted(stored.items())))
    found = read_file(path)
    for name, arrays in norms.items():
        factors = arrays["gamma"] / np.sqrt(arrays["moving_variance"].astype("f8") + 1e-3)
        bias = arrays["beta"] - arrays["moving_mean"] * factors
        np.testing.assert_allclose(found.tensors[f"{name}.bias"].read(), bias, rtol=1e-5)
