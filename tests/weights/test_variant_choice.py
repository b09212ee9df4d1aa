"""Files that fit several networks: nothing is taken silently, and no graph is overruled."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seeds import ALL_VARIANTS
from weights.test_loader import NoNumbers, shapes_of

from alexnet_cy import AlexNet, AmbiguousVariantWarning, WeightsError
from alexnet_cy.cli import main
from alexnet_cy.network import VARIANTS, get_variant, templates
from alexnet_cy.weights import variant_choice
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.variant_choice import choose_variant


def content_of(shapes, format_name="torch", variant=None):
    tensors = {name: NoNumbers(shape, "F32", 0) for name, shape in shapes.items()}
    return NetworkFile(format_name, tensors, variant, {})


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


def test_a_network_with_torchvisions_names_is_torchvisions():
    # Pools of 2 x 2 or an unpadded conv1 leave no trace in a state dict.
    content = content_of(shapes_of("torchvision"), "torch", "torchvision")
    assert choose_variant("x", content, None).warning is None


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
    assert choose_variant("x", content_of(shapes, variant="torchvision"), None).warning is None
