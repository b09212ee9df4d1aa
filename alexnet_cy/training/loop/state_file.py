"""The state of a training in a file, whole or not there: weights, velocities, progress.

One file, because two can be of different steps when the process is killed between them.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.training.loop.progress import TrainingProgress

__all__ = ["State", "read_state", "write_state"]

PROGRESS_KEY = "alexnet_cy.progress"
WEIGHT, VELOCITY = "weight/", "velocity/"


class State(NamedTuple):
    """What `write_state` is given and `read_state` returns."""

    weights: dict[str, Float32Array]
    velocities: dict[str, Float32Array]
    progress: TrainingProgress


def write_state(path: str | os.PathLike[str], state: State) -> None:
    """Write a state; a file of that name stays until the new one is complete.

    Raises
    ------
    OSError
        It cannot be written: no room, no permission.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {WEIGHT + name: array for name, array in state.weights.items()}
    arrays |= {VELOCITY + name: array for name, array in state.velocities.items()}
    with replace_file(path) as temporary:
        try:
            save_file(arrays, temporary, {PROGRESS_KEY: state.progress.to_text()})
        except SafetensorError as error:
            raise OSError(f"{os.fspath(path)}: cannot be written: {error}") from error


def read_state(path: str | os.PathLike[str]) -> State:
    """Read a state.

    Raises
    ------
    WeightsError
        There is no such file, or it is no state of a training.
    """
    from safetensors import SafetensorError, safe_open

    name = os.fspath(path)
    if os.path.exists(name) and not os.path.isfile(name):  # safetensors would wait for a FIFO
        raise WeightsError(f"{name!r}: is no state of a training: it is no regular file")
    weights: dict[str, Float32Array] = {}
    velocities: dict[str, Float32Array] = {}
    try:
        with safe_open(name, "numpy") as file:
            metadata = file.metadata() or {}
            for key in file.keys():  # it is no mapping
                kind = weights if key.startswith(WEIGHT) else velocities
                kind[key.partition("/")[2]] = file.get_tensor(key)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{name!r}: is no state of a training: {error}") from error
    if PROGRESS_KEY not in metadata:
        raise WeightsError(f"{name!r}: is no state of a training: it does not say how far it is")
    return State(weights, velocities, TrainingProgress.from_text(metadata[PROGRESS_KEY], name))
