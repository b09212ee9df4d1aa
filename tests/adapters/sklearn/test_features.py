"""AlexNetFeatures: what it computes, and that rows depend on their own image alone."""

import os
import pickle

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from alexnet_cy import AlexNet, ImageError
from alexnet_cy.adapters.sklearn import AlexNetFeatures
from alexnet_cy.adapters.sklearn.networks import network_of


@pytest.fixture
def features(weights):
    return AlexNetFeatures(weights, "pool5")


@pytest.fixture(scope="module")
def expected(weights, photographs):
    return AlexNet.load(weights).features(photographs[0], "pool5").reshape(8, -1)


def test_the_values_are_those_of_the_network(features, photographs, expected):
    computed = features.transform(photographs[0])
    assert computed.dtype == np.float32
    np.testing.assert_array_equal(computed, expected)
    np.testing.assert_array_equal(features.fit_transform(photographs[0]), expected)
    assert features.fit(photographs[0]) is features


def test_what_it_takes(weights, features, photographs, expected):
    paths, _ = photographs
    images = [Image.open(path) for path in paths]
    arrays = [np.asarray(image) for image in images]
    objects = np.array(paths, dtype=object)
    for X in (np.array(paths), objects, objects[:, None], images, arrays, np.stack(arrays)):
        np.testing.assert_array_equal(features.transform(X), expected)
    prepared = AlexNet.load(weights).preprocess(paths)
    np.testing.assert_array_equal(features.transform(prepared), expected)
    read_only = np.stack(arrays)
    read_only.setflags(write=False)
    np.testing.assert_array_equal(features.transform(read_only), expected)


@pytest.mark.parametrize("empty", [[], np.array([], object), np.zeros((0, 9, 9, 3), np.uint8)])
def test_no_images(features, empty):
    assert features.transform(empty).shape == (0, 9216)


def test_order_and_subset_do_not_matter(features, photographs, expected):
    paths = np.array(photographs[0])
    order = np.random.default_rng(1).permutation(8)
    np.testing.assert_array_equal(features.transform(paths[order]), expected[order])
    for part in ([3], [0, 7], [5, 4, 3]):
        np.testing.assert_array_equal(features.transform(paths[part]), expected[part])


def test_what_is_given_stays_as_it_is(features, photographs):
    paths = list(photographs[0])
    before = dict(features.__dict__)
    features.fit(paths).transform(paths)
    assert features.__dict__ == before
    assert paths == photographs[0]


def test_names_of_columns(weights, features):
    names = features.get_feature_names_out()
    assert names.dtype == object
    assert len(set(names)) == 9216
    assert (names[0], names[-1], names[37]) == ("pool5_0_0_0", "pool5_255_5_5", "pool5_1_0_1")
    both = AlexNetFeatures(weights, ["features.12", "fc7_pre"]).get_feature_names_out()
    assert list(both[9215:9217]) == ["features.12_255_5_5", "fc7_pre_0"]
    assert len(both) == 9216 + 4096


def test_several_layers_stand_side_by_side(weights, photographs, expected):
    both = AlexNetFeatures(weights, ["conv1", "pool5"]).transform(photographs[0][:2])
    np.testing.assert_array_equal(both[:, -9216:], expected[:2])
    assert both.shape == (2, 64 * 55 * 55 + 9216)


@pytest.mark.parametrize("pool", ["mean", "max", "l2"])
def test_pooled(weights, photographs, expected, pool):
    maps = expected.reshape(8, 256, 36).astype(float)
    pooled = {"mean": maps.mean(2), "max": maps.max(2), "l2": np.sqrt((maps**2).sum(2))}[pool]
    features = AlexNetFeatures(weights, "pool5", pool=pool)
    np.testing.assert_allclose(features.transform(photographs[0]), pooled, rtol=1e-6)
    assert list(features.get_feature_names_out()) == [f"pool5_{i}" for i in range(256)]


def test_a_bad_image_has_a_row(features, photographs, expected):
    paths = [photographs[0][0], "nowhere.png", photographs[0][2]]
    features.set_params(on_error="nan")
    with pytest.warns(UserWarning, match="nowhere.png"):
        computed = features.transform(paths)
    np.testing.assert_array_equal(computed[[0, 2]], expected[[0, 2]])
    assert np.isnan(computed[1]).all()


