"""Multinomial logistic regression: its minimum, its two forms, the layer that comes of it."""

import numpy as np
import pytest

from alexnet_cy.training.head.choose import fit_head
from alexnet_cy.training.head.gram import GramProblem
from alexnet_cy.training.head.lbfgs import minimise
from alexnet_cy.training.head.logistic import PrimalProblem, balanced_weights, make_problem


def clusters(n_images, n_features, n_classes=3, seed=0, spread=4.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n_images) % n_classes
    centres = rng.standard_normal((n_classes, n_features))
    noise = rng.standard_normal((n_images, n_features))
    return (5 + centres[labels] + spread * noise).astype(np.float32), labels


def objective(features, labels, weights, layer, c):
    """The formula of the module, from the layer for unscaled features."""
    x = features.astype(np.float64)
    scale = np.linalg.norm(x - x.mean(axis=0), axis=1).mean()
    y = x @ layer.weight.T.astype(np.float64) + layer.bias
    losses = np.log(np.exp(y).sum(axis=1)) - y[np.arange(len(y)), labels]
    w = layer.weight.astype(np.float64) * scale
    return (weights @ losses + (w**2).sum() / (2 * c)) / weights.sum()


def test_a_quadratic_function_is_minimised():
    rng = np.random.default_rng(0)
    scales = 10.0 ** rng.uniform(-2, 2, 30)
    goal = rng.standard_normal(30)

    def quadratic(x):
        return float(0.5 * scales @ (x - goal) ** 2), scales * (x - goal)

    found = minimise(quadratic, np.zeros(30), tolerance=1e-5)
    assert found.converged
    assert np.all(np.diff(found.values) <= 0)
    np.testing.assert_allclose(found.x, goal, atol=1e-3)
    assert not minimise(quadratic, np.zeros(30), tolerance=1e-8, max_steps=3).converged


@pytest.mark.parametrize("problem_of", [PrimalProblem, GramProblem])
@pytest.mark.parametrize("shape", [(60, 20), (30, 100)])
def test_the_layer_is_at_the_minimum(problem_of, shape):
    """Along random directions the formula only grows."""
    features, labels = clusters(*shape)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(labels))
    problem = problem_of(features, labels, 3, weights)
    rows = np.arange(len(labels))
    fit = problem.fit(rows, 10.0)
    assert fit.converged
    layer = problem.layer(fit, rows)
    least = objective(features, labels, weights, layer, 10.0)
    assert least == pytest.approx(fit.value, rel=1e-4)
    rng = np.random.default_rng(2)
    for _ in range(10):
        moved = layer.weight + 1e-2 * rng.standard_normal(layer.weight.shape).astype(np.float32)
        other = type(layer)(moved, layer.bias)
        assert objective(features, labels, weights, other, 10.0) > least


def test_both_forms_find_the_same_layer():
    features, labels = clusters(40, 90)
    rows = np.arange(0, 40, 2)
    layers = []
    for problem_of in (PrimalProblem, GramProblem):
        problem = problem_of(features, labels, 3, np.ones(40))
        fit = problem.fit(rows, 100.0)
        layers.append(problem.layer(fit, rows))
        others = np.arange(1, 40, 2)
        scores = problem.scores(fit, rows, others)
        expected = features[others] @ layers[-1].weight.T + layers[-1].bias
        np.testing.assert_allclose(scores, expected, atol=2e-4)
    np.testing.assert_allclose(layers[0].weight, layers[1].weight, atol=2e-3)


def test_the_cheaper_form_is_chosen():
    features, labels = clusters(30, 20)
    assert isinstance(make_problem(features, labels, 3), PrimalProblem)
    assert isinstance(make_problem(features[:10], labels[:10], 3), GramProblem)


def test_it_is_the_regression_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    features, labels = clusters(80, 15)
    x = features.astype(np.float64)
    centred = x - x.mean(axis=0)
    scale = np.linalg.norm(centred, axis=1).mean()
    model = linear_model.LogisticRegression(C=5.0, tol=1e-8, max_iter=5000)
    model.fit(centred / scale, labels)
    problem = PrimalProblem(features, labels, 3, np.ones(80))
    layer = problem.layer(problem.fit(np.arange(80), 5.0), np.arange(80))
    np.testing.assert_allclose(layer.weight * scale, model.coef_, atol=5e-3)


def test_features_that_are_all_the_same_do_no_harm():
    features = np.full((6, 4), 3, np.float32)
    problem = PrimalProblem(features, np.array([0, 0, 0, 0, 1, 1]), 2, np.ones(6))
    layer = problem.layer(problem.fit(np.arange(6), 1.0), np.arange(6))
    assert np.isfinite(layer.weight).all()
    assert (features @ layer.weight.T + layer.bias).argmax(axis=1).tolist() == [0] * 6


def test_balanced_weights_sum_to_the_same_for_every_class():
    labels = np.array([0, 0, 0, 2, 2, 0])
    weights = balanced_weights(labels, 4)
    assert weights.sum() == pytest.approx(6)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 2].sum())


def test_c_is_the_smallest_that_does_as_well():
    features, labels = clusters(90, 30, spread=0.1)
    inner = np.arange(60), np.arange(60, 90)
    head = fit_head(make_problem(features, labels, 3), labels, inner)
    assert [c for c, _ in head.tried] == [10, 100, 1000]
    assert {accuracy for _, accuracy in head.tried} == {1.0}
    assert head.c == 10
    nothing = np.empty(0, np.intp)
    assert fit_head(make_problem(features, labels, 3), labels, (nothing, nothing)).c == 100
