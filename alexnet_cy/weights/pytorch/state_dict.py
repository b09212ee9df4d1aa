"""The dict of tensors in what a training script saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.naming.modules import KINDS, split_name
from alexnet_cy.weights.pickles.inert import Foreign
from alexnet_cy.weights.pytorch.modules import is_module, tensors_of
from alexnet_cy.weights.pytorch.stored import StoredTensor

__all__ = ["StateDict", "find_state_dict"]

# Where checkpoints of training scripts keep it; pytorch/examples, imagenet: the first.
_STATE_DICT_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network")
_MAX_WRAPPERS = 3

# A trunk without biases has five; fewer are an optimiser's, or a loss's.
_MIN_TENSORS = 5


class StateDict(NamedTuple):
    """What a checkpoint holds of a network.

    Attributes
    ----------
    tensors : dict of str to StoredTensor
    metadata : dict of str to str
        "arch", where the checkpoint tells it; "key", where the dict stood under an unusual one;
        "model", the class of a whole pickled model.
    module : Foreign or None
        The whole model, if it is one.
    """

    tensors: dict[str, StoredTensor]
    metadata: dict[str, str]
    module: Foreign | None


def find_state_dict(path: str, root: object) -> StateDict:
    """Unwrap the saved object down to the dict of tensors.

    It is the object itself, or what stands under one of the usual keys, or else the only dict of at
    least five tensors that stands in the object. A whole model counts as the dict of its tensors.

    Parameters
    ----------
    path : str
        What errors call the file.
    root : object
        What was saved.

    Raises
    ------
    WeightsError
        There is no such dict, or there are several, or a weight in it is no plain tensor.
    """
    metadata: dict[str, str] = {}
    for _ in range(_MAX_WRAPPERS):
        if isinstance(root, Foreign) and is_module(root):
            break
        if not isinstance(root, dict):
            break
        architecture = root.get("arch")
        if isinstance(architecture, str):
            metadata["arch"] = architecture
        inner = next((root[k] for k in _STATE_DICT_KEYS if _may_be_network(root.get(k))), None)
        if inner is None and _count(root) < _MIN_TENSORS:
            inner = _under_any_key(path, root, metadata)
        if inner is None:
            break
        root = inner
    module = root if isinstance(root, Foreign) and is_module(root) else None
    if module is not None:
        metadata["model"] = module.class_name[:80]
        tensors = _plain_tensors(path, tensors_of(path, module))
    else:
        tensors = _plain_tensors(path, root) if isinstance(root, dict) else {}
    if tensors:
        return StateDict(tensors, metadata, module)
    kind = "a dict without tensors" if isinstance(root, dict) else f"a {type(root).__name__}"
    if isinstance(root, Foreign):
        kind = f"an object of class {root.class_name[:80]}"
    keys = ", ".join(_STATE_DICT_KEYS)
    raise WeightsError(
        f"{path!r}: no state dict: expected a dict of tensors, or one under one of the keys "
        f"{keys}; found {kind}"
    )


def _may_be_network(value: object) -> bool:
    return isinstance(value, dict) or is_module(value)


def _under_any_key(path: str, root: dict[object, object], metadata: dict[str, str]) -> object:
    """Return the one value of a dict that holds a network; None if there is none."""
    found = {}
    for key, value in root.items():
        is_network = is_module(value) or (isinstance(value, dict) and _count(value) >= _MIN_TENSORS)
        if isinstance(key, str) and is_network:
            found[key[:80]] = value
    if len(found) > 1:
        raise WeightsError(
            f"{path!r}: several dicts of tensors, under the keys {', '.join(map(repr, found))}; "
            "save one of them alone, or call it 'state_dict'"
        )
    for key, value in found.items():
        metadata["key"] = key
        return value
    return None


def _count(values: dict[object, object]) -> int:
    return sum(isinstance(value, StoredTensor) for value in values.values())


def _plain_tensors(path: str, values: Mapping[Any, object]) -> dict[str, StoredTensor]:
    """Return the tensors of a dict.

    Raises
    ------
    WeightsError
        A weight among them is something else: to leave it out would make another network.
    """
    tensors = {}
    for name, value in values.items():
        if not isinstance(name, str):
            continue
        if isinstance(value, StoredTensor):
            tensors[name] = value
        elif isinstance(value, Foreign) and split_name(name)[1] in KINDS:
            raise WeightsError(
                f"{path!r}: {name[:80]!r} is {_kind(value)}; weights are plain tensors of "
                "floating-point numbers"
            )
    return tensors


def _kind(value: Foreign) -> str:
    """Say what stands in the place of a tensor."""
    name = value.class_name[:80]
    if "sparse" in name:
        return f"a sparse tensor ({name}): save tensor.to_dense()"
    if "qtensor" in name or "quantized" in name:
        return f"a quantised tensor ({name}): save tensor.dequantize()"
    return f"an object of class {name}"
