"""How AlexNets were trained, by the names of those who did: the settings as data.

docs/training.md names the sources, and what of them is done otherwise here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_count, as_real
from alexnet_cy.network import Linear, Variant
from alexnet_cy.training.data.augment import Augment
from alexnet_cy.training.loop.schedules import ReduceLROnPlateau, StepLR
from alexnet_cy.training.loop.sgd import SGD

__all__ = ["RECIPES", "Recipe", "default_dropout", "get_recipe"]


@record(frozen=True, slots=True)
class Recipe:
    """All that a training needs besides images and a network.

    Attributes
    ----------
    name : str
    sgd : SGD
    schedule : StepLR or ReduceLROnPlateau
    epochs, batch_size : int
    warmup : int
        Steps in which the rate grows to its value.
    init : str
        As for `initial_weights`; without effect where the network has weights.
    dropout : float
        The share of values that is dropped before two of the fully connected layers.
    augment : Augment
    """

    name: str
    sgd: SGD
    schedule: StepLR | ReduceLROnPlateau
    epochs: int
    batch_size: int
    warmup: int
    init: str
    dropout: float
    augment: Augment

    def changed(
        self,
        *,
        lr: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        warmup: int | None = None,
        init: str | None = None,
        augment: Augment | None = None,
    ) -> Recipe:
        """Return the recipe with other values for those that are not None.

        With other epochs a `StepLR` falls after the same shares of them.

        Raises
        ------
        TypeError, ValueError
            A value is none; the message names it.
        """
        schedule, count = self.schedule, self.epochs
        if epochs is not None:
            count = as_count(epochs, "epochs")
            if isinstance(schedule, StepLR):
                schedule = replace(
                    schedule, step=max(1, round(schedule.step * count / self.epochs))
                )
        return replace(
            self,
            sgd=self.sgd if lr is None else replace(self.sgd, lr=as_real(lr, "lr")),
            schedule=schedule,
            epochs=count,
            batch_size=self.batch_size if batch_size is None else as_count(batch_size, "batch"),
            warmup=self.warmup if warmup is None else as_count(warmup, "warmup", minimum=0),
            init=self.init if init is None else init,
            augment=self.augment if augment is None else augment,
        )

    def settings(self) -> dict[str, object]:
        """Return every value, for people to read."""
        return {
            "recipe": self.name,
            "lr": self.sgd.lr,
            "warm-up": f"{self.warmup} steps",
            "schedule": repr(self.schedule),
            "epochs": self.epochs,
            "batch": self.batch_size,
            "momentum": f"{self.sgd.momentum} ({self.sgd.formula}'s formula)",
            "weight decay": self.sgd.weight_decay,
            "rate of biases": f"x {self.sgd.bias_lr_mult:g}",
            "decay of biases": f"x {self.sgd.bias_decay:g}",
            "rates of layers": dict(self.sgd.lr_mult) or "all the same",
            "init": self.init,
            "dropout": self.dropout,
            "crop": self.augment.describe_crop(),
            "flip": self.augment.flip,
            "colour": self.augment.pca_color,
        }


_CAFFE = Recipe(
    name="caffe",
    sgd=SGD(0.01, 0.9, 5e-4, bias_lr_mult=2.0, bias_decay=0.0),
    schedule=StepLR(20),  # 100,000 of 450,000 steps, of 90 epochs
    epochs=90,
    batch_size=256,
    warmup=0,
    init="caffe",
    dropout=0.5,
    augment=Augment(),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(
                name="he",
                sgd=SGD(0.001),
                schedule=StepLR(20),
                epochs=60,
                batch_size=32,
                warmup=0,
                init="he",
                dropout=0.5,
                augment=Augment(),
            ),
            Recipe(
                name="paper",
                sgd=SGD(0.01, 0.9, 5e-4),
                schedule=ReduceLROnPlateau(patience=5),
                epochs=90,
                batch_size=128,
                warmup=0,
                init="paper",
                dropout=0.5,
                augment=Augment(pca_color=0.1),
            ),
            _CAFFE,
            replace(_CAFFE, name="caffenet", init="caffenet"),
            Recipe(
                name="torchvision",
                sgd=SGD(0.01, 0.9, 1e-4, formula="pytorch"),
                schedule=StepLR(30),
                epochs=90,
                batch_size=256,
                warmup=0,
                init="torch",
                dropout=0.5,
                augment=Augment(crop="resized"),
            ),
            Recipe(
                name="finetune",
                sgd=SGD(0.001, 0.9, 5e-4, bias_lr_mult=2.0, bias_decay=0.0),
                schedule=StepLR(13),
                epochs=20,
                batch_size=32,
                warmup=50,
                init="he",
                dropout=0.5,
                augment=Augment(),
            ),
        )
    }
)
"""The recipes by name."""


def get_recipe(name: str) -> Recipe:
    """Return a recipe; ValueError lists the names if there is none."""
    if name not in RECIPES:
        raise ValueError(f"recipe: need one of {', '.join(RECIPES)}, got {name!r}")
    return RECIPES[name]


def default_dropout(variant: Variant, rate: float) -> dict[str, float]:
    """Return the fully connected layers whose inputs are dropped, with the rate.

    Caffe and the paper drop what fc6 and fc7 give, torchvision what they read (models/bvlc_alexnet
    train_val.prototxt, torchvision/models/alexnet.py). A single layer's inputs are dropped.
    """
    names = [layer.name for layer in variant.layers if isinstance(layer, Linear)]
    is_torchvision = variant.name.startswith("torchvision")  # "torchvision-like" too
    before = names[:2] if is_torchvision else names[1:]
    return dict.fromkeys(before or names, rate)
