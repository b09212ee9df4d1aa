"""A network is the file that was opened, whatever is written into that file afterwards."""

from dataclasses import replace

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images

from alexnet_cy import AlexNet, WeightsError
from alexnet_cy.published import download, registry
from alexnet_cy.published.checksum import file_hash

pytestmark = pytest.mark.slow  # whole networks are read from files

LAYERS = ["conv1", "fc8"]


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """The bytes of two files of one length, and what each network makes of an image."""
    path = tmp_path_factory.mktemp("weights") / "network.safetensors"
    made = []
    for seed in (1, 2):
        AlexNet.random("caffe", seed=seed, num_classes=3).save(path)
        net = AlexNet.load(path)
        made.append((path.read_bytes(), net.forward(images(net.variant), LAYERS)))
    return made


@pytest.fixture
def path(contents, tmp_path):
    path = tmp_path / "network.safetensors"
    path.write_bytes(contents[0][0])
    return path


def rewrite(path, content):
    with open(path, "r+b") as stream:
        stream.write(content)


@pytest.mark.parametrize("passes", [0, 1, 2])
@pytest.mark.parametrize("last", ["conv1", "fc8"])
def test_no_pass_mixes_two_contents_of_a_file(path, contents, passes, last):
    """Every value is the first network's, or the pass ends with an error."""
    (_, expected), (other, _) = contents
    net = AlexNet.load(path)
    x = images(net.variant)
    for _ in range(passes):
        assert_same_bits(net.forward(x, [last])[last], expected[last])
    rewrite(path, other)
    for name in LAYERS:
        try:
            found = net.forward(x, [name])[name]
        except WeightsError as error:
            assert "has been changed since it was opened" in str(error)  # noqa: PT017
        else:
            assert passes == 2
            assert_same_bits(found, expected[name])
    if passes < 2:
        with pytest.raises(WeightsError, match="has been changed since it was opened"):
            dict(net.weights)


def test_what_is_packed_needs_no_file(path, contents):
    net = AlexNet.load(path)
    x = images(net.variant)
    for _ in range(2):
        net.forward(x)
    rewrite(path, contents[1][0])
    assert_same_bits(net.forward(x, LAYERS)["fc8"], contents[0][1]["fc8"])


def test_a_published_file_is_the_one_whose_hash_was_right(path, contents, monkeypatch):
    """It is written to between the check and the reading."""
    file = replace(
        registry.PUBLISHED["caffe"],
        name="mine",
        file_name=path.name,
        hash_name="sha256",
        hash_hex=file_hash(path, "sha256"),
    )
    monkeypatch.setattr(registry, "PUBLISHED", {"mine": file})
    monkeypatch.setenv("ALEXNET_CY_HOME", str(path.parent))
    net = AlexNet.from_pretrained("mine")
    x = images(net.variant)
    assert_same_bits(net.forward(x), np.asarray(AlexNet.load(path).forward(x)))

    def checked_then_changed(*arguments):
        found = file_hash(*arguments)
        rewrite(path, contents[1][0])
        return found

    monkeypatch.setattr(download, "file_hash", checked_then_changed)
    with pytest.raises(WeightsError, match="gone or has been changed since"):
        AlexNet.from_pretrained("mine")
