"""The tables of docs/variants.md say what the code does."""

from pathlib import Path

import pytest

from alexnet_cy.network import VARIANTS, Conv, MaxPool, feature_names
from alexnet_cy.network.names import TORCHVISION_NODES

PAGE = Path(__file__).parents[2] / "docs" / "variants.md"


def tables():
    """Read the page's tables: a list of rows for each, a row being a list of its cells."""
    found, inside = [], False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            if not inside:
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        inside = line.startswith("|")
    return found


@pytest.fixture(scope="module")
def networks():
    header, _, *rows = tables()[0]
    names = [cell.strip("`") for cell in header[1:]]
    assert names == list(VARIANTS)
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=lambda v: v.name)
def test_the_table_of_networks(networks, variant):
    steps = {step.layer.name: step for step in variant.shapes()}
    conv1, pool1 = variant.layer("conv1"), variant.layer("pool1")
    maps = [steps[name].output_shape[1] for name in ("conv1", "conv2", "conv3", "pool5")]
    last_size = variant.max_input_size
    sizes = f"{variant.min_input_size} " + ("and up" if last_size is None else f"to {last_size}")
    expected = {
        "input, pixels": str(variant.input_size),
        "square inputs that work": sizes,
        "smallest input up to conv5": str(variant.smallest_input("conv5")),
        "smallest input up to pool5": str(variant.smallest_input("pool5")),
        "maps: conv1, conv2, conv3 to 5, pool5": ", ".join(map(str, maps)),
        "parameters": f"{variant.parameter_count:,}",
        "multiply-accumulates per image": f"{sum(step.macs for step in steps.values()):,}",
        "preset, channels": f"`{variant.preset}`, {variant.channel_order}",
        "groups in conv2, conv4, conv5": str(variant.layer("conv2").groups),
    }
    assert {row: networks[row][variant.name] for row in expected} == expected
    assert isinstance(conv1, Conv)
    assert isinstance(pool1, MaxPool)
    assert networks["pooling, 3x3 at a distance of 2"][variant.name].startswith(
        ("ceil", "as") if pool1.ceil_mode else "floor"
    )
    borders = {
        ((0, 0), (0, 0)): "none",
        ((2, 2), (2, 2)): "2 on every side",
        ((0, 3), (0, 3)): "3 below and right",
        ((4, 4), (4, 4)): "4 on every side",
    }
    assert networks["padding of conv1"][variant.name] == borders[conv1.padding]


def test_the_table_of_names():
    _, _, *rows = tables()[1]
    names = [row[0].split("`")[1] for row in rows]
    nodes = {row[0].split("`")[1]: row[2].strip("`") for row in rows}
    assert {node: name for name, node in nodes.items() if node} == TORCHVISION_NODES
    for column, variant in ((3, VARIANTS["caffe"]), (4, VARIANTS["torchvision"])):
        shapes = {
            step.layer.name: "x".join(map(str, step.output_shape)) for step in variant.shapes()
        }
        assert [n for n, row in zip(names, rows, strict=True) if row[column]] == [
            name for name in names if name in feature_names(variant)
        ]
        for name, row in zip(names, rows, strict=True):
            if row[column]:
                assert row[column].split(" ")[0] == shapes[name.removesuffix("_pre")]
