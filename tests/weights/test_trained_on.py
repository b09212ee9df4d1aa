"""Classes, preset, mean and Exif setting on their way through a weight file."""

import json
import pickle

import numpy as np
import pytest
from support.networks import narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.contracts.trained_on import MeanImage, TrainedOn
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.trained_on import metadata_of, trained_on

pytestmark = pytest.mark.slow  # whole networks are saved and loaded

TRAINED = TrainedOn(("cat", 'dög "x"', "bird"), "warp", (1.0, 2.5, 3.0), True)


def test_metadata_give_back_what_they_were_made_of():
    metadata = metadata_of(TRAINED)
    assert all(isinstance(text, str) for text in metadata.values())
    assert trained_on("f", metadata, 3) == TRAINED
    assert metadata_of(TrainedOn()) == {}
    assert trained_on("f", {}, 1000) == TrainedOn()


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("classes", "[", "classes is no JSON"),
        ("classes", '["a", 1]', "a list of names"),
        ("classes", '{"a": 1}', "a list of names"),
        ("classes", '["a", "b"]', "2 names; the network has 3 outputs"),
        ("mean", "[1, 2]", "three numbers"),
        ("mean", '[1, 2, "3"]', "three numbers"),
        ("mean", "[1, 2, NaN]", "three numbers"),
        ("mean", '{"shape": [1, 1, 2], "float32": "AAAA"}', "3 bytes for the shape"),
        ("mean", '{"shape": [1, 1, 1], "float32": "?"}', "no base 64"),
        ("mean", '{"shape": [1, 1, 1], "float32": "AADAfw=="}', "holds NaN"),
        ("mean", '{"shape": [0, 1, 1], "float32": ""}', "0 bytes for the shape"),
        ("mean", '{"shape": [1, 1], "float32": ""}', "three numbers or a mean image"),
    ],
)
def test_metadata_that_make_no_sense_are_refused(key, text, message):
    with pytest.raises(WeightsError, match=rf"'f'.*{message}"):
        trained_on("f", {f"alexnet_cy.{key}": text}, 3)


def test_a_mean_image_on_its_way_through_a_file(tmp_path):
    image = np.random.default_rng(0).uniform(0, 255, (3, 256, 256)).astype(np.float32)
    trained = TrainedOn(("a", "b"), "caffe", MeanImage.of(image))
    assert trained_on("f", metadata_of(trained), 2) == trained
    variant = narrow(classes=2)
    net = AlexNet(variant, random_weights(variant), trained_on=trained)
    net.save(tmp_path / "net.safetensors")
    loaded = AlexNet.load(tmp_path / "net.safetensors")
    assert loaded.trained_on == trained
    np.testing.assert_array_equal(loaded.preparation(input_size=227).mean, image)
    assert pickle.loads(pickle.dumps(loaded)).trained_on == trained


def test_a_network_must_have_as_many_outputs_as_names():
    variant = narrow(classes=2)
    with pytest.raises(ValueError, match=r"^trained_on: 3 classes; the network has 2"):
        AlexNet(variant, random_weights(variant), trained_on=TRAINED)


def test_a_network_names_its_own_classes_and_prepares_as_in_training():
    variant = narrow(classes=3)
    net = AlexNet(variant, random_weights(variant), trained_on=TRAINED)
    preparation = net.preparation()
    assert preparation.preset.name == "warp"
    assert preparation.mean.ravel().tolist() == [1.0, 2.5, 3.0]
    assert preparation.exif
    assert net.preparation("caffe").mean.ravel()[0] == np.float32(104.00698793)
    assert net.preparation(mean=[4, 5, 6]).mean.ravel().tolist() == [4, 5, 6]
    picture = np.zeros((40, 40, 3), np.uint8)
    assert {p.label for p in net.classify(picture)} == set(TRAINED.classes)
    assert pickle.loads(pickle.dumps(net)).trained_on == TRAINED


def test_a_saved_network_comes_back_with_its_names(tmp_path):
    net = AlexNet.random(num_classes=3)
    net = AlexNet(net.variant, dict(net.weights), trained_on=TRAINED)
    net.save(tmp_path / "mine.safetensors")
    loaded = AlexNet.load(tmp_path / "mine.safetensors")
    assert loaded.trained_on == TRAINED
    assert loaded.classes == TRAINED.classes
    assert json.loads(metadata_of(loaded.trained_on)["alexnet_cy.classes"])[1] == 'dög "x"'
