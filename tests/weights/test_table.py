"""The tables of docs/weights.md: every format that is read is in them, and is written and read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seeds import SEEDS, VARIANTS

import alexnet_cy.weights
from alexnet_cy.weights import open_network
from alexnet_cy.weights.detect import FORMATS
from alexnet_cy.weights.writing import WRITERS

ROWS = {
    "`.caffemodel`": "caffemodel",
    "`.npy`": "npy",
    "`.npz`": "npz",
    "`.pth`, `.pt`, `.pth.tar`": "torch",
    "pickles of NumPy arrays (`.pkl`, `.ckpt`, `.pdparams`)": "pickle",
    "MXNet `.params`": "mxnet",
    "Darknet `.weights`": "darknet",
    "HDF5 (`.h5`, `.hdf5`)": "hdf5",
    "MatConvNet `.mat`": "matconvnet",
    "`.safetensors`": "safetensors",
    "`.onnx`": "onnx",
    "Deep Compression `.net`": "deep-compression",
}
NO_NETWORK = "`.binaryproto`"
BY_LIBRARIES = {"hdf5": "h5py", "matconvnet": "scipy"}


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "weights.md").read_text(encoding="utf-8")


def rows_of(page, heading):
    """The cells of each row of the table with this heading."""
    lines = page.split(f"\n{heading}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.fixture(scope="module")
def formats(page):
    heading = "| format | what is read | what is written | variants that the file records |"
    return {cells[0]: cells[1:] for cells in rows_of(page, heading)}


def test_the_formats_are_those_that_are_told(formats):
    assert formats.keys() == {*ROWS, NO_NETWORK}
    assert set(ROWS.values()) == {known.name for known in FORMATS}


def test_what_is_written_is_said(formats):
    endings = {ending for ending, _ in WRITERS}
    for row, (_, written, _) in formats.items():
        has_writer = any(f"`{ending}`" in row for ending in endings)
        assert has_writer == (written != "–") or row == NO_NETWORK, row


@pytest.mark.parametrize("name", ROWS.values())
def test_every_kind_of_file_is_written_and_read(name, tmp_path):
    if name in BY_LIBRARIES:
        pytest.importorskip(BY_LIBRARIES[name])
    encodings = [encoding for encoding in SEEDS if encoding.startswith(f"{name}-")]
    assert encodings
    for encoding in encodings:
        network = TINY[VARIANTS[encoding][0]]
        path = SEEDS[encoding](tmp_path, network, random_tensors(network))
        opened = open_network(path, network)
        assert (opened.format, opened.variant) == (name, network)


def test_every_advice_is_given(page):
    package = Path(alexnet_cy.weights.__file__).parent
    sources = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    said = re.sub(r'"\s*\n\s*f?"', "", sources)
    rows = rows_of(page, "| file | advice in the error |")
    assert len(rows) > 12
    for file, advice in rows:
        for quoted in re.findall(r'"([^"]+)"', advice):
            for part in quoted.split(" ..."):
                assert part in said, (file, part)
