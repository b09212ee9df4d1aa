"""A classifier of images with scikit-learn's protocol."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from alexnet_cy.adapters.sklearn import AlexNetClassifier


@pytest.fixture
def classifier(weights):
    return AlexNetClassifier(weights, layer="pool2", C=10.0)


def test_it_learns_and_answers(classifier, photographs):
    paths, labels = photographs
    names = np.array(["fine", "coarse"])[labels]
    model = classifier.fit(paths, names)
    assert model is classifier
    assert model.classes_.tolist() == ["coarse", "fine"]
    assert model.predict(paths).tolist() == names.tolist()
    assert model.score(paths, names) == 1
    probabilities = model.predict_proba(paths[:3])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.shape == (3, 2)
    assert model.C_ == 10


def test_c_is_chosen_and_the_random_state_decides_on_which_images(weights, photographs):
    paths, labels = photographs
    model = AlexNetClassifier(weights, layer="pool2", class_weight="balanced", random_state=3)
    assert model.fit(paths, labels).C_ in (10, 100, 1000)
    again = clone(model).fit(paths, labels)
    np.testing.assert_array_equal(again.coef_, model.coef_)


def test_parts_are_as_good_as_the_whole(classifier, photographs):
    paths, labels = photographs
    whole = clone(classifier).fit(paths, labels)
    parts = classifier.partial_fit(paths[:4], labels[:4], classes=[1, 0])
    parts.partial_fit(paths[4:], labels[4:])
    np.testing.assert_array_equal(parts.coef_, whole.coef_)


def test_fit_begins_anew(classifier, photographs):
    """Images that partial_fit had kept came back after a fit, and those of fit were forgotten."""
    paths, labels = photographs
    classifier.partial_fit(paths[:4], labels[:4], classes=[0, 1]).fit(paths, labels)
    with pytest.raises(ValueError, match=r"^classes: needed in the first call"):
        classifier.partial_fit(paths, labels)
    again = classifier.partial_fit(paths[4:], labels[4:], classes=[0, 1])
    only = clone(classifier).fit(paths[4:], labels[4:])
    np.testing.assert_array_equal(again.coef_, only.coef_)


def test_parts_are_of_one_kind(classifier, photographs):
    """fc6 and fc7 have as many features: a mixture of both would be learnt without a word."""
    paths, labels = photographs
    classifier.partial_fit(paths, labels, classes=[0, 1])
    classifier.set_params(layer="fc6")
    with pytest.raises(ValueError, match=r"^layer: was 'pool2' for the images before"):
        classifier.partial_fit(paths, labels)


def test_images_that_are_no_numbers(classifier, photographs):
    x = np.zeros((4, 3, 224, 224), np.float32)
    x[1] = np.nan
    with pytest.raises(ValueError, match=r"^X: the features of image 1 are not finite"):
        classifier.fit(x, [0, 1, 0, 1])


def test_cross_validation(classifier, photographs):
    assert cross_val_score(classifier, *photographs, cv=2).mean() >= 0.5


def test_wrong_arguments_are_named(classifier, photographs):
    paths, labels = photographs
    with pytest.raises(NotFittedError):
        classifier.predict(paths)
    with pytest.raises(ValueError, match=r"^classes: needed"):
        classifier.partial_fit(paths, labels)
    with pytest.raises(ValueError, match=r"^y: need a label for each of 8"):
        classifier.fit(paths, labels[:3])
    with pytest.raises(ValueError, match=r"^y: need at least two classes"):
        classifier.fit(paths, [0] * 8)
    with pytest.raises(ValueError, match=r"^y: \[7\] are none of the classes"):
        classifier.partial_fit(paths, [7, *labels[1:]], classes=[0, 1])
    for name, value in (("C", -1), ("class_weight", "x"), ("random_state", -1)):
        with pytest.raises(ValueError, match=f"^{name}"):
            clone(classifier).set_params(**{name: value}).fit(paths, labels)
