"""The learning rate by epoch, and the end of a training."""

import pytest

from alexnet_cy.training.loop.schedules import EarlyStopping, ReduceLROnPlateau, StepLR
from alexnet_cy.training.loop.sgd import SGD


def test_steps():
    schedule = StepLR(3, 0.1)
    factors = [schedule.factor(epoch, []) for epoch in range(7)]
    assert factors == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01])


def test_plateaus():
    schedule = ReduceLROnPlateau(patience=2)
    losses = [3, 2, 2, 2, 1, 1.5, 0.9999, 0.5]
    factors = [schedule.factor(epoch, losses) for epoch in range(len(losses) + 1)]
    assert factors == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_early_stopping():
    stopping = EarlyStopping(2)
    assert [stopping.is_over([3, 2, 2, 2][:n]) for n in range(5)] == [False] * 4 + [True]


def test_rates_by_layer_and_for_biases():
    sgd = SGD(0.1, lr_mult={"fc8": 10}, bias_lr_mult=2, bias_decay=0, formula="pytorch")
    rates = sgd.rates(["conv1.weight", "conv1.bias", "fc8.weight", "fc8.bias"], 0.5)
    assert [rate.rate for rate in rates.values()] == pytest.approx([0.05, 0.1, 0.5, 1.0])
    assert [rate.decay for rate in rates.values()] == [5e-4, 0, 5e-4, 0]
    assert {rate.formula for rate in rates.values()} == {"pytorch"}


def test_a_single_tensor_has_its_own_rate():
    sgd = SGD(0.1, lr_mult={"conv1": 2, "conv1.weight": 3}).check(["conv1"])
    rates = sgd.rates(["conv1.weight", "conv1.bias"], 1.0)
    assert [rate.rate for rate in rates.values()] == pytest.approx([0.3, 0.2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepLR(0), "^step"),
        (lambda: StepLR(1, 0), "^gamma"),
        (lambda: ReduceLROnPlateau(patience=0), "^patience"),
        (lambda: ReduceLROnPlateau(gamma=-1), "^gamma"),
        (lambda: EarlyStopping(0), "^patience"),
        (lambda: SGD(lr=-1).check(["fc8"]), "^lr: "),
        (lambda: SGD(momentum=float("nan")).check(["fc8"]), "^momentum"),
        (lambda: SGD(formula="adam").check(["fc8"]), "^formula"),
        (lambda: SGD(lr_mult={"fc9": 1}).check(["fc8"]), "^lr_mult: need layers of fc8"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
