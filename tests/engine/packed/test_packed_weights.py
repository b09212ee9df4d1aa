"""Weights are read once, layer by layer, when a layer first runs."""

from functools import partial
from threading import Barrier, Thread

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import WatchedTensor, narrow, random_weights, tensors

from alexnet_cy.engine.packed.packed_weights import PackedWeights, WeightsView
from alexnet_cy.errors import WeightsError

VARIANT = narrow()


@pytest.fixture(scope="module")
def weights():
    return random_weights(VARIANT)


@pytest.fixture
def reads():
    """The names of the tensors that have been read, in order."""
    return []


@pytest.fixture
def packed(weights, reads):
    refs = {
        name: WatchedTensor(array, partial(reads.append, name)) for name, array in weights.items()
    }
    return PackedWeights(VARIANT, refs)


def test_nothing_is_read_before_it_is_needed(packed, reads):
    assert reads == []
    assert packed.packed_bytes == 0
    conv3 = packed.conv("conv3")
    assert reads == []
    assert conv3.pack(threads=1) is conv3.pack(threads=1)
    assert reads == ["conv3.bias", "conv3.weight"]
    assert packed.packed_bytes == conv3.nbytes
    fc8 = packed.linear("fc8")
    assert len(reads) == 2
    fc8.pack(threads=1)
    assert reads[2:] == ["fc8.bias", "fc8.weight"]


def test_all_at_once(packed, reads, weights):
    packed.pack_now(weights)
    packed.pack_now(weights)
    assert sorted(reads) == sorted(weights)
    heads = [name for name in weights if name.startswith("fc")]
    assert packed.packed_bytes >= sum(weights[name].nbytes for name in heads)


@pytest.mark.parametrize("name", ["conv1", "conv2"])
def test_a_convolution_is_read_once_for_all_algorithms(packed, reads, weights, name):
    conv = packed.conv(name)
    winograd, kernels = conv.pack_winograd(1), conv.pack(1)
    assert conv.pack_winograd(1) is winograd
    assert_same_bits(packed.tensor(f"{name}.weight"), weights[f"{name}.weight"])
    assert reads == [f"{name}.bias", f"{name}.weight"]
    blocked = winograd.panels.nbytes if name == "conv1" else 0  # of another shape
    assert (winograd.panels is kernels) is (not blocked)
    assert packed.packed_bytes == kernels.nbytes + blocked
    winograd.transform(1)
    assert packed.packed_bytes == kernels.nbytes + blocked + winograd.nbytes
    assert winograd.nbytes > kernels.nbytes


@pytest.mark.parametrize(
    "name", ["conv1.weight", "conv2.weight", "conv2.bias", "fc6.weight", "fc8.bias"]
)
def test_a_tensor_is_the_same_before_and_after_packing(packed, weights, name):
    before = packed.tensor(name)
    packed.pack_now(weights)
    after = packed.tensor(name)
    for fresh in (before, after):
        assert_same_bits(fresh, weights[name])
        assert fresh.flags.writeable
        assert not np.shares_memory(fresh, weights[name])


def test_the_view_is_a_mapping(packed, weights):
    view = WeightsView(packed)
    assert list(view) == list(VARIANT.parameter_shapes())
    assert len(view) == 16
    assert "fc8.bias" in view
    assert "fc9.bias" not in view
    assert 3 not in view
    for name, array in view.items():
        assert_same_bits(array, weights[name])


@pytest.mark.parametrize("name", ["fc9.weight", "conv1", "conv1.weights", "", "norm1.weight"])
def test_a_name_that_is_not_there(packed, name):
    with pytest.raises(KeyError, match=name or "''"):
        packed.tensor(name)


def test_threads_that_want_a_layer_at_once_read_it_once(packed, reads):
    start, found = Barrier(8), []

    def ask():
        start.wait()
        found.append(packed.linear("fc6").pack(threads=1))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert reads == ["fc6.bias", "fc6.weight"]


def test_a_layer_that_could_not_be_read_can_be_read_later(weights):
    broken = True

    def fail():
        if broken:
            raise WeightsError("the file is gone")

    refs = tensors(weights)
    refs["conv1.bias"] = WatchedTensor(weights["conv1.bias"], fail)
    packed = PackedWeights(VARIANT, refs)
    with pytest.raises(WeightsError, match="the file is gone"):
        packed.conv("conv1").pack(1)
    with pytest.raises(WeightsError, match="the file is gone"):
        packed.tensor("conv1.bias")
    assert_same_bits(packed.tensor("conv1.weight"), weights["conv1.weight"])
    broken = False
    packed.conv("conv1").pack(1)
    assert_same_bits(packed.tensor("conv1.bias"), weights["conv1.bias"])
