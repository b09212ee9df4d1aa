"""Recipes and first weights: what they say, what they are."""

import numpy as np
import pytest
from support.networks import narrow

from alexnet_cy.training.data.augment import Augment
from alexnet_cy.training.loop.initial import initial_weights
from alexnet_cy.training.loop.recipes import RECIPES, default_dropout, get_recipe


def test_every_recipe_prints_every_value():
    for name, recipe in RECIPES.items():
        settings = recipe.settings()
        assert settings["recipe"] == name
        assert len(settings) == 16
        views = {
            "paper": Augment(pca_color=0.1),
            "torchvision": Augment("resized", scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)),
        }
        assert recipe.augment.check() == views.get(name, Augment())
        assert recipe.sgd.check(["fc8"])


def test_a_resized_crop_is_printed_with_its_values():
    crop = get_recipe("torchvision").settings()["crop"]
    assert crop == "resized, 0.08 to 1 of the area, width over height 0.75 to 1.33"
    assert get_recipe("he").settings()["crop"] == "random"


def test_a_recipe_is_changed():
    recipe = get_recipe("finetune").changed(lr=0.1, epochs=6, batch_size=4, init="torch")
    assert (recipe.sgd.lr, recipe.epochs, recipe.batch_size) == (0.1, 6, 4)
    assert (recipe.schedule.step, recipe.init) == (4, "torch")
    assert get_recipe("paper").changed(epochs=3).schedule == get_recipe("paper").schedule
    with pytest.raises(ValueError, match=r"^recipe: need one of he, paper"):
        get_recipe("mine")
    with pytest.raises(ValueError, match=r"^epochs"):
        recipe.changed(epochs=0)


@pytest.mark.parametrize(
    ("name", "conv1", "fc6", "conv2_bias", "conv3_bias"),
    [
        ("he", (2 / 363) ** 0.5, (2 / 9216) ** 0.5, 0, 0),
        ("paper", 0.01, 0.01, 1, 0),
        ("caffe", 0.01, 0.005, 0.1, 0),
        ("caffenet", 0.01, 0.005, 1, 0),
    ],
)
def test_first_weights(name, conv1, fc6, conv2_bias, conv3_bias):
    variant = narrow("caffe")
    weights = initial_weights(variant, name, seed=0)
    assert {key: array.shape for key, array in weights.items()} == variant.parameter_shapes()
    assert weights["conv1.weight"].std() == pytest.approx(conv1, rel=0.02)
    assert weights["fc6.weight"].std() == pytest.approx(fc6, rel=0.02)
    assert weights["fc8.weight"].std() == pytest.approx(0.01, rel=0.1)
    assert np.unique(weights["conv2.bias"]) == pytest.approx([conv2_bias])
    assert np.unique(weights["conv3.bias"]) == pytest.approx([conv3_bias])
    again = initial_weights(variant, name, seed=0)
    assert all(np.array_equal(again[key], weights[key]) for key in weights)


def test_first_weights_of_torch_are_uniform():
    weights = initial_weights(narrow("torchvision"), "torch", seed=1)
    bound = 363**-0.5
    assert 0.99 * bound < np.abs(weights["conv1.weight"]).max() <= bound
    assert 0 < np.abs(weights["conv1.bias"]).max() <= bound
    with pytest.raises(ValueError, match=r"^init: need one of he"):
        initial_weights(narrow(), "glorot", seed=0)


def test_dropout_by_network():
    assert default_dropout(narrow("caffe"), 0.5) == {"fc7": 0.5, "fc8": 0.5}
    assert default_dropout(narrow("torchvision"), 0.5) == {"fc6": 0.5, "fc7": 0.5}
