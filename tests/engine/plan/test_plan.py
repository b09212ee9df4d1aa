"""Plans: what they contain, and how they print."""

import json
import re

import pytest

from alexnet_cy.engine.plan.plan import HEAD_BLOCK, TRUNK_BLOCK
from alexnet_cy.engine.plan.planning import make_plan
from alexnet_cy.network import VARIANTS, get_variant

CAFFE = get_variant("caffe")


def plan_of(*layers, variant=CAFFE, size=None, **settings):
    size = variant.input_size if size is None else size
    return make_plan(variant, size, size, layers or ["prob"], **settings)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("batch", [0, 1, 16])
def test_the_rows_are_the_layers_of_the_variant(name, batch):
    variant = get_variant(name)
    plan = plan_of(variant=variant, batch=batch)
    rows = plan.rows()
    assert [name for row in rows for name in row["layer"].split("+")] == [
        layer.name for layer in variant.layers
    ]
    shapes = {shape.layer.name: shape for shape in variant.shapes()}
    for row in rows:
        parts = [shapes[name] for name in row["layer"].split("+")]
        assert row["input"] == list(parts[0].input_shape)
        assert row["output"] == list(parts[-1].output_shape)
        assert row["macs"] == batch * sum(part.macs for part in parts)
        assert row["weight_bytes"] == 4 * sum(part.parameter_count for part in parts)
    assert sum(row["weight_bytes"] for row in rows) == 4 * variant.parameter_count
    assert json.loads(json.dumps(rows)) == rows


def test_only_the_trunk_lies_in_the_arena():
    plan = plan_of(batch=100)
    offsets = {row["layer"]: row["arena_offset_bytes"] for row in plan.rows()}
    assert [name for name, offset in offsets.items() if offset is None] == [
        *["fc6", "fc7", "fc8", "prob"]
    ]
    assert plan.arena_bytes == 4 * plan.arena_floats * TRUNK_BLOCK
    assert plan_of(batch=3).arena_bytes == 4 * plan.arena_floats * 3
    assert HEAD_BLOCK % TRUNK_BLOCK == 0


def test_normalisation_works_in_place_where_it_is_asked_for():
    plan = plan_of("norm1", "prob")
    for step in plan.trunk:
        assert (step.source is step.target) == (step.algorithm == "in place")
    assert [step.name for step in plan.trunk if step.source is step.target] == ["norm1"]
    assert [step.name for step in plan.trunk[:5]] == [
        *["conv1", "norm1", "pool1", "conv2", "norm2+pool2"]
    ]


def test_pooling_before_normalisation_stays_apart():
    names = [step.name for step in make_plan(get_variant("caffenet"), 227, 227, ["prob"]).trunk]
    assert names[:4] == ["conv1", "pool1", "norm1", "conv2"]


@pytest.mark.parametrize("name", ["conv1", "pool2", "conv5_pre", "fc6", "fc7_pre", "fc8"])
def test_a_plan_ends_with_the_last_layer_asked_for(name):
    plan = plan_of(name, "conv1")
    assert plan.features == tuple(dict.fromkeys((name, "conv1")))
    assert plan.steps[-1].layer.name == name.removesuffix("_pre")
    assert {feature for step in plan.steps for feature in step.features} == set(plan.features)


def test_values_before_their_relu_take_a_step_of_their_own():
    plan = plan_of("conv1_pre", "conv1", "conv2_pre", "conv2_pre", "fc6", "fc7_pre")
    names = [(step.name, step.relu, step.relu_only, step.features) for step in plan.steps]
    assert names[:2] == [
        ("conv1", False, False, ("conv1_pre",)),
        ("relu conv1", True, True, ("conv1",)),
    ]
    assert ("relu conv2", True, True, ()) in names
    assert ("fc6", True, False, ("fc6",)) in names
    assert names[-2:] == [
        ("fc7", False, False, ("fc7_pre",)),
        ("relu fc7", True, True, ()),
    ]
    assert sum(step.macs for step in plan.steps) == sum(
        shape.macs for shape in CAFFE.shapes(last="fc7")
    )
    assert all(step.weight_bytes == 0 for step in plan.steps if step.relu_only)


def test_names_of_torchvision_are_resolved():
    assert plan_of("features.0", "classifier.2", "conv1_pre").features == ("conv1_pre", "fc6")