def test_small_to_send(features, photographs, expected):
    features.transform(photographs[0][:1])
    sent = pickle.dumps(features)
    assert len(sent) < 1000
    np.testing.assert_array_equal(pickle.loads(sent).transform(photographs[0]), expected)
    copied = clone(features)
    assert copied.get_params() == features.get_params()


def test_a_network_of_this_process(weights, photographs, expected):
    net = AlexNet.load(weights)
    np.testing.assert_array_equal(
        clone(AlexNetFeatures(net, "pool5")).transform(photographs[0]), expected
    )


def test_networks_are_opened_once(weights, tmp_path):
    assert network_of(weights) is network_of(weights)
    assert network_of(weights, "torchvision") is not network_of(weights)
    copied = tmp_path / "copy.safetensors"
    copied.symlink_to(weights)
    before = network_of(str(copied))
    os.utime(copied, (1, 1))
    assert network_of(str(copied)) is not before


def test_a_pipeline(features, photographs, tmp_path):
    paths, labels = photographs
    model = make_pipeline(features, LogisticRegression(), memory=str(tmp_path))
    assert model.fit(paths, labels).score(paths, labels) == 1
    assert model.fit(paths, labels).score(paths, labels) == 1
    sent = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(sent.predict(paths), labels)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the processes that joblib starts
def test_cross_validation_on_two_processes(features, photographs):
    paths, labels = np.array(photographs[0]), photographs[1]
    model = make_pipeline(features, LogisticRegression())
    scores = [cross_val_score(model, paths, labels, cv=2, n_jobs=n_jobs) for n_jobs in (1, 2)]
    np.testing.assert_array_equal(*scores)
    assert scores[0].mean() > 0.7


def test_tables_of_pandas(features, photographs, expected):
    pandas = pytest.importorskip("pandas")
    paths, _ = photographs
    series = pandas.Series(paths, index=list("hgfedcba"), name="path")
    table = features.set_output(transform="pandas").transform(series)
    assert list(table.index) == list("hgfedcba")
    assert list(table.columns) == list(features.get_feature_names_out())
    assert set(table.dtypes) == {np.dtype(np.float32)}
    np.testing.assert_array_equal(table.to_numpy(), expected)
    frame = pandas.DataFrame({"path": paths, "n": np.arange(8.0)})
    for column in ("path", ["path"]):
        columns = ColumnTransformer(
            [("image", clone(features), column), ("n", "passthrough", ["n"])]
        )
        both = columns.fit_transform(frame)
        np.testing.assert_array_equal(np.asarray(both)[:, :-1], expected)
    assert columns.get_feature_names_out()[0] == "image__pool5_0_0_0"


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("a.png", TypeError, "X: need a list of images, got str"),
        (None, TypeError, "X: need a list of images, got NoneType"),
        (np.zeros((4, 5)), TypeError, r"X: need paths or images.*float64 of shape \(4, 5\)"),
        (np.zeros((9, 9, 3), np.uint8), TypeError, r"uint8 of shape \(9, 9, 3\)"),
        (np.array([["a", "b"]]), ValueError, "X: need one column of paths, got 2"),
        (np.zeros((1, 3, 9, 9)), ValueError, r"X: prepared floats need shape \(N, 3, 224, 224\)"),
        (["nowhere.png"], ImageError, r"images\[0\]: 'nowhere.png'"),
    ],
)
def test_what_it_refuses(features, X, error, message):
    with pytest.raises(error, match=message):
        features.transform(X)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"layer": "conv9"}, ValueError, "has no layer 'conv9'"),
        ({"preset": "torchvision-10crop"}, ValueError, "preset: .* makes 10 views"),
        ({"weights": 3}, TypeError, "weights: need a weight file.*got int"),
        ({"pool": "median"}, ValueError, "pool: need 'mean', 'max', 'l2'"),
        ({"on_error": "skip"}, ValueError, "on_error: need 'raise' or 'nan', got 'skip'"),
        ({"threads": 0}, ValueError, "threads: need"),
    ],
)
def test_parameters_that_do_not_fit(features, photographs, changes, error, message):
    features.set_params(**changes)
    with pytest.raises(error, match=message):
        features.transform(photographs[0][:1])
