"""Where activations lie: never two living ones in one place, and no more memory than needed."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet_cy.engine.plan.arena import FLOATS_PER_CACHE_LINE, Activation, place
from alexnet_cy.engine.plan.planning import make_plan
from alexnet_cy.network import VARIANTS, feature_names, get_variant
from alexnet_cy.network.windows import NO_PADDING

sizes = st.integers(1, 9)
pads = st.tuples(st.integers(0, 3), st.integers(0, 3))


@st.composite
def activations(draw):
    first = draw(st.integers(0, 12))
    return Activation(
        "some",
        draw(st.tuples(sizes, sizes, sizes)),
        draw(st.sampled_from([NO_PADDING, ((1, 1), (1, 1))]) | st.tuples(pads, pads)),
        first,
        first + draw(st.integers(0, 4)),
    )


def assert_apart(values, total):
    for one, other in combinations(values, 2):
        if one.first_step <= other.last_step and other.first_step <= one.last_step:
            in_order = sorted((one, other), key=lambda value: value.offset)
            assert in_order[0].offset + in_order[0].floats <= in_order[1].offset, (one, other)
    for value in values:
        assert value.offset % FLOATS_PER_CACHE_LINE == 0
        assert 0 <= value.offset <= value.offset + value.floats <= total
        assert value.floats >= np.prod(value.physical_shape)


@given(st.lists(activations(), max_size=14))
def test_living_activations_never_overlap(values):
    assert_apart(values, place(values))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_activations_of_every_plan(name):
    variant = get_variant(name)
    for layers in (["prob"], list(feature_names(variant)), ["pool1"]):
        plan = make_plan(variant, variant.input_size, variant.input_size, layers)
        by_place = {id(plan.input_activation): plan.input_activation}
        for step in plan.trunk:
            by_place[id(step.source)] = step.source
            by_place[id(step.target)] = step.target
        assert_apart(list(by_place.values()), plan.arena_floats)
        for number, step in enumerate(plan.trunk):
            for value in (step.source, step.target):
                assert value.first_step <= number <= value.last_step


@pytest.mark.parametrize("name", VARIANTS)
def test_the_arena_holds_one_step_and_no_more(name):
    variant = get_variant(name)
    plan = make_plan(variant, variant.input_size, variant.input_size, ["prob"])
    steps = [step for step in plan.trunk if step.source is not step.target]
    assert plan.arena_floats == max(step.source.floats + step.target.floats for step in steps)


def test_views_of_an_activation():
    value = Activation("conv", (2, 3, 5), ((1, 0), (2, 1)), 0, 1, offset=16)
    assert value.physical_shape == (3, 6, 5)
    assert value.floats == 96
    arena = np.full(16 * 4 + 96 * 4 + 50, np.nan, np.float32)
    whole = value.whole(arena, 3, 4)
    assert whole.shape == (3, 3, 6, 5)
    inside = value.inside(whole)
    assert inside.shape == (3, 2, 3, 5)
    inside[:] = 1
    for kernel in value.bind_clearing(whole):
        kernel.run(1)
    assert whole.sum() == inside.size
    assert np.isfinite(arena[64 : 64 + whole.size]).all()
    assert np.isnan(arena[:64]).all()
    assert np.isnan(arena[64 + whole.size :]).all()
