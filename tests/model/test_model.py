"""The class that users hold: layers, names, sizes, batches, weights, copies."""

import json
import pickle

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import WatchedTensor, images, narrow, random_weights, tensors

from alexnet_cy import AlexNet
from alexnet_cy.engine.plan.plan import HEAD_BLOCK, TRUNK_BLOCK
from alexnet_cy.engine.runner import KEPT_PLANS
from alexnet_cy.network import feature_names


@pytest.fixture(scope="module")
def weights():
    return random_weights(narrow())


@pytest.fixture(scope="module")
def net(weights):
    return AlexNet(narrow(), weights)


@pytest.fixture(scope="module")
def x():
    return images(narrow(), 2)


@pytest.fixture(scope="module")
def mobile():
    """A network that takes small images: quick for many of them."""
    return AlexNet(narrow("torchvision"), random_weights(narrow("torchvision")))


@pytest.fixture(scope="module")
def small():
    return images(narrow("torchvision"), HEAD_BLOCK + 1)[:, :, :63, :66].copy()


def test_probabilities(net, x):
    y = net.forward(x)
    assert y.shape == (2, 11)
    assert y.dtype == np.float32
    assert y.flags.owndata
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("network", ["net", "mobile"])
def test_all_values_at_once_are_those_asked_for_one_by_one(request, x, small, network):
    net, images = request.getfixturevalue(network), x[:1] if network == "net" else small[:1]
    names = feature_names(net.variant)
    together = net.forward(images, names)
    assert tuple(together) == names
    for step in net.variant.shapes(*images.shape[2:]):
        assert together[step.layer.name].shape == (1, *step.output_shape)
    for name in names if network == "mobile" else ("conv1_pre", "norm1", "pool2", "fc7"):
        assert_same_bits(net.forward(images, [name])[name], together[name])
    for name in (name for name in names if name.endswith("_pre")):
        after = together[name.removesuffix("_pre")]
        assert_same_bits(after, np.maximum(together[name], np.float32(0)))
        assert together[name].min() < 0
    assert_same_bits(together["prob"], net.forward(images))


def test_one_name_gives_one_array(net, x):
    assert_same_bits(net.forward(x, "conv5_pre"), net.forward(x, ["conv5_pre"])["conv5_pre"])
    assert_same_bits(net.forward(x, "features.0"), net.forward(x, ["conv1_pre"])["conv1_pre"])


def test_names_of_torchvision_come_back_as_they_were_asked_for(net, x):
    asked = ["classifier.5", "features.0", "fc7", "features.11", "conv1_pre", "fc8_pre"]
    values = net.forward(x[:1], asked)
    assert list(values) == asked
    assert_same_bits(values["classifier.5"], values["fc7"])
    assert_same_bits(values["features.0"], values["conv1_pre"])
    assert_same_bits(values["fc8_pre"], net.forward(x[:1], ["fc8"])["fc8"])


@pytest.mark.parametrize("threads", range(1, 9))
def test_any_number_of_threads_gives_the_same_bits(net, x, threads):
    names = ["conv1", "norm2", "conv5", "pool5", "prob"]
    alone = net.forward(x, names, threads=1)
    for name, value in net.forward(x, names, threads=threads).items():
        assert_same_bits(value, alone[name])


def test_an_image_has_the_same_result_in_any_company(mobile, small):
    names = ["conv2", "conv5_pre", "fc6", "prob"]
    together = mobile.forward(small, names)
    for size in (1, 2, 3, 7, TRUNK_BLOCK, TRUNK_BLOCK + 1, HEAD_BLOCK):
        part = slice(len(small) - size, None)
        for name, value in mobile.forward(small[part], names).items():
            assert_same_bits(value, together[name][part])
    backwards = mobile.forward(small[::-1], names)
    for name, value in backwards.items():
        assert_same_bits(value[::-1], together[name])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("algorithm", ["auto", "direct"])
