"""Networks that learn: photographs in folders, a new head, the training loop, its report.

The names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alexnet_cy.training.data.augment import Augment
    from alexnet_cy.training.data.folder import ImageFolder, Sample
    from alexnet_cy.training.data.split import Split, split_samples
    from alexnet_cy.training.finetuning import FineTuned
    from alexnet_cy.training.loop.recipes import RECIPES, Recipe
    from alexnet_cy.training.loop.schedules import EarlyStopping, ReduceLROnPlateau, StepLR
    from alexnet_cy.training.loop.sgd import SGD
    from alexnet_cy.training.loop.sources import FeatureSource, PixelSource
    from alexnet_cy.training.loop.telling import StepReport
    from alexnet_cy.training.loop.trainer import Trainer
    from alexnet_cy.training.report.evaluation import Evaluation, Mistake
    from alexnet_cy.training.step.network import TrainingNetwork

__all__ = [
    "RECIPES",
    "SGD",
    "Augment",
    "EarlyStopping",
    "Evaluation",
    "FeatureSource",
    "FineTuned",
    "ImageFolder",
    "Mistake",
    "PixelSource",
    "Recipe",
    "ReduceLROnPlateau",
    "Sample",
    "Split",
    "StepLR",
    "StepReport",
    "Trainer",
    "TrainingNetwork",
    "split_samples",
]

_HOMES = {
    "Augment": "alexnet_cy.training.data.augment",
    "EarlyStopping": "alexnet_cy.training.loop.schedules",
    "Evaluation": "alexnet_cy.training.report.evaluation",
    "FeatureSource": "alexnet_cy.training.loop.sources",
    "FineTuned": "alexnet_cy.training.finetuning",
    "ImageFolder": "alexnet_cy.training.data.folder",
    "Mistake": "alexnet_cy.training.report.evaluation",
    "PixelSource": "alexnet_cy.training.loop.sources",
    "RECIPES": "alexnet_cy.training.loop.recipes",
    "Recipe": "alexnet_cy.training.loop.recipes",
    "ReduceLROnPlateau": "alexnet_cy.training.loop.schedules",
    "SGD": "alexnet_cy.training.loop.sgd",
    "Sample": "alexnet_cy.training.data.folder",
    "Split": "alexnet_cy.training.data.split",
    "StepLR": "alexnet_cy.training.loop.schedules",
    "StepReport": "alexnet_cy.training.loop.telling",
    "Trainer": "alexnet_cy.training.loop.trainer",
    "TrainingNetwork": "alexnet_cy.training.step.network",
    "split_samples": "alexnet_cy.training.data.split",
}


def __getattr__(name: str) -> object:
    """Import the module that a name lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
