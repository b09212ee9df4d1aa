"""A network that has every kind of layer and takes a millisecond, and limits that never change."""

from dataclasses import replace
from pathlib import Path

import pytest

import alexnet_cy
from alexnet_cy.bench import alternate, measure
from alexnet_cy.bench.limits import Limits
from alexnet_cy.bench.settings import make_settings
from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax, get_variant

LAYERS = (
    Conv("conv1", 8, (5, 5), stride=(2, 2)),
    LRN("norm1"),
    MaxPool("pool1"),
    Conv("conv2", 12, (3, 3), padding=((1, 1), (1, 1)), groups=2),
    AdaptiveAvgPool("avgpool", (2, 2)),
    Linear("fc6", 20),
    Linear("fc8", 5, relu=False),
    Softmax("prob"),
)


@pytest.fixture
def tiny():
    return replace(get_variant("caffe"), name="tiny", layers=LAYERS, input_size=33)


@pytest.fixture
def importable(monkeypatch):
    """Let other processes import the package that is tested, wherever they run."""
    monkeypatch.setenv("PYTHONPATH", str(Path(alexnet_cy.__file__).parents[1]))


@pytest.fixture
def no_waiting(monkeypatch):
    """Take the limits for known and rest for no time."""
    monkeypatch.setattr(measure, "measure_limits", lambda level, threads: Limits(100.0, 10.0))
    monkeypatch.setattr(alternate, "REST_S", 0.0)


@pytest.fixture
def report(tiny, no_waiting):
    """A report of two runs with everything in it."""
    settings = make_settings(tiny, (1, 3), (1,), repeats=2, with_loops=True)
    return measure.measure(settings, lambda what: None)
