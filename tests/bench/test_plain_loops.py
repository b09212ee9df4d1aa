"""The plain loops compute the layer, or the part of it that they say."""

import numpy as np
import pytest

from alexnet_cy.bench import plain_loops
from alexnet_cy.bench.plain_loops import loops_part, part_to_compute, time_loops
from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax, get_variant
from alexnet_cy.oracle.baseline import baseline_layer

# Layer, input, how many units it has, and where they are in (N, C, H, W) or (N, F).
CASES = [
    (Conv("conv", 6, (3, 3), (2, 2), ((1, 1), (0, 2)), groups=2), (4, 9, 9), 6, 1),
    (Conv("conv", 6, (3, 2), relu=False), (4, 9, 9), 6, 1),
    (LRN("norm"), (7, 3, 4), 3, 2),
    (LRN("norm", size=4, alpha=0.1, beta=0.6, k=2.0, divide_alpha_by_size=False), (7, 3, 4), 3, 2),
    (LRN("norm", size=3, alpha=0.1, region="within_channel"), (2, 7, 4), 7, 2),
    (MaxPool("pool"), (3, 8, 7), 3, 1),
    (MaxPool("pool", (3, 2), (2, 1), ((1, 0), (0, 1))), (3, 8, 7), 3, 1),
    (AdaptiveAvgPool("avgpool"), (3, 13, 4), 3, 1),
    (Linear("fc", 5), (2, 3, 4), 5, 1),
    (Linear("fc", 5, relu=False), (24,), 5, 1),
    (Softmax("prob"), (10,), 1, 0),
]


def arrays(layer, shape):
    random = np.random.default_rng(0)
    x = random.standard_normal((1, *shape), np.float32)
    shapes = layer.parameter_shapes(shape)
    parameters = [
        random.standard_normal(shapes[kind], np.float32) if kind in shapes else None
        for kind in ("weight", "bias")
    ]
    return x, *parameters


@pytest.mark.parametrize(("layer", "shape", "units", "axis"), CASES)
@pytest.mark.parametrize("part", [1, 2, None])
def test_a_part_is_the_beginning_of_the_layer(layer, shape, units, axis, part):
    x, weight, bias = arrays(layer, shape)
    most = units // layer.groups if isinstance(layer, Conv) else units
    part = most if part is None else min(part, most)
    computed = loops_part(layer, x, weight, bias, part)
    expected = baseline_layer(layer, x, weight, bias)
    assert computed.dtype == np.float32
    np.testing.assert_allclose(
        computed, np.take(expected, range(part), axis=axis), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(("layer", "shape", "units", "axis"), CASES)
def test_small_layers_are_computed_whole(layer, shape, units, axis):
    most = units // layer.groups if isinstance(layer, Conv) else units
    assert part_to_compute(layer, shape, layer.output_shape(shape)) == (most, units)


@pytest.mark.parametrize("name", ["caffe", "torchvision"])
def test_parts_of_large_layers_are_of_bounded_cost(name):
    for step in get_variant(name).shapes():
        part, units = part_to_compute(step.layer, step.input_shape, step.output_shape)
        assert 1 <= part <= units
        if step.macs:
            assert step.macs * part / units <= plain_loops.STEPS
        assert (part == units) == (not step.macs)  # poolings and norms are small enough


def test_the_time_is_scaled_to_the_whole_layer(monkeypatch):
    clock = iter([0.0, 0.5, 1.0, 1.25, 2.0, 3.0])
    monkeypatch.setattr(plain_loops, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(plain_loops, "STEPS", 1)
    layer, shape = CASES[8][:2]
    timing = time_loops(layer, *arrays(layer, shape), layer.output_shape(shape), repeats=3)
    assert timing.computed == pytest.approx(1 / 5)
    assert timing.scaled_up
    assert timing.ms == pytest.approx(500.0 * 5)  # the median of 0.5, 0.25 and 1 s
