"""From a file to a network of a variant: which one it is, and what does not fit."""

from __future__ import annotations

import json
import os
import re
from math import prod

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seed_files.safetensors import torchvision_names

from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.errors import AmbiguousVariantWarning, WeightsError
from alexnet_cy.network.matching import MAX_CLASSES
from alexnet_cy.network.variants import VARIANTS, get_variant
from alexnet_cy.weights import NetworkFile, TensorRef, loader, open_network
from alexnet_cy.weights.arrays import npz
from alexnet_cy.weights.writing import find_writer, write_network


class NoNumbers(TensorRef):
    def read(self):
        raise AssertionError("the numbers are not needed")


def fake(shapes, variant=None, metadata=None):
    """A file that has tensors of these shapes and no numbers."""
    tensors = {name: NoNumbers(shape, "F32", 0) for name, shape in shapes.items()}
    if "conv2.bias" in tensors:  # the one that tells where weights come from
        tensors["conv2.bias"] = ArrayTensor(np.zeros(shapes["conv2.bias"], np.float32))
    return NetworkFile("fake", tensors, variant, metadata or {})


@pytest.fixture
def open_fake(monkeypatch, tmp_path):
    """Open a file whose reader returns what `fake` makes of the arguments."""
    path = tmp_path / "file"
    path.write_bytes(b"x")

    def open_shapes(shapes, told=None, **options):
        content = fake(shapes, told, {"origin": "a test"})
        monkeypatch.setattr(loader, "read_file", lambda path, variant=None, head=None: content)
        return open_network(path, **options)

    return open_shapes


def shapes_of(name, num_classes=1000):
    return get_variant(name).with_num_classes(num_classes).parameter_shapes()


def warned_of_several():
    message = "does not tell it from '(caffenet|plain)'|as the file has only tensors"
    return pytest.warns(AmbiguousVariantWarning, match=message)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("num_classes", [1, 20, 1000, MAX_CLASSES])
def test_a_variant_that_the_file_tells_is_taken(open_fake, name, num_classes):
    opened = open_fake(shapes_of(name, num_classes), name)
    assert opened.variant == get_variant(name).with_num_classes(num_classes)
    assert list(opened.tensors) == list(shapes_of(name))
    assert opened.metadata == {"origin": "a test"}
    assert opened.format == "fake"


@pytest.mark.parametrize(
    ("stored", "taken", "others"),
    [
        ("caffe", "caffe", ["caffenet", "paper"]),
        ("caffenet", "caffe", ["caffenet", "paper"]),
        ("torchvision", "torchvision", []),
        ("ungrouped", "ungrouped", ["plain", "darknet"]),
        ("plain", "ungrouped", ["plain", "darknet"]),
    ],
)
def test_the_shapes_tell_the_variant_as_far_as_they_can(open_fake, stored, taken, others):
    with warned_of_several():
        opened = open_fake(shapes_of(stored, 365))
    assert opened.variant == get_variant(taken).with_num_classes(365)
    note = opened.metadata.get("variant_note", "")
    assert list(dict.fromkeys(re.findall(r"'(\w+)'", note))) == [taken, *others]
    assert opened.metadata["origin"] == "a test"


@pytest.mark.parametrize("name", ["caffenet", "paper"])
def test_a_variant_can_be_forced_where_the_file_does_not_tell(open_fake, name):
    opened = open_fake(shapes_of("caffe"), variant=name)
    assert opened.variant == get_variant(name)
    assert "variant_note" not in opened.metadata


def test_a_variant_may_be_forced_against_the_file_with_a_warning(open_fake):
    with pytest.warns(UserWarning, match="is of variant 'caffenet', but 'caffe' was asked for"):
        opened = open_fake(shapes_of("caffenet"), "caffenet", variant="caffe")
    assert opened.variant == get_variant("caffe")


def test_the_variant_of_the_file_may_be_asked_for(open_fake):
    assert open_fake(shapes_of("caffenet"), "caffenet", variant="caffenet").variant.name == (
        "caffenet"
    )


def test_a_forced_variant_with_other_shapes_is_refused(open_fake):
    with pytest.raises(WeightsError, match="does not fit variant 'torchvision', which was asked"):
        open_fake(shapes_of("caffenet"), "caffenet", variant="torchvision")


