"""What comes of a file: a network, or a WeightsError; anything else is a fault."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from synthesis.hostile.audit import watched

from alexnet_cy.errors import AmbiguousVariantWarning, WeightsError
from alexnet_cy.weights import open_network

if TYPE_CHECKING:
    from pathlib import Path

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.network.variants import Variant
    from alexnet_cy.weights.network_file import NetworkFile

ROWS_AT_A_TIME = 3
MAX_MESSAGE_CHARACTERS = 5000

Reader: TypeAlias = "Callable[[Path], NetworkFile]"
Corpus: TypeAlias = Mapping[str, tuple[bytes, str]]
"""The bytes of each hostile file, and what the error says of it."""


def read_all(path: Path, variant: Variant | None) -> dict[str, np.ndarray] | None:
    """Open a file and read all of its tensors, and those by rows as well that can be.

    Without a variant the file may be of several, and that warning does not count.

    Returns
    -------
    dict of str to ndarray, or None
        The tensors, each of the shape that the variant needs; None if a WeightsError says why
        not. Every other exception is passed on, and warnings are exceptions.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # A damaged name may make a file contradict the variant that is asked for.
            warnings.filterwarnings("ignore", message=".* is of variant ", category=UserWarning)
            if variant is None:
                warnings.simplefilter("ignore", AmbiguousVariantWarning)
                warnings.filterwarnings("ignore", message=".*images are prepared as for")
            network = open_network(path, variant)
            tensors = {name: tensor.read() for name, tensor in network.tensors.items()}
    except WeightsError as error:
        if not str(error):
            raise AssertionError("a WeightsError without a message") from error
        return None
    for name, shape in network.variant.parameter_shapes().items():
        if tensors[name].shape != shape or tensors[name].dtype != np.float32:
            got = f"{tensors[name].dtype} {tensors[name].shape}"
            raise AssertionError(f"{name}: {got} instead of {shape}")
        rows = read_by_rows(network.tensors[name])
        if rows is not None and rows.tobytes() != tensors[name].tobytes():
            raise AssertionError(f"{name}: its rows are not those of the whole")
    return tensors


def read_tensors(read: Reader, path: Path) -> None:
    """Read a file and all of its tensors, whatever network they make."""
    for tensor in read(path).tensors.values():
        tensor.read()


def refuse(read: Reader, path: Path, data: bytes, message: str) -> str:
    """Check that a file of these bytes is refused, and with which message; return that."""
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=message) as caught:
        read_tensors(read, path)
    assert len(str(caught.value)) < MAX_MESSAGE_CHARACTERS
    return str(caught.value)


def check_that_nothing_is_opened(read: Reader, path: Path, corpus: Corpus) -> None:
    """Check that readers open the hostile file alone, and make no other call that is audited."""
    # The first round, of the small files, imports what the library itself needs, such as text
    # encodings.
    for is_second in (False, True):
        for attack, (data, _) in corpus.items():
            if not is_second and len(data) > 10_000:
                continue
            path.write_bytes(data)
            with watched() as events, suppress(WeightsError):
                read_tensors(read, path)
            if is_second:
                assert set(events) == {("open", str(path))}, attack


def read_by_rows(tensor: TensorRef) -> np.ndarray | None:
    """Read a tensor some rows at a time, the last ones first; None if it cannot be."""
    if not tensor.reads_rows:
        return None
    array = np.full(tensor.shape, np.nan, np.float32)
    for first in reversed(range(0, len(array), ROWS_AT_A_TIME)):
        rows = array[first : first + ROWS_AT_A_TIME]
        tensor.read_rows(first, rows)
        tensor.check_rows(first, rows)
    return array
