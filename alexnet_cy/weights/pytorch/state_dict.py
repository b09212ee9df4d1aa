"""The dict of tensors in what a training script saved."""

from __future__ import annotations

from typing import TypeAlias

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.pytorch.unpickler import StoredTensor

__all__ = ["find_state_dict"]

# Where checkpoints of training scripts keep it; pytorch/examples, imagenet: the first.
_STATE_DICT_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network")
_MAX_WRAPPERS = 3

# A trunk without biases has five; fewer are an optimiser's, or a loss's.
_MIN_TENSORS = 5

State: TypeAlias = dict[str, StoredTensor]


def find_state_dict(path: str, root: object) -> tuple[State, dict[str, str]]:
    """Unwrap the saved object down to the dict of tensors.

    It is the object itself, or what stands under one of the usual keys, or else the only dict of at
    least five tensors that stands in the object.

    Parameters
    ----------
    path : str
        What errors call the file.
    root : object
        What was saved.

    Returns
    -------
    tensors : dict of str to StoredTensor
    metadata : dict of str to str
        "arch", where the checkpoint tells it; "key", where the dict stood under an unusual one.

    Raises
    ------
    WeightsError
        There is no such dict, or there are several.
    """
    metadata: dict[str, str] = {}
    for _ in range(_MAX_WRAPPERS):
        if not isinstance(root, dict):
            break
        architecture = root.get("arch")
        if isinstance(architecture, str):
            metadata["arch"] = architecture
        inner = next((root[k] for k in _STATE_DICT_KEYS if isinstance(root.get(k), dict)), None)
        if inner is None:
            tensors = _tensors(root)
            if len(tensors) < _MIN_TENSORS:
                tensors = _under_any_key(path, root, metadata) or tensors
            if tensors:
                return tensors, metadata
            break
        root = inner
    kind = "dict without tensors" if isinstance(root, dict) else type(root).__name__
    keys = ", ".join(_STATE_DICT_KEYS)
    raise WeightsError(
        f"{path!r}: no state dict: expected a dict of tensors, or one under one of the keys "
        f"{keys}; found a {kind}"
    )


def _under_any_key(path: str, root: dict[object, object], metadata: dict[str, str]) -> State:
    """Return the one dict of tensors among the values of a dict; empty if there is none."""
    found = {}
    for key, value in root.items():
        tensors = _tensors(value) if isinstance(value, dict) else {}
        if isinstance(key, str) and len(tensors) >= _MIN_TENSORS:
            found[key[:80]] = tensors
    if len(found) > 1:
        raise WeightsError(
            f"{path!r}: several dicts of tensors, under the keys {', '.join(map(repr, found))}; "
            "save one of them alone, or call it 'state_dict'"
        )
    for key, tensors in found.items():
        metadata["key"] = key
        return tensors
    return {}


def _tensors(values: dict[object, object]) -> State:
    return {
        name: tensor
        for name, tensor in values.items()
        if isinstance(name, str) and isinstance(tensor, StoredTensor)
    }
