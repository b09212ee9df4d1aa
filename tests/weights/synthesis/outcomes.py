"""What comes of a file: a network, or a WeightsError; anything else is a fault."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import open_network

if TYPE_CHECKING:
    from pathlib import Path

    from alexnet_cy.network.variants import Variant


def read_all(path: Path, variant: Variant) -> dict[str, np.ndarray] | None:
    """Open a file and read all of its tensors.

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
    return tensors
