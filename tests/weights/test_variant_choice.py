"""Files that fit several networks: nothing is taken silently, and no graph is overruled."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seeds import ALL_VARIANTS
from weights.test_loader import NoNumbers, shapes_of

from alexnet_cy import AlexNet, AmbiguousVariantWarning, WeightsError
from alexnet_cy.cli import main
from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.network import VARIANTS, get_variant, templates
from alexnet_cy.weights import variant_choice
from alexnet_cy.weights.naming import lineage
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.variant_choice import choose_variant

REAL_TRUNK = Path(__file__).parents[3] / "shared/weights/torchvision-trunk.safetensors"


def content_of(shapes, format_name="torch", variant=None, *, metadata=None, **arrays):
    tensors = {name: NoNumbers(shape, "F32", 0) for name, shape in shapes.items()}
    biases = np.zeros(shapes["conv2.bias"], np.float32)
    for name, values in ({"conv2.bias": biases} | arrays).items():
        tensors[name] = ArrayTensor(values)
    is_guess = format_name in ("torch", "npz")
    return NetworkFile(format_name, tensors, variant, metadata or {}, is_guess=is_guess)


# PyTorch networks that somebody wrote himself: conv1 ... fc8, in a state dict.
@pytest.mark.parametrize(
    ("shapes", "taken", "others"),
    [
        ("caffenet", "caffe", ["caffenet", "paper"]),  # pooling before normalisation
        ("ungrouped", "ungrouped", ["plain"]),  # no groups, no LRN, conv1 unpadded
        ("caffe", "caffe", ["caffenet", "paper"]),  # the same with groups
        ("plain", "ungrouped", ["plain"]),  # conv1 padded by 2
    ],
)
def test_a_state_dict_that_fits_several_variants_warns(shapes, taken, others):
    choice = choose_variant("x.pth", content_of(shapes_of(shapes)), None)
    assert choice.variant == get_variant(taken)
    assert type(choice.warning) is AmbiguousVariantWarning
    message = str(choice.warning)
    assert message.startswith(f"'x.pth': taken for {taken!r}")
    assert all(repr(name) in message for name in others)
    assert "preset='torchvision'" in message


@pytest.mark.parametrize("format_name", ["torch", "safetensors"])
def test_a_state_dict_is_not_given_caffes_images_silently(format_name):
    content = content_of(shapes_of("caffe"), format_name)
    choice = choose_variant("x", content, "caffenet")
    assert "preset 'caffe' (BGR, 0 to 255)" in str(choice.warning)
    # Whoever writes the variant himself has said it.
    assert choose_variant("x", content, get_variant("caffenet")).warning is None


@pytest.mark.parametrize("format_name", ["npy", "npz"])
def test_other_formats_are_caffes_as_often_as_not(format_name):
    content = content_of(shapes_of("caffe"), format_name)
    assert choose_variant("x", content, "caffe").warning is None
    assert "preset" not in str(choose_variant("x", content, None).warning)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_a_file_tells_is_taken_silently(name):
    content = content_of(shapes_of(name), "safetensors", name)
    choice = choose_variant("x", content, None)
    assert (choice.variant, choice.note, choice.warning) == (get_variant(name), "", None)


# Pools of 2 x 2 and an unpadded conv1 leave no trace in a state dict with torchvision's names.
@pytest.mark.parametrize("name", ["torchvision", None])
def test_torchvisions_names_and_shapes_alone_are_not_believed(name):
    choice = choose_variant("x", content_of(shapes_of("torchvision"), "torch", name), None)
    assert choice.variant == get_variant("torchvision")
    assert type(choice.warning) is AmbiguousVariantWarning
    assert "strides, padding, pooling and normalisation" in str(choice.warning)
    assert "variant='torchvision' says that this is right" in str(choice.warning)
    content = content_of(shapes_of("torchvision"), "torch", name)
    assert choose_variant("x", content, "torchvision").warning is None


@pytest.mark.parametrize("noise", [0, 0.05])  # as published; fine-tuned
def test_torchvisions_own_numbers_are_believed(noise):
    rng = np.random.default_rng(0)
    bias = np.concatenate([lineage._PUBLISHED / 100, rng.standard_normal(128)])
    bias = (bias + noise * rng.standard_normal(192)).astype(np.float32)
    content = content_of(shapes_of("torchvision"), "torch", "torchvision", **{"conv2.bias": bias})
    assert choose_variant("x", content, None).warning is None


@pytest.mark.skipif(not REAL_TRUNK.exists(), reason="needs the real trunk beside the project")
def test_the_genuine_file_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert AlexNet.load(REAL_TRUNK).variant.layers[-1].name == "pool5"


def test_batch_normalisation_rules_lrn_out():
    # DeepCluster's widths, which are also those of networks with LRN.
    shapes = shapes_of("ungrouped")
    metadata = {"batch_normalised": "conv1, conv2"}
    choice = choose_variant("x", content_of(shapes, metadata=metadata), None)
    assert choice.variant.name == "torchvision-like"  # conv1 padded by 2, as theirs is
    assert "does not tell it from 'plain', 'darknet', which" in str(choice.warning)


def test_a_head_of_convolutions_tells_the_size_of_images():
    # TF-slim's alexnet_v2 in PyTorch: 224 pixels, conv1 unpadded, fc6 a convolution of 5 x 5.
    shapes = shapes_of("torchvision") | {
        "conv4.weight": (384, 384, 3, 3),
        "conv4.bias": (384,),
        "conv5.weight": (256, 384, 3, 3),
        "fc6.weight": (4096, 256, 5, 5),
        "fc7.weight": (4096, 4096, 1, 1),
        "fc8.weight": (1000, 4096, 1, 1),
    }
    choice = choose_variant("x", content_of(shapes), None)
    conv1 = choice.variant.layers[0]
    assert (choice.variant.input_size, conv1.padding) == (224, ((0, 0), (0, 0)))
    assert choice.variant.shapes()[-1].output_shape == (1000, 1, 1)


@pytest.mark.parametrize("format_name", ["caffemodel", "onnx"])
def test_a_graph_is_not_overruled(format_name):
    content = content_of(shapes_of("caffenet"), format_name, "caffenet")
    with pytest.raises(WeightsError, match=r"its graph is that of variant 'caffenet'.*'caffe' was"):
        choose_variant("x", content, "caffe")
    assert choose_variant("x", content, "caffenet").warning is None


def test_no_advice_to_overrule_a_graph():
    shapes = shapes_of("caffe")
    with pytest.raises(WeightsError) as caught:
        choose_variant("x", content_of(shapes, "onnx", "torchvision"), None)
    assert "forces" not in str(caught.value)


@pytest.fixture
def ambiguous(tmp_path, monkeypatch):
    """A file of arrays that fits two small variants."""
    for module in (variant_choice, templates):
        monkeypatch.setattr(module, "VARIANTS", {name: TINY[name] for name in ALL_VARIANTS})
    path = tmp_path / "network.npz"
    np.savez(path, **random_tensors(TINY["caffe"]))
    return path


def test_python_hears_of_it_at_the_line_that_loads(ambiguous):
    with pytest.warns(AmbiguousVariantWarning, match="taken for 'caffe'.* from 'caffenet'") as seen:
        net = AlexNet.load(ambiguous)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert "'caffenet'" in net.origin.note
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AlexNet.load(ambiguous, TINY["caffenet"])


def test_the_command_line_says_it_once(ambiguous, capsys):
    assert main(["weights", "verify", str(ambiguous)]) == 0
    assert capsys.readouterr().err.count("taken for 'caffe'") == 1


def test_a_bias_that_one_layer_lacks_is_named():
    shapes = {k: v for k, v in shapes_of("torchvision").items() if k != "conv4.bias"}
    with pytest.raises(WeightsError, match=r"1 tensors differ:\n  conv4.bias: .*, missing"):
        choose_variant("x", content_of(shapes), None)


def test_other_widths_are_told_from_no_named_network():
    shapes = shapes_of("torchvision") | {
        "conv2.weight": (200, 64, 5, 5),
        "conv2.bias": (200,),
        "conv3.weight": (384, 200, 3, 3),
    }
    choice = choose_variant("x", content_of(shapes), None)
    assert choice.variant.name == "torchvision-like"
    assert type(choice.warning) is AmbiguousVariantWarning
    assert "strides, padding, pooling and normalisation are those of" in choice.note
    assert choose_variant("x", content_of(shapes), "torchvision").warning is None
    told = content_of(shapes, "safetensors", "torchvision")
    assert choose_variant("x", told, None).warning is None
