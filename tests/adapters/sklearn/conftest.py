"""A weight file, and images of two kinds, for scikit-learn's estimators."""

import os

import numpy as np
import pytest
from PIL import Image
from support.sparse_weights import write_sparse


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    return str(write_sparse(tmp_path_factory.mktemp("weights") / "sparse.safetensors"))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """Paths of eight images and their labels: coarse chequers and fine ones."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    paths, labels = [], []
    for i in range(8):
        side = 40 if i % 2 else 5
        cells = rng.integers(0, 256, (240 // side, 280 // side, 3), np.uint8)
        path = folder / f"{i}.png"
        Image.fromarray(cells.repeat(side, 0).repeat(side, 1)).save(path)
        paths.append(os.fspath(path))
        labels.append(i % 2)
    return paths, labels