@pytest.mark.parametrize("algorithm", ["direct", "im2col"])
def test_an_algorithm_for_all_convolutions(algorithm):
    steps = plan_of(algorithm=algorithm).steps
    chosen = {step.algorithm for step in steps if step.name.startswith("conv")}
    assert chosen == {algorithm}


def test_the_table():
    plan = plan_of(batch=16, threads=2)
    lines = str(plan).splitlines()
    header = "layer algorithm input output MMAC weights MB data MB at MB expected ms"
    assert lines[0].split() == header.split()
    assert set(lines[1]) == {"-", " "}
    names = [name for line in lines[2:-1] for name in line.split()[0].split("+")]
    assert names == [layer.name for layer in CAFFE.layers]
    conv1 = lines[2].split()
    assert conv1[2:5] == ["3x227x227", "96x55x55", "1686.6"]
    assert max(map(len, lines[:-1])) <= 100
    macs = sum(shape.macs for shape in CAFFE.shapes())
    assert lines[-1].startswith(f"caffe, batch 16: {16 * macs / 1e6:.1f} MMAC, ")
    assert f"{4 * CAFFE.parameter_count / 1e6:.1f} MB of weights" in lines[-1]
    assert f"arena {plan.arena_bytes / 1e6:.2f} MB" in lines[-1]
    expected = [row["expected_ms"] for row in plan.rows()]
    assert [line.split()[-1] for line in lines[2:-1]] == [f"{ms:.3f}" for ms in expected]
    assert lines[-1].endswith(f"; {sum(expected):.2f} ms expected on 2 threads")
    assert str(plan_of()).endswith(" ms expected on 1 thread")


def test_expected_times():
    """They grow with the images and shrink with threads; what the plan does depends on neither."""
    one, more, most = plan_of(batch=1), plan_of(batch=8), plan_of(batch=9)
    for step_1, step_8, step_9 in zip(one.steps, more.steps, most.steps, strict=True):
        assert step_1 == step_8 == step_9
        a, b, c = one.expected_ms(step_1), more.expected_ms(step_8), most.expected_ms(step_9)
        assert 0 < a < b < c
        assert b <= 8 * a * (1 + 1e-9)
        # a ninth image is a second block of the trunk, which reads the weights again
        assert (c - b > (b - a) / 7 * (1 + 1e-9)) == step_1.name.startswith("conv")
    assert all(row["expected_ms"] == 0 for row in plan_of(batch=0).rows())
    for threads in (2, 4):
        faster = plan_of(threads=threads)
        assert faster.steps == one.steps
        for step in one.steps:
            assert (
                one.expected_ms(step) / threads <= faster.expected_ms(step) < one.expected_ms(step)
            )


def test_a_relu_alone_passes_over_its_values():
    plan = plan_of("conv1_pre", "norm1")
    relu = next(step for step in plan.steps if step.relu_only)
    norm = next(step for step in plan.steps if step.name == "norm1")
    assert plan.expected_ms(relu) == plan.expected_ms(norm)


def test_a_measured_choice():
    plan = plan_of(tuned={"conv2": "im2col", "conv9": "direct"})
    chosen = {step.name: step.algorithm for step in plan.steps}
    assert (chosen["conv1"], chosen["conv2"], chosen["conv3"]) == ("winograd", "im2col", "winograd")
    forced = plan_of(tuned={"conv2": "im2col"}, algorithm="direct")
    assert {step.algorithm for step in forced.steps if step.name.startswith("conv")} == {"direct"}


@pytest.mark.parametrize(
    ("kind", "layers", "size", "message"),
    [
        (ValueError, [], 227, "layers: need at least one name, got none"),
        (ValueError, ["conv9"], 227, "variant 'caffe' has no layer 'conv9' (did you mean"),
        (TypeError, [5], 227, "the name of a layer must be a str, got 5"),
        (ValueError, ["conv1"], 10, "variant 'caffe' cannot take a 10x10 image: "),
        (ValueError, ["conv1"], 0, "height and width: need a whole number from 1 up, got 0"),
        (ValueError, ["fc6"], 300, "fc6 of variant 'caffe' needs 9216 inputs (256x6x6), but a "),
    ],
)
def test_errors(kind, layers, size, message):
    with pytest.raises(kind, match=re.escape(message)):
        make_plan(CAFFE, size, size, layers)


def test_an_unknown_algorithm():
    with pytest.raises(ValueError, match=r"^algorithm: need one of auto, .* got 'fft'$"):
        plan_of(algorithm="fft")
