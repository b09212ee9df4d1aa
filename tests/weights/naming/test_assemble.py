"""Wrapped, renamed, pruned and batch-normalised state dicts, by their tensors alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seed_files.safetensors import torchvision_names

from alexnet_cy.contracts.tensors import ArrayTensor, TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import read_file
from alexnet_cy.weights.naming.assemble import assemble

OURS = random_tensors(TINY["torchvision"])
THEIRS = torchvision_names(OURS)
REAL_TRUNK = Path(__file__).parents[4] / "shared/weights/torchvision-trunk.safetensors"


class Counter(TensorRef):
    """A whole number, such as ``num_batches_tracked``."""

    def __init__(self, shape=()):
        super().__init__(shape, "I64", 8)

    def read(self):
        raise AssertionError("a counter is not read")


def refs(arrays):
    return {
        name: value if isinstance(value, TensorRef) else ArrayTensor(value)
        for name, value in arrays.items()
    }


def check(arrays, expected=OURS, variant="torchvision"):
    named = assemble(refs(arrays))
    assert list(named.tensors) == list(expected)
    for name, tensor in named.tensors.items():
        assert tensor.shape == expected[name].shape
        np.testing.assert_array_equal(tensor.read(), expected[name])
    assert named.variant == variant
    return named.metadata


@pytest.mark.parametrize(
    "prefix", ["model.", "net.", "_orig_mod.", "encoder_q.", "module.", "module.model.backbone."]
)
@pytest.mark.parametrize(("names", "variant"), [(THEIRS, "torchvision"), (OURS, None)])
def test_a_prefix_that_all_share(prefix, names, variant):
    assert check({prefix + name: value for name, value in names.items()}, variant=variant) == {}


def test_two_networks_are_refused_with_both_prefixes():
    both = {f"{p}{name}": v for p in ("encoder_q.", "encoder_k.") for name, v in THEIRS.items()}
    with pytest.raises(WeightsError, match=r"each of the prefixes 'encoder_q.', 'encoder_k.'"):
        assemble(refs(both))


def test_two_networks_in_order_are_refused():
    """The halves of contrastive multiview coding, whose layers have no usual names."""
    half = renamed(*NAMINGS["conv blocks"])
    both = {f"module.{p}.{name}": v for p in ("l_to_ab", "ab_to_l") for name, v in half.items()}
    with pytest.raises(WeightsError, match=r"each of the prefixes 'l_to_ab.', 'ab_to_l.'"):
        assemble(refs(both))


def test_counters_and_the_normalisation_of_images_stand_beside():
    mean = np.array([0.485, 0.456, 0.406], np.float32)
    beside = {
        "n_averaged": Counter(),
        "features.1.num_batches_tracked": Counter((1,)),
        "temperature": np.float32(0.5).reshape(()),
        "normalize.mean": mean.reshape(1, 3, 1, 1),
        "normalize.std": mean / 2,
    }
    metadata = check({**beside, **THEIRS})
    assert metadata == {
        "normalisation": "normalize.mean = 0.485, 0.456, 0.406; "
        "normalize.std = 0.2425, 0.228, 0.203"
    }


@pytest.mark.parametrize("kinds", [("weight", "bias"), ("W", "b")])
def test_an_underscore_separates(kinds):
    expected = dict(OURS)
    stored = {}
    for name, value in OURS.items():
        layer, kind = name.split(".")
        stored[f"{layer}_{kinds[kind == 'bias']}"] = value
    named = assemble(refs(stored))
    assert list(named.tensors) == list(expected)


def test_torchvisions_names_with_underscores():
    check({name.replace(".", "_"): value for name, value in THEIRS.items()})


def renamed(convolutions, linears):
    paths = dict(zip([f"conv{i}" for i in range(1, 6)], convolutions, strict=False))
    paths |= dict(zip(["fc6", "fc7", "fc8"], linears, strict=False))
    stored = {}
    for name, value in OURS.items():
        layer, kind = name.split(".")
        if layer in paths:
            stored[f"{paths[layer]}.{kind}" if paths[layer] else kind] = value
    return stored


NAMINGS = {
    "grouped_sequential": (
        [f"features.{i}" for i in (0, 4, 8, 10, 12)],
        [f"classifier.{i}" for i in (1, 4, 6)],
    ),
    "conv blocks": (
        [f"conv_block_{i}.0" for i in range(1, 6)],
        ["fc_block_6.0", "fc_block_7.0", "fc8"],
    ),
    "tutorial layers": ([f"layer{i}.0" for i in range(1, 6)], ["fc.1", "fc1.1", "fc2.0"]),
    "conv1 and fc1": ([f"conv{i}" for i in range(1, 6)], ["fc1", "fc2", "fc3"]),
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_five_convolutions_and_the_rest_in_order(naming):
    check(renamed(*NAMINGS[naming]), variant=None)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("head", ["classifier.{}", "head.{}", "classifier.fc{}"])
def test_heads_of_any_number_of_layers(count, head):
    trunk = [f"features.{i}" for i in (0, 3, 6, 8, 10)]
    stored = renamed(trunk, [head.format(2 * i) for i in range(count)])
    expected = {k: v for k, v in OURS.items() if k[:3] != "fc" + "8"[: count > 3]}
    names = [f"fc{6 + i}." for i in range(count)]
    expected = {k: v for k, v in OURS.items() if k.startswith(("conv", *names))}
    check(stored, expected)


def test_a_pruned_trunk_has_torchvisions_numbers():
    paths = [f"net.{number}" for number in (0, 3, 6, 8, 10)]
    stored = {}
    for name, value in renamed(paths, []).items():
        stored[f"{name}_orig"] = stored[f"{name}_mask"] = value
    assert assemble(refs(stored)).variant == "torchvision"


def test_a_head_of_four_layers():
    last = np.ones((2, 3), np.float32)
    stored = {**THEIRS, "classifier.8.weight": last, "classifier.8.bias": last[:, 0]}
    check(stored, {**OURS, "fc9.weight": last, "fc9.bias": last[:, 0].copy()})


@pytest.mark.parametrize("prefix", ["", "net.slice{}."])
def test_trunks_alone(prefix):
    numbers = (0, 3, 6, 8, 10)
    paths = [f"{prefix.format(i + 1)}{number}" for i, number in enumerate(numbers)]
    trunk = {k: v for k, v in OURS.items() if k.startswith("conv")}
    check(renamed(paths, []), trunk)
    # In the order of the alphabet 10 comes before 3, and in safetensors it often does.
    check_sorted = dict(sorted(renamed(paths, []).items()))
    named = assemble(refs(check_sorted))
    assert named.tensors["conv5.bias"].read() is OURS["conv5.bias"]


def test_lpips_as_it_is_saved():
    paths = [f"net.slice{i + 1}.{number}" for i, number in enumerate((0, 3, 6, 8, 10))]
    scale = np.array([0.458, 0.448, 0.45], np.float32)
    taps = {
        f"{lin}.model.1.weight": np.ones((1, 5, 1, 1), np.float32)
        for lin in ("lin0", "lin1", "lins.0")
    }
    stored = {"scaling_layer.scale": scale.reshape(1, 3, 1, 1), **renamed(paths, []), **taps}
    trunk = {k: v for k, v in OURS.items() if k.startswith("conv")}
    metadata = check(stored, trunk)
    assert metadata["normalisation"].startswith("scaling_layer.scale = 0.458")
    assert metadata["left_out"] == "lin0.model.1.weight, lin1.model.1.weight, lins.0.model.1.weight"


@pytest.mark.skipif(not REAL_TRUNK.exists(), reason="needs the real trunk beside the project")
def test_the_real_trunk():
    found = read_file(REAL_TRUNK)
    assert found.variant == "torchvision"
    assert found.tensors["conv1.weight"].shape == (64, 3, 11, 11)
    assert len(found.tensors) == 10


def test_a_pruned_network():
    rng = np.random.default_rng(0)
    stored, expected = {}, {}
    for name, value in OURS.items():
        stored_name = next(k for k, v in THEIRS.items() if v is value)
        if name.endswith("weight"):
            mask = (rng.random(value.shape) < 0.5).astype(np.float32)
            stored[f"{stored_name}_orig"], stored[f"{stored_name}_mask"] = value, mask
            expected[name] = value * mask
        else:
            stored[stored_name] = expected[name] = value
    named = assemble(refs(stored))
    assert named.variant == "torchvision"
    assert named.tensors.keys() == OURS.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(named.tensors[name].read(), value)


@pytest.mark.parametrize(
    ("length", "direction"),
    [
        ("weight_g", "weight_v"),
        ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    ],
)
def test_a_weight_normed_layer(length, direction):
    stored = dict(THEIRS)
    weight = stored.pop("features.3.weight")
    norm = np.sqrt((weight.astype(np.float64) ** 2).sum((1, 2, 3), keepdims=True))
    stored[f"features.3.{length}"] = norm.astype(np.float32)
    stored[f"features.3.{direction}"] = 3 * weight
    found = assemble(refs(stored)).tensors["conv2.weight"].read()
    np.testing.assert_allclose(found, weight, rtol=1e-6)


def normed(numbers, step, rng):
    """A trunk with a batch normalisation `step` modules behind each convolution."""
    stored, norms = {}, {}
    for i, number in enumerate(numbers):
        layer = f"conv{i + 1}"
        stored[f"features.{number}.weight"] = OURS[f"{layer}.weight"]
        stored[f"features.{number}.bias"] = OURS[f"{layer}.bias"]
        channels = len(OURS[f"{layer}.bias"])
        names = ("weight", "bias", "running_mean", "running_var")
        norms[layer] = [rng.uniform(0.5, 2, channels).astype(np.float32) for _ in names]
        path = f"features.{number + step}"
        stored |= {f"{path}.{k}": v for k, v in zip(names, norms[layer], strict=True)}
        stored[f"{path}.num_batches_tracked"] = Counter()
    return stored, norms


def test_batch_normalisation_is_folded():
    stored, norms = normed((0, 4, 8, 11, 14), 1, np.random.default_rng(1))
    tensors = assemble(refs(stored)).tensors
    assert list(tensors) == [k for k in OURS if k.startswith("conv")]
    for layer, arrays in norms.items():
        gamma, beta, mean, variance = (array.astype(np.float64) for array in arrays)
        factors = gamma / np.sqrt(variance + 1e-5)
        weight = OURS[f"{layer}.weight"] * factors[:, None, None, None]
        bias = (OURS[f"{layer}.bias"] - mean) * factors + beta
        np.testing.assert_allclose(tensors[f"{layer}.weight"].read(), weight, rtol=1e-7)
        np.testing.assert_allclose(tensors[f"{layer}.bias"].read(), bias, rtol=1e-6)


def test_batch_normalisation_behind_the_relu_is_refused():
    stored, _ = normed((0, 4, 8, 11, 14), 2, np.random.default_rng(1))
    with pytest.raises(WeightsError, match=r"'features.2' is a batch normalisation that is not"):
        assemble(refs(stored))


def test_sobels_filters_are_left_out():
    stored = renamed(*NAMINGS["grouped_sequential"])
    stored["features.0.weight"] = stored["features.0.weight"][:, :2].copy()
    stored["sobel.0.weight"] = np.ones((1, 3, 1, 1), np.float32)
    stored["sobel.1.weight"] = np.ones((2, 1, 3, 3), np.float32)
    named = assemble(refs(stored))
    assert named.tensors["conv1.weight"].shape[1] == 2
    assert named.metadata["left_out"] == "sobel.0.weight, sobel.1.weight"


@pytest.mark.parametrize(
    "change",
    [
        {"features.20.weight": np.ones((4, 4, 3, 3), np.float32)},
        {"head.alpha": np.ones(3, np.float32)},
        {"queue": np.ones((3, 4), np.float32)},
    ],
)
def test_what_is_no_alexnet_keeps_its_names(change):
    named = assemble(refs({**THEIRS, **change}))
    assert next(iter(change)) in named.tensors


def test_what_is_no_number_is_left_to_the_loader():
    """A zero mask times infinity, a direction of length 0, a signalling NaN: values, not errors."""
    stored = dict(THEIRS)
    weight = stored.pop("features.3.weight").copy()
    weight.view(np.uint32).flat[0] = 0x7F80_0001
    weight.flat[1] = np.inf
    stored["features.3.weight_orig"] = weight
    stored["features.3.weight_mask"] = np.zeros_like(weight)
    direction = stored.pop("features.6.weight")
    stored["features.6.weight_g"] = np.ones((len(direction), 1, 1, 1), np.float32)
    stored["features.6.weight_v"] = np.zeros_like(direction)
    tensors = assemble(refs(stored)).tensors
    assert np.isnan(tensors["conv2.weight"].read().flat[:2]).all()
    assert np.isnan(tensors["conv3.weight"].read()).all()
