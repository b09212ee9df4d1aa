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
    from alexnet_cy.training.report.evaluation import Evaluation, Mistake

__all__ = [
    "Augment",
    "Evaluation",
    "FineTuned",
    "ImageFolder",
    "Mistake",
    "Sample",
    "Split",
    "split_samples",
]

_HOMES = {
    "Augment": "alexnet_cy.training.data.augment",
    "Evaluation": "alexnet_cy.training.report.evaluation",
    "FineTuned": "alexnet_cy.training.finetuning",
    "ImageFolder": "alexnet_cy.training.data.folder",
    "Mistake": "alexnet_cy.training.report.evaluation",
    "Sample": "alexnet_cy.training.data.folder",
    "Split": "alexnet_cy.training.data.split",
    "split_samples": "alexnet_cy.training.data.split",
}


def __getattr__(name: str) -> object:
    """Import the module that a name lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