def test_company_and_threads_on_every_level(weights, x, algorithm):
    net = AlexNet(narrow(), weights, algorithm=algorithm)
    together = net.forward(x, ["conv4", "prob"], threads=2)
    for image in (0, 1):
        for name, value in net.forward(x[[image]], ["conv4", "prob"], threads=1).items():
            assert_same_bits(value, together[name][[image]])


def test_direct_and_im2col_give_the_same_bits(weights, x):
    names = feature_names(narrow())
    direct, im2col, exact = (
        AlexNet(narrow(), weights, **arguments).forward(x[:1], names)
        for arguments in ({"algorithm": "direct"}, {"algorithm": "im2col"}, {"exact": True})
    )
    for name in names:
        assert_same_bits(direct[name], im2col[name])
        assert_same_bits(direct[name], exact[name])


def test_no_images(net):
    empty = np.empty((0, 3, 227, 227), np.float32)
    assert net.forward(empty).shape == (0, 11)
    values = net.forward(empty, ["conv1", "fc7_pre"])
    assert {name: value.shape for name, value in values.items()} == {
        "conv1": (0, 96, 55, 55),
        "fc7_pre": (0, 40),
    }


@pytest.mark.parametrize("size", [(11, 11), (64, 300), (230, 100)])
def test_the_trunk_takes_any_size(net, size):
    x = np.zeros((1, 3, *size), np.float32)
    shapes = {step.layer.name: step.output_shape for step in net.variant.shapes(*size, "conv1")}
    assert net.forward(x, ["conv1"])["conv1"].shape == (1, *shapes["conv1"])


def test_inputs_are_left_alone_and_may_be_of_any_layout(net, x):
    expected = net.forward(x)
    before = x.copy()
    frozen = x.copy()
    frozen.setflags(write=False)
    layouts = [
        *(frozen, np.asfortranarray(x), x.astype(np.float64), x.astype(">f4")),
        x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2),
        x[::-1].copy()[::-1],
    ]
    for given in layouts:
        assert_same_bits(net.forward(given), expected)
    assert_same_bits(x, before)


def unreadable(name):
    def read():
        raise AssertionError(f"{name} was read")

    return read


@pytest.mark.parametrize(
    ("last", "needed"), [("conv1", 1), ("pool2", 2), ("conv5_pre", 5), ("pool5", 5), ("fc6", 6)]
)
def test_weights_behind_the_last_layer_are_never_read(weights, x, last, needed):
    order = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    refs = {
        name: ref
        if name.partition(".")[0] in order[:needed]
        else WatchedTensor(weights[name], unreadable(name))
        for name, ref in tensors(weights).items()
    }
    net = AlexNet(narrow(), refs)
    expected = AlexNet(narrow(), weights).forward(x[:1], [last])
    assert_same_bits(net.forward(x[:1], [last])[last], expected[last])
    with pytest.raises(AssertionError, match=r"^\w+\.\w+ was read$"):
        net.forward(x[:1])


def test_weights_come_back_as_they_were(net, weights, x):
    net.forward(x[:1])
    assert list(net.weights) == list(weights)
    for name, array in weights.items():
        assert_same_bits(net.weights[name], array)
    net.weights["conv1.weight"][:] = 0  # a copy
    assert_same_bits(net.weights["conv1.weight"], weights["conv1.weight"])
    with pytest.raises(TypeError):
        net.weights["conv1.weight"] = weights["conv1.weight"]


def test_the_callers_arrays_are_copied_at_once(weights, x):
    arrays = {name: array.copy() for name, array in weights.items()}
    some_in_a_file = arrays | {
        name: tensors(weights)[name] for name in ("conv1.bias", "fc7.weight")
    }
    networks = [AlexNet(narrow(), given) for given in (arrays, some_in_a_file)]
    for array in arrays.values():
        array[:] = np.nan
    expected = AlexNet(narrow(), weights).forward(x)
    for net in networks:
        assert_same_bits(net.forward(x), expected)


