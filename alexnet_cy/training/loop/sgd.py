"""Stochastic gradient descent with momentum: the settings, and the rate of each parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from math import isfinite

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_real
from alexnet_cy.training.step.rate import FORMULAS, Rate

__all__ = ["SGD"]


@record(frozen=True, slots=True)
class SGD:
    """How the weights follow the gradients; `Rate` has the formulas.

    Attributes
    ----------
    lr : float
        The learning rate, before the schedule.
    momentum, weight_decay : float
    lr_mult : mapping of str to float
        For some layers, "fc8", or for some weights or biases, "fc8.bias", what their rate is
        multiplied by.
    bias_lr_mult, bias_decay : float
        What the rate and the weight decay of biases are multiplied by: 2 and 0 in Caffe, 1 and 1
        in torchvision.
    formula : {"caffe", "pytorch"}
    """

    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    lr_mult: Mapping[str, float] = field(default_factory=dict)
    bias_lr_mult: float = 1.0
    bias_decay: float = 1.0
    formula: str = "caffe"

    def check(self, layers: Iterable[str]) -> SGD:
        """Return itself; TypeError or ValueError names a setting that is none.

        Parameters
        ----------
        layers : iterable of str
            The layers that have weights.
        """
        for name in ("lr", "momentum", "weight_decay", "bias_lr_mult", "bias_decay"):
            _check_number(getattr(self, name), name)
        if self.formula not in FORMULAS:
            raise ValueError(f"formula: need one of {', '.join(FORMULAS)}, got {self.formula!r}")
        known = list(dict.fromkeys(layers))
        for name, factor in self.lr_mult.items():
            if name.removesuffix(".weight").removesuffix(".bias") not in known:
                raise ValueError(f"lr_mult: need layers of {', '.join(known)}, got {name!r}")
            _check_number(factor, f"lr_mult: {name}")
        return self

    def rates(self, parameters: Iterable[str], factor: float) -> dict[str, Rate]:
        """Return the rate of each parameter, "conv1.weight", ..., times a factor."""
        found = {}
        for name in parameters:
            layer, _, kind = name.rpartition(".")
            own = self.lr_mult.get(name, self.lr_mult.get(layer, 1.0))
            rate, decay = self.lr * factor * own, self.weight_decay
            if kind == "bias":
                rate, decay = rate * self.bias_lr_mult, decay * self.bias_decay
            found[name] = Rate(rate, decay, self.momentum, self.formula)
        return found


def _check_number(value: object, name: str) -> None:
    number = as_real(value, name)
    if not (isfinite(number) and number >= 0):
        raise ValueError(f"{name}: need a number from 0 up, got {value!r}")
