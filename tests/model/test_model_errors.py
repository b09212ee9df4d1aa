"""Every refusal of the model names the argument, what came and what is needed."""

import pickle
import re

import numpy as np
import pytest
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet, WeightsError


@pytest.fixture(scope="module")
def net():
    return AlexNet(narrow(), random_weights(narrow()))


X = images(narrow())

FORWARD = [
    (ValueError, (X, "conv6"), {}, "variant 'caffe' has no layer 'conv6' (did you mean 'conv"),
    (ValueError, (X, []), {}, "layers: need at least one name, got none"),
    (ValueError, (X, ["conv6"]), {}, "variant 'caffe' has no layer 'conv6' (did you mean 'conv"),
    (TypeError, (X, [None]), {}, "the name of a layer must be a str, got None"),
    (ValueError, (X[0],), {}, "x: need 4 axes (N, 3, H, W), got shape (3, 227, 227)"),
    (ValueError, (X[:, :1],), {}, "x: need shape (N, 3, H, W), got (1, 1, 227, 227)"),
    (
        ValueError,
        (X.transpose(0, 2, 3, 1),),
        {},
        "got (1, 227, 227, 3); channels are the second axis here: x.transpose(0, 3, 1, 2)",
    ),
    (TypeError, (X.astype(np.uint8),), {}, "got uint8; images in uint8 go through preprocess"),
    (TypeError, (X.astype(np.int32),), {}, "x: need floating-point numbers (float32), got int32"),
    (TypeError, (np.ma.masked_array(X),), {}, "x: masked arrays have no defined result"),
    (TypeError, (None,), {}, "x: need floating-point numbers (float32), got object"),
    (
        ValueError,
        (X[:, :, :150, :150],),
        {},
        "fc6 of variant 'caffe' needs 9216 inputs (256x6x6), but a 150x150 image gives 256x4x4",
    ),
    (ValueError, (X[:, :, :5], ["conv1"]), {}, "variant 'caffe' cannot take a 5x227 image: "),
    (
        ValueError,
        (X[:, :, :0], ["conv1"]),
        {},
        "height and width: need a whole number from 1 up, got 0",
    ),
    (ValueError, (X,), {"threads": 0}, "threads: need 1 to "),
    (TypeError, (X,), {"threads": 2.0}, "threads: need a whole number or None, got 2.0"),
]


@pytest.mark.parametrize(
    ("kind", "arguments", "settings", "message"), FORWARD, ids=[case[-1] for case in FORWARD]
)
def test_forward(net, kind, arguments, settings, message):
    with pytest.raises(kind, match=re.escape(message)):
        net.forward(*arguments, **settings)


OTHERS = [
    (ValueError, lambda net: net.profile(X[:0]), "x: need at least one image to time, got none"),
    (ValueError, lambda net: net.profile(X, repeats=0), "repeats: need a whole number from 1 up"),
    (TypeError, lambda net: net.profile(X, repeats=True), "repeats: need a whole number"),
    (ValueError, lambda net: net.plan(-1), "batch: need a whole number from 0 up, got -1"),
    (TypeError, lambda net: net.plan(1.5), "batch: need a whole number from 0 up, got 1.5"),
    (ValueError, lambda net: net.plan(height=5), "variant 'caffe' cannot take a 5x5 image"),
    (TypeError, lambda net: net.plan(layers="fc7"), "layers: need a sequence of names, got the"),
    (ValueError, lambda net: net.classify(X[0], top=0), "top: need a whole number from 1 up"),
    (TypeError, lambda net: net.classify(X[0], top=2.5), "top: need a whole number from 1 up"),
    (TypeError, lambda _: AlexNet.random(seed="a"), "seed: need a whole number from 0 up, got 'a'"),
    (ValueError, lambda _: AlexNet.random(seed=-1), "seed: need a whole number from 0 up, got -1"),
    (ValueError, lambda _: AlexNet.random("alex"), "variant must be one of caffe, caffenet"),
    (
        ValueError,
        lambda _: AlexNet.random(num_classes=0),
        "out_features: need a whole number from 1 up",
    ),
    (ValueError, lambda _: AlexNet("alex", {}), "variant must be one of caffe, caffenet"),
    (KeyError, lambda net: net.weights["fc9.bias"], "fc9.bias"),
    (WeightsError, lambda _: AlexNet.load("/nowhere/at/all"), "/nowhere/at/all"),
]


@pytest.mark.parametrize(("kind", "call", "message"), OTHERS, ids=[case[-1] for case in OTHERS])
def test_others(net, kind, call, message):
    with pytest.raises(kind, match=re.escape(message)):
        call(net)


def test_weights_that_do_not_fit_are_listed_together():
    weights = random_weights(narrow())
    del weights["conv3.bias"]
    weights["fc6.weight"] = weights["fc6.weight"].T
    weights["conv6.weight"] = np.zeros((1, 1, 1, 1), np.float32)
    expected = (
        "weights do not fit variant 'caffe': 3 tensors differ:\n"
        "  conv3.bias: expected (384,), missing\n"
        "  fc6.weight: expected (40, 9216), got (9216, 40) (transposed)\n"
        "  'conv6.weight': not expected, got (1, 1, 1, 1)"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        AlexNet(narrow(), weights)


def test_weights_of_another_number_of_classes():
    weights = random_weights(narrow().with_num_classes(5))
    advice = "\nThey have 5 classes: pass VARIANTS['caffe'].with_num_classes(5)."
    with pytest.raises(ValueError, match=f"2 tensors differ:[^$]*{re.escape(advice)}$"):
        AlexNet(narrow(), weights)
    AlexNet(narrow().with_num_classes(5), weights)


def test_weights_under_the_names_of_another_framework():
    weights = {f"features.{name}": value for name, value in random_weights(narrow()).items()}
    with pytest.raises(ValueError, match=r"AlexNet\.load\(path\) reads a file of these"):
        AlexNet(narrow(), weights)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("conv1.weight", np.zeros((96, 3, 11, 11), int), "conv1.weight: need floating-point"),
        ("conv1.weight", np.zeros((96, 363)), "conv1.weight: need 4 axes (O, I / groups, R, S)"),
        ("fc8.weight", np.zeros(5), "fc8.weight: need 2 axes (out, in), got shape (5,)"),
        ("fc8.bias", np.zeros((11, 1)), "fc8.bias: need 1 axis (out,), got shape (11, 1)"),
        ("fc8.bias", np.full(11, 1e39), "fc8.bias: has finite values beyond float32's largest"),
    ],
)
def test_a_weight_of_another_kind(name, value, message):
    weights = random_weights(narrow()) | {name: value}
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        AlexNet(narrow(), weights)


def weights_with(name, value):
    """Draw weights, the last of one tensor `value`; return them and its place."""
    weights = random_weights(narrow())
    place = tuple(n - 1 for n in weights[name].shape)
    weights[name] = weights[name].copy()
    weights[name][place] = value
    return weights, place


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", narrow().parameter_shapes())
def test_weights_that_are_not_finite(name, value):
    weights, place = weights_with(name, value)
    expected = f"{name}: the value at {list(place)} is {value}; weights must be finite"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}"):
        AlexNet(narrow(), weights)


@pytest.mark.parametrize("name", ["conv1.weight", "fc6.weight", "fc8.bias"])
def test_weights_that_need_not_be_finite(name):
    weights, _ = weights_with(name, np.nan)
    net = AlexNet(narrow(), weights, allow_nonfinite=True)
    np.testing.assert_array_equal(net.weights[name], weights[name])
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copy.weights[name], weights[name])
