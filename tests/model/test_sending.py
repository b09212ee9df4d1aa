"""Networks sent between processes: pickles, copies, spawned workers."""

import copy
import hashlib
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet, WeightsError
from alexnet_cy.published import registry

pytestmark = pytest.mark.slow  # whole networks go through pickles and processes

MOST_BYTES = 10_000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "network.safetensors"
    AlexNet.random("caffenet", seed=1).save(path)
    return path


@pytest.fixture
def path_to_change(tmp_path):
    """A file that a test may change."""
    path = tmp_path / "network.safetensors"
    AlexNet.random("torchvision", num_classes=3).save(path)
    return path


def first_features(net):
    return net.forward(images(net.variant, 1), ["conv2"])["conv2"]


@pytest.mark.parametrize("before", ["nothing has run", "a pass has run"])
def test_a_file_travels_as_its_path(path, before):
    net = AlexNet.load(path)
    if before == "a pass has run":
        first_features(net)
    data = pickle.dumps(net)
    assert len(data) < MOST_BYTES
    again = pickle.loads(data)
    assert_same_bits(first_features(again), first_features(net))
    assert (again.variant, again.origin) == (net.variant, net.origin)
    assert len(pickle.dumps(again)) < MOST_BYTES


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies(path, duplicate):
    net = AlexNet.load(path, exact=True)
    again = duplicate(net)
    assert again is not net
    assert_same_bits(first_features(again), first_features(net))
    assert "winograd" not in {step.algorithm for step in again.plan().steps}


def test_a_relative_path_holds_in_another_folder(path, monkeypatch, tmp_path):
    monkeypatch.chdir(path.parent)
    data = pickle.dumps(AlexNet.load(path.name))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(data).variant.name == "caffenet"


def test_a_spawned_process_gets_the_same_bits(path):
    net = AlexNet.load(path)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        values = pool.submit(net.forward, images(net.variant, 1), ["conv2"]).result()
    assert_same_bits(values["conv2"], first_features(net))


def test_joblib_sends_it_to_its_workers(path):
    joblib = pytest.importorskip("joblib")
    net = AlexNet.load(path)
    x = images(net.variant, 1)
    call = joblib.delayed(AlexNet.forward)
    for values in joblib.Parallel(2)(call(net, x, ["conv2"]) for _ in range(2)):
        assert_same_bits(values["conv2"], first_features(net))


@pytest.mark.parametrize("change", ["gone", "longer", "touched"])
def test_a_file_that_is_another_by_then_is_an_error(path_to_change, change):
    path = path_to_change
    data = pickle.dumps(AlexNet.load(path))
    if change == "gone":
        path.unlink()
    elif change == "longer":
        with open(path, "ab") as file:
            file.write(b" ")
    else:
        os.utime(path, ns=(0, 0))
    with pytest.raises(WeightsError, match="the file is gone or has been changed since"):
        pickle.loads(data)


def test_another_copy_of_a_published_file_will_do(path_to_change, monkeypatch):
    path = path_to_change
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = replace(registry.PUBLISHED["caffe"], hash_name="sha256", hash_hex=digest)
    monkeypatch.setattr(registry, "PUBLISHED", {"mine": file})
    net = AlexNet.load(path)
    net._file = replace(net._file, published="mine")
    data, features = pickle.dumps(net), first_features(net)
    os.utime(path, ns=(0, 0))
    assert_same_bits(first_features(pickle.loads(data)), features)
    with open(path, "ab") as file:
        file.write(b" ")
    with pytest.raises(WeightsError, match="has been changed since"):
        pickle.loads(data)


def test_what_has_no_file_any_more_travels_whole(path_to_change):
    path = path_to_change
    net = AlexNet.load(path)
    path.unlink()
    again = pickle.loads(pickle.dumps(net))
    assert_same_bits(first_features(again), first_features(net))


def test_arrays_travel_whole_with_what_was_tuned():
    variant = narrow()
    net = AlexNet(variant, random_weights(variant))
    net._runner.use_algorithms({"conv3": "direct"})
    again = pickle.loads(pickle.dumps(net))
    assert again.plan().steps == net.plan().steps
    for name, weight in net.weights.items():
        np.testing.assert_array_equal(again.weights[name], weight)