def test_a_variant_that_is_not_known_is_refused(open_fake):
    with pytest.raises(ValueError, match="caffe, caffenet, torchvision"):
        open_fake(shapes_of("caffe"), variant="alexnet")
    with pytest.raises(WeightsError, match=r"says it is of variant 'newer'; .*caffe, caffenet"):
        open_fake(shapes_of("caffe"), "newer")
    with pytest.warns(UserWarning, match="is of variant 'newer', but 'caffe' was asked for"):
        assert open_fake(shapes_of("caffe"), "newer", variant="caffe").variant.name == "caffe"


def test_names_of_one_network_around_another_are_refused_with_advice(open_fake):
    with pytest.raises(
        WeightsError, match="file tells of; it fits 'caffe', 'caffenet', 'paper', w"
    ):
        open_fake(shapes_of("caffe"), "torchvision")


def test_every_difference_is_listed(open_fake):
    shapes = shapes_of("caffe")
    del shapes["conv3.bias"], shapes["fc7.weight"]
    shapes["conv1.weight"] = (96, 3, 7, 7)
    shapes["conv2.weight"] = (256, 96, 5, 5)
    shapes["fc6.weight"] = (4096, 6400)
    shapes["fc8.weight"] = (4096, 1000)
    shapes["conv1.momentum"] = (96,)
    with pytest.raises(WeightsError) as caught:
        open_fake(shapes)
    first, *lines = str(caught.value).split("\n")
    assert first.endswith("does not fit variant 'caffe', which is the closest; 7 tensors differ:")
    assert lines == [
        "  conv1.weight: expected (96, 3, 11, 11), got (96, 3, 7, 7)",
        "  conv2.weight: expected (256, 48, 5, 5), got (256, 96, 5, 5) (a network without groups)",
        "  conv3.bias: expected (384,), missing",
        "  fc6.weight: expected (4096, 9216), got (4096, 6400) (made for images of another size)",
        "  fc7.weight: expected (4096, 4096), missing",
        "  fc8.weight: expected (1000, 4096), got (4096, 1000) (transposed)",
        "  'conv1.momentum': not expected, got (96,)",
    ]


@pytest.mark.parametrize(
    ("name", "shape", "hint"),
    [
        ("conv4.weight", (3, 3, 192, 384), "(another order of axes)"),
        ("conv5.weight", (3, 3, 3, 3), "got (3, 3, 3, 3)"),
        ("fc6.weight", (9216, 4096), "(transposed)"),
        ("fc7.weight", (4096, 9), "got (4096, 9)"),
        ("conv1.bias", (1, 1, 1, 96), "got (1, 1, 1, 96)"),
        ("conv1.bias", (), "got ()"),
    ],
)
def test_the_likely_reason_is_given(open_fake, name, shape, hint):
    with pytest.raises(WeightsError) as caught:
        open_fake(shapes_of("caffe") | {name: shape}, "caffe")
    assert str(caught.value).split("\n")[1].endswith(hint)


def test_grouped_weights_in_an_ungrouped_network(open_fake):
    with pytest.raises(WeightsError, match="3 tensors differ") as caught:
        open_fake(shapes_of("caffe"), variant="ungrouped")
    assert str(caught.value).count("(a network with two groups)") == 3


@pytest.mark.parametrize("num_classes", [0, MAX_CLASSES + 1, 1 << 40])
def test_an_impossible_number_of_classes_is_refused(open_fake, num_classes):
    shapes = shapes_of("caffe")
    shapes |= {"fc8.weight": (num_classes, 4096), "fc8.bias": (num_classes,)}
    with pytest.raises(WeightsError, match=r"fc8.bias: expected \(1000,\), got") as caught:
        open_fake(shapes)
    assert (f"more than {MAX_CLASSES} classes" in str(caught.value)) == (num_classes > MAX_CLASSES)


def test_weight_and_bias_must_agree_on_the_classes(open_fake):
    shapes = shapes_of("caffe", 20) | {"fc8.bias": (21,)}
    with pytest.raises(WeightsError, match=r"fc8.weight: expected \(21, 4096\), got \(20, 4096\)"):
        open_fake(shapes)


def test_a_file_of_nothing(open_fake):
    with pytest.raises(WeightsError, match="16 tensors differ"):
        open_fake({})


def test_the_list_of_differences_is_bounded(open_fake):
    shapes = shapes_of("caffe") | {f"{'x' * 1000}{i}": (1,) for i in range(900)}
    with pytest.raises(WeightsError, match="900 tensors differ") as caught:
        open_fake(shapes)
    assert len(str(caught.value)) < 10_000
    assert str(caught.value).endswith("and 836 more")


