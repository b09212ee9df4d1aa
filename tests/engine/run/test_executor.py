"""The loop that runs a plan: what it leaves behind never shows in what it gives."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images, narrow, random_weights, tensors
from support.row_file import RowFile

from alexnet_cy.engine.packed.packed_weights import PackedWeights
from alexnet_cy.engine.plan.plan import HEAD_BLOCK, TRUNK_BLOCK
from alexnet_cy.engine.plan.planning import make_plan
from alexnet_cy.engine.run.executor import Executor
from alexnet_cy.engine.run.workspace import Workspace
from alexnet_cy.network import feature_names

NAMES = ["caffe", "torchvision", "plain"]


@pytest.fixture(scope="module", params=NAMES)
def network(request):
    variant = narrow(request.param)
    return variant, PackedWeights(variant, tensors(random_weights(variant)))


@pytest.fixture
def executor(network):
    """For a small image, and all values up to the last one that it can have."""
    variant, packed = network
    names = [name for name in feature_names(variant) if not name.startswith(("fc", "prob", "avg"))]
    return Executor(make_plan(variant, 91, 75, names), packed)


@pytest.fixture(scope="module")
def small():
    return images(narrow(), 2 * TRUNK_BLOCK + 3)[:, :, :91, :75].copy()


def assert_same(results, expected):
    assert results.keys() == expected.keys()
    for name, value in results.items():
        assert_same_bits(value, expected[name])


def test_nothing_is_read_that_was_not_written(executor, small):
    """An idle workspace full of NaN, padding included, changes no bit."""
    expected = executor.run(small[:2], 1)
    [workspace] = executor.idle
    assert workspace.block == 2
    workspace._arena[:] = np.nan
    assert_same(executor.run(small[:2], 1), expected)
    assert executor.idle == [workspace]


def test_blocks_do_not_disturb_one_another(executor, small):
    together = executor.run(small, 2)
    for image in (0, TRUNK_BLOCK - 1, TRUNK_BLOCK, 2 * TRUNK_BLOCK, len(small) - 1):
        alone = executor.run(small[image : image + 1], 1)
        assert_same(alone, {name: value[[image]] for name, value in together.items()})


def test_a_workspace_of_another_size_is_not_reused(executor, small):
    for count in (3, 1, 3):
        executor.run(small[:count], 1)
    assert [workspace.block for workspace in executor.idle] == [1, 3]


def test_no_images(executor, small):
    results = executor.run(small[:0], 2)
    for step in executor.plan.steps:
        for name in step.features:
            assert results[name].shape == (0, *step.output_shape)


def test_every_step_of_every_block_is_timed(executor, small):
    spent = []
    executor.run(small[: TRUNK_BLOCK + 1], 1, lambda name, seconds: spent.append((name, seconds)))
    names = [step.name for step in executor.plan.steps]
    assert [name for name, _ in spent] == 2 * names
    assert all(seconds >= 0 for _, seconds in spent)


@pytest.mark.slow
def test_a_batch_of_more_than_one_block_of_the_head():
    """The fully connected layers take 64 images at a time, each with the result it has alone."""
    variant = narrow("torchvision")
    executor = Executor(
        make_plan(variant, 63, 63, ["fc6", "prob"]),
        PackedWeights(variant, tensors(random_weights(variant))),
    )
    x = images(variant, HEAD_BLOCK + TRUNK_BLOCK + 1)[:, :, :63, :63].copy()
    together = executor.run(x, 2)
    for image in range(len(x)):
        alone = executor.run(x[image : image + 1], 1)
        assert_same(alone, {name: value[[image]] for name, value in together.items()})


def test_nothing_is_left_to_pack_after_the_warm_up(small):
    variant = narrow()
    refs = {name: RowFile(array).tensor() for name, array in random_weights(variant).items()}
    packed = PackedWeights(variant, refs)
    executor = Executor(make_plan(variant, 91, 75, ["conv5"], algorithm="winograd"), packed)
    executor.run(small[:1], 1)
    assert packed.packed_bytes == 0
    executor.warm_up(small[:1], 1)
    settled = packed.packed_bytes
    assert settled > 0
    executor.run(small[:1], 1)
    assert packed.packed_bytes == settled


@pytest.mark.parametrize("names", [["prob"], ["conv1", "pool2", "fc7", "prob"], ["pool5"]])
def test_stretches_end_where_something_is_handed_out(network, names):
    variant, packed = network
    plan = make_plan(variant, variant.input_size, variant.input_size, names)
    workspace = Workspace(plan, packed, 1)
    trunk = workspace.trunk(1)
    parts = [trunk.steps, *([workspace.head(trunk, 1).steps] if plan.head else [])]
    for part in parts:
        assert sum((s.kernels for s in part.stretches), ()) == sum(
            (s.kernels for s in part.single), ()
        )
        ends = [stretch.last for stretch in part.stretches]
        assert ends[-1] is part.single[-1].last
        assert all(end.step.features for end in ends[:-1])
        inner = [s.last for s in part.single if s.last not in ends]
        assert not any(bound.step.features for bound in inner)
    assert [s.last.step for part in parts for s in part.single] == list(plan.steps)