def test_a_copy_through_pickle(net, x):
    copy = pickle.loads(pickle.dumps(net))
    assert repr(copy) == repr(net)
    assert copy.variant == net.variant
    assert_same_bits(copy.forward(x), net.forward(x))
    chosen = AlexNet(net.variant, net.weights, algorithm="im2col", exact=True)
    copy = pickle.loads(pickle.dumps(chosen))
    assert str(copy.plan(batch=3)) == str(chosen.plan(batch=3))


@pytest.mark.slow
def test_save_and_load(net, x, tmp_path):
    path = tmp_path / "net.safetensors"
    AlexNet.random("caffe", seed=3, num_classes=5).save(path)
    loaded = AlexNet.load(path)
    assert loaded.variant.name == "caffe"
    assert loaded.variant.num_classes == 5
    pool5 = AlexNet.random("caffe", seed=3).forward(x[:1], ["pool5"])["pool5"]
    assert_same_bits(loaded.forward(x[:1], ["pool5"])["pool5"], pool5)
    assert str(path) in repr(loaded)


def test_seeds():
    x = np.zeros((1, 3, 67, 67), np.float32)
    x[0, 0, 5] = 1

    def conv2(**arguments):
        return AlexNet.random("caffe", **arguments).forward(x, ["conv2"])["conv2"]

    assert_same_bits(conv2(seed=5), conv2(seed=5))
    assert_same_bits(conv2(), conv2(seed=0))
    assert not np.array_equal(conv2(seed=5), conv2(seed=6))
    assert_same_bits(conv2(seed=5), conv2(seed=np.int64(5), num_classes=7))
    weights = AlexNet.random("caffe", seed=1, num_classes=3).weights
    assert weights["fc8.weight"].shape == (3, 4096)
    assert not weights["fc8.bias"].any()
    assert abs(weights["fc8.weight"].std() / np.sqrt(2 / 4096) - 1) < 0.03


def test_the_plan_is_the_pass(net):
    plan = net.plan(batch=4, layers=["conv5", "fc6_pre"], height=227)
    assert plan.batch == 4
    assert plan.features == ("conv5", "fc6_pre")
    names = [name for row in net.plan().rows() for name in row["layer"].split("+")]
    assert names == [layer.name for layer in net.variant.layers]
    assert json.dumps(net.plan(0).rows())
    assert "227x227" in str(net.plan())


def test_only_so_many_plans_are_kept(mobile):
    for size in range(70, 70 + KEPT_PLANS + 4):
        mobile.forward(np.zeros((0, 3, size, 70), np.float32), ["pool1"])
    assert len(mobile._runner._executors) == KEPT_PLANS


def test_the_variable_counts_at_every_call(net, x, monkeypatch):
    for name in ("winograd", "direct", "winograd"):
        chosen = AlexNet(net.variant, net.weights, algorithm=name).forward(x[:1], ["conv3"])
        monkeypatch.setenv("ALEXNET_CY_CONV", name)
        assert_same_bits(net.forward(x[:1], ["conv3"])["conv3"], chosen["conv3"])


def test_profile(mobile, small):
    profile = mobile.profile(small[:2], repeats=3, threads=2)
    assert (profile.batch, profile.threads, profile.repeats) == (2, 2, 3)
    shapes = mobile.variant.shapes(63, 66)
    assert [layer.name for layer in profile.layers] == [step.layer.name for step in shapes]
    assert [layer.macs for layer in profile.layers] == [2 * step.macs for step in shapes]
    for layer in profile.layers:
        assert 0 < layer.min_ms <= layer.median_ms
        assert layer.gflops == pytest.approx(2e-6 * layer.macs / layer.median_ms)
        assert layer.gbytes_per_s > 0
    assert profile.total_min_ms <= profile.total_ms
    lines = str(profile).splitlines()
    assert lines[2].startswith("conv1")
    assert lines[-1].startswith("total")
    [conv1] = mobile.profile(small[:1], ["conv1"], repeats=1).layers
    assert conv1.name == "conv1"


def test_what_a_model_says_of_itself(net):
    assert repr(net) == "<AlexNet caffe, 11 classes, weights: arrays>"
    assert net.variant == narrow()
    assert "random, seed 4" in repr(AlexNet.random("paper", seed=4))