def test_equal_shapes_in_the_wrong_place_cannot_be_seen(open_fake):
    # fc6 and fc7 have equal biases: only a hash of the whole file can tell.
    shapes = shapes_of("caffe")
    shapes["fc6.bias"], shapes["fc7.bias"] = shapes["fc7.bias"], shapes["fc6.bias"]
    with warned_of_several():
        assert open_fake(shapes).variant.name == "caffe"


@pytest.mark.parametrize("name", random_tensors(TINY["caffe"]))
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_value_that_is_not_finite_is_found_in_every_tensor(tmp_path, name, value):
    tensors = random_tensors(TINY["caffe"])
    tensors[name].flat[-1] = value
    path = tmp_path / "network.npz"
    npz.write(path, "caffe", tensors)
    opened = open_network(path, TINY["caffe"])
    with pytest.raises(WeightsError, match=rf"network.npz': {name}: the value at .* is {value}"):
        opened.tensors[name].read()
    for other in opened.tensors.keys() - {name}:
        opened.tensors[other].read()
    allowed = open_network(path, TINY["caffe"], allow_nonfinite=True).tensors[name].read()
    assert allowed.tobytes() == tensors[name].tobytes()


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".onnx", ".caffemodel"])
def test_one_value_that_is_not_finite_is_found_in_rows(tmp_path, suffix):
    tensors = random_tensors(TINY["caffe"])
    tensors["fc6.weight"][3, 5] = np.inf
    path = tmp_path / f"network{suffix}"
    write_network(path, TINY["caffe"], tensors)
    tensor = open_network(path, TINY["caffe"]).tensors["fc6.weight"]
    rows = np.empty((2, tensor.shape[1]), np.float32)
    tensor.read_rows(2, rows)
    with pytest.raises(WeightsError, match=r"fc6.weight: the value at \[3, 5\] is inf"):
        tensor.check_rows(2, rows)
    tensor.read_rows(1, rows)
    tensor.check_rows(1, rows)
    allowed = open_network(path, TINY["caffe"], allow_nonfinite=True).tensors["fc6.weight"]
    allowed.check_rows(2, rows)


def test_numbers_beyond_float32_are_not_finite(tmp_path):
    tensors = {k: v.astype(np.float64) for k, v in random_tensors(TINY["caffe"]).items()}
    tensors["fc8.bias"][1] = 1e39
    path = tmp_path / "network.npz"
    np.savez(path, **tensors)
    with pytest.raises(WeightsError, match=r"fc8.bias: the value at \[1\] is inf"):
        open_network(path, TINY["caffe"]).tensors["fc8.bias"].read()


def test_torchvisions_names_with_the_shapes_of_another_network(tmp_path):
    path = tmp_path / "network.npz"
    np.savez(path, **torchvision_names(random_tensors(TINY["caffe"])))
    with pytest.raises(WeightsError, match="does not fit variant 'torchvision', which is the one"):
        open_network(path)
    assert open_network(path, TINY["caffe"]).variant == TINY["caffe"]  # names are no more than that


def test_a_network_is_not_the_file_it_came_from(tmp_path):
    # The file may be replaced by another while its tensors are still to be read.
    path = tmp_path / "network.npz"
    tensors = random_tensors(TINY["caffe"])
    npz.write(path, "caffe", tensors)
    opened = open_network(path, TINY["caffe"])
    npz.write(path, "caffe", random_tensors(TINY["caffe"], seed=1))
    assert opened.path == str(path)
    assert opened.tensors["fc7.weight"].read().tobytes() == tensors["fc7.weight"].tobytes()


def test_a_full_size_network(tmp_path):
    shapes = shapes_of("caffenet", 20)
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path = tmp_path / "network.safetensors"
    with path.open("wb") as stream:  # 228 MB, of which the disk has 4 KB
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.seek(end - 80, os.SEEK_CUR)
        stream.write(np.arange(20, dtype="<f4").tobytes())
    with pytest.warns(UserWarning, match="preset='torchvision' most often"):
        opened = open_network(path, "caffenet")
    assert opened.variant == get_variant("caffenet").with_num_classes(20)
    assert opened.tensors["fc8.bias"].read().tolist() == list(range(20))


def test_a_name_that_nothing_is_written_to():
    endings = ".safetensors or .npz or .onnx or .caffemodel or .pth"
    message = f"need a name that ends in {endings} for float32, got"
    with pytest.raises(ValueError, match=f"{re.escape(message)} 'x.txt'"):
        find_writer("x.txt")
    with pytest.raises(ValueError, match=r"ends in \.safetensors for float16, got 'x.npz'"):
        find_writer("x.npz", "float16")
