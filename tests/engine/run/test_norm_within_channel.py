"""A network that normalises within channels: its plan, its values, its files, its summary."""

import pickle

import numpy as np
import pytest
from support.networks import random_weights
from support.samples import normal

from alexnet_cy import AlexNet
from alexnet_cy.bench import alternate, measure
from alexnet_cy.bench.limits import Limits
from alexnet_cy.bench.settings import make_settings
from alexnet_cy.cli.commands.summary import _settings as layer_settings
from alexnet_cy.network import LRN, Conv, Linear, MaxPool, Softmax, Variant
from alexnet_cy.oracle.network import forward

WITHIN = {"alpha": 0.4, "region": "within_channel"}
# Before a pooling, behind one, behind a norm across channels, and last of all images.
SMALL = Variant(
    name="small",
    title="norms within channels",
    layers=(
        Conv("conv1", 20, (5, 5), stride=(2, 2)),
        LRN("norm1", 3, **WITHIN),
        MaxPool("pool1"),
        Conv("conv2", 12, (3, 3), padding=((1, 1), (1, 1)), groups=2),
        MaxPool("pool2"),
        LRN("norm2", 5, beta=0.6, k=2.0, **WITHIN),
        Conv("conv3", 9, (3, 3), padding=((1, 1), (1, 1))),
        LRN("norm3"),
        LRN("norm4", 3, **WITHIN),
        Linear("fc6", 7, relu=False),
        Softmax("prob"),
    ),
    input_size=51,
    preset="caffe",
    channel_order="BGR",
    source="tests",
)
WEIGHTS = random_weights(SMALL)
X = normal(5, 3, 3, 51, 51) * np.float32(50)


def test_every_value_is_that_of_the_definition():
    net = AlexNet(SMALL, WEIGHTS)
    exact = forward(SMALL, WEIGHTS, X, net.layers)
    for layer, value in net.forward(X, net.layers, threads=2).items():
        assert value.shape == exact[layer].shape
        assert np.abs(value - exact[layer]).max() <= 3e-5 * np.abs(exact[layer]).max()


def test_any_threads_any_batch_any_requests_give_the_same_bits():
    net = AlexNet(SMALL, WEIGHTS)
    whole = net.forward(X, threads=1)
    for threads in (2, 3):
        assert net.forward(X, threads=threads).tobytes() == whole.tobytes()
    assert net.forward(X[1:2]).tobytes() == whole[1:2].tobytes()
    for layer in net.layers:  # what is requested is not computed in one pass with its neighbour
        assert net.forward(X, [layer, "prob"])["prob"].tobytes() == whole.tobytes()


def test_the_plan_gives_it_memory_of_its_own():
    rows = {row["layer"]: row for row in AlexNet(SMALL, WEIGHTS).plan().rows()}
    assert rows["norm1"]["algorithm"] == rows["norm4"]["algorithm"] == "within channel"
    assert rows["norm3"]["algorithm"] == "in place"
    assert "norm1+pool1" not in rows
    assert rows["norm1"]["arena_offset_bytes"] != rows["conv1"]["arena_offset_bytes"]


@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_a_saved_network_is_the_same_network(tmp_path, ending):
    net = AlexNet(SMALL, WEIGHTS)
    net.save(tmp_path / f"net.{ending}")
    again = AlexNet.load(tmp_path / f"net.{ending}")
    assert again.variant == SMALL
    assert again.forward(X).tobytes() == net.forward(X).tobytes()
    assert pickle.loads(pickle.dumps(net)).variant == SMALL
    net.save_packed(tmp_path / "net.packed")
    assert AlexNet.load_packed(tmp_path / "net.packed").forward(X).tobytes() == (
        net.forward(X).tobytes()
    )


def test_the_summary_says_where_it_looks():
    settings = "LRN 3x3 within channels, alpha 4e-1/9, beta 0.75, k 1"
    assert layer_settings(SMALL.layer("norm1")) == settings


def test_it_is_timed_beside_numpy_and_plain_loops(monkeypatch):
    monkeypatch.setattr(measure, "measure_limits", lambda level, threads: Limits(100.0, 10.0))
    monkeypatch.setattr(alternate, "REST_S", 0.0)
    settings = make_settings(SMALL, (2,), (1,), repeats=2, with_loops=True)
    (run,) = measure.measure(settings, lambda what: None).runs
    (result,) = (layer for layer in run.layers if layer.name == "norm1")
    assert result.numpy is not None
    assert result.loops_ms is not None
    assert run.difference < 1e-4
