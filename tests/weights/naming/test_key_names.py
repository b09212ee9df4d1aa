"""The names of tensors in files, and the canonical ones."""

from __future__ import annotations

import pytest

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.key_names import (
    LAYER_NAMES,
    TORCHVISION_MODULES,
    canonical_names,
    torchvision_name,
)
from alexnet_cy.weights.naming.modules import split_name

CANONICAL = [f"{layer}.{kind}" for layer in LAYER_NAMES for kind in ("weight", "bias")]


def shapes(names):
    """Shapes for names: what they are does not matter but for a renamed head."""
    return dict.fromkeys(names, (4,))


def test_canonical_names_stay():
    names = canonical_names(shapes(CANONICAL))
    assert names.canonical == {name: name for name in CANONICAL}
    assert names.variant is None
    assert not names.tensorflow_layout


@pytest.mark.parametrize(
    ("pattern", "kinds", "tensorflow_layout"),
    [
        ("{}/{}", ("W", "b"), True),
        ("{}/{}", ("weights", "biases"), True),
        ("{}.{}", ("0", "1"), False),
        ("{}/{}", ("weight", "bias"), False),
        ("module.{}.{}", ("weight", "bias"), False),
    ],
)
def test_caffes_layers_with_other_endings(pattern, kinds, tensorflow_layout):
    stored = [pattern.format(layer, kind) for layer in LAYER_NAMES for kind in kinds]
    names = canonical_names(shapes(stored))
    assert list(names.canonical.values()) == CANONICAL
    assert names.variant is None
    assert names.tensorflow_layout is tensorflow_layout


@pytest.mark.parametrize(
    "wrap",
    [
        lambda name: name,
        lambda name: f"module.{name}",
        lambda name: name.replace("features.", "features.module."),
        lambda name: f"module.{name}".replace("classifier.", "classifier.module."),
    ],
    ids=["plain", "wrapped", "features wrapped", "everything wrapped"],
)
def test_torchvisions_names_tell_the_variant(wrap):
    names = canonical_names(shapes(wrap(torchvision_name(name)) for name in CANONICAL))
    assert list(names.canonical.values()) == CANONICAL
    assert names.variant == "torchvision"
    assert not names.tensorflow_layout


@pytest.mark.parametrize("numbers", ["036", "024"])
def test_a_classifier_with_its_dropout_elsewhere(numbers):
    modules = dict(TORCHVISION_MODULES)
    modules |= zip(("fc6", "fc7", "fc8"), (f"classifier.{n}" for n in numbers), strict=True)
    stored = [f"{modules[layer]}.{kind}" for layer in LAYER_NAMES for kind in ("weight", "bias")]
    names = canonical_names(shapes(stored))
    assert list(names.canonical.values()) == CANONICAL
    assert names.variant == "torchvision"


def test_another_sequence_of_layers_is_not_torchvisions():
    # With normalisation between them the convolutions have other numbers.
    stored = [f"features.{number}.weight" for number in (0, 4, 8, 10, 12)]
    names = canonical_names(shapes(stored))
    assert names.variant is None
    assert names.canonical == {name: name for name in stored}


def test_what_is_not_understood_keeps_its_name():
    stored = ["conv1.weight", "conv1.running_mean", "loss", "", "/", "features.0", "module.x"]
    assert canonical_names(shapes(stored)).canonical == {name: name for name in stored}


@pytest.mark.parametrize("matrix", [(20, 4), (4, 20)], ids=["(out, in)", "(in, out)"])
@pytest.mark.parametrize("head", ["fc8_flickr", "fc8-places", "score"])
def test_a_renamed_last_layer_is_found_by_its_inputs(head, matrix):
    stored = shapes(CANONICAL[:-2]) | {f"{head}.weight": matrix, f"{head}.bias": (20,)}
    names = canonical_names(stored)
    assert names.canonical[f"{head}.weight"] == "fc8.weight"
    assert names.canonical[f"{head}.bias"] == "fc8.bias"


@pytest.mark.parametrize(
    "added",
    [
        {"fc8_new.weight": (20, 5)},
        {"fc8_new.weight": (20, 4, 1)},
        {"fc8_a.weight": (20, 4), "fc8_b.weight": (20, 4)},
        {"fc8.weight": (20, 4), "fc8_new.weight": (20, 4)},
        {"fc8_new.bias": (20,)},
    ],
    ids=["other inputs", "three axes", "two heads", "both", "no matrix"],
)
def test_a_last_layer_that_may_be_another_is_left_alone(added):
    stored = shapes(CANONICAL[:-2]) | added
    names = canonical_names(stored)
    assert all(names.canonical[name] == name for name in added)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("conv1.weight", "conv1/W"),
        ("conv1.weight", "module.conv1.weight"),
        ("conv1/0", "conv1.0"),
    ],
)
def test_two_names_of_one_tensor_are_refused(first, second):
    with pytest.raises(WeightsError, match=f"'{first}' and '{second}' both mean the tensor 'conv1"):
        canonical_names(shapes([first, second]))


def test_splitting():
    assert split_name("conv1.weight") == ("conv1", "weight")
    assert split_name("conv1/W") == ("conv1", "W")
    assert split_name("features.module.0.weight") == ("features.0", "weight")
    assert split_name("module.module.features.0.weight") == ("features.0", "weight")
    assert split_name("module") == ("module", "")
    assert split_name("a.module") == ("a", "module")


def test_torchvisions_names():
    assert torchvision_name("conv5.bias") == "features.10.bias"
    with pytest.raises(KeyError):
        torchvision_name("pool5.weight")
