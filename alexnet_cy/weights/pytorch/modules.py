"""Whole pickled models: the modules in them, as inert objects, and their tensors.

``torch.save(model)`` pickles the object with its class. What stands for it here has the attributes
that ``torch.nn.Module`` keeps: ``_modules``, ``_parameters``, ``_buffers`` and the settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.pickles.inert import Foreign

__all__ = ["children", "is_module", "own_tensors", "settings", "tensors_of"]

MAX_MODULES = 1000
MAX_DEPTH = 16


def is_module(value: object) -> bool:
    """Tell whether a value of a file is a module with modules or parameters in it."""
    return isinstance(value, Foreign) and "_modules" in settings(value)


def settings(module: Foreign) -> Mapping[object, object]:
    """Return the attributes of a module."""
    return module.state if isinstance(module.state, dict) else {}


def children(module: Foreign) -> Iterator[tuple[str, Foreign]]:
    """Yield the modules that a module holds, by name, in the order in which they were added."""
    held = settings(module).get("_modules")
    if isinstance(held, dict):
        for name, child in held.items():
            if isinstance(name, str) and isinstance(child, Foreign):
                yield name, child


def own_tensors(module: Foreign) -> dict[str, object]:
    """Return the parameters and buffers that a module holds itself, by name."""
    found: dict[str, object] = {}
    for kind in ("_parameters", "_buffers"):
        held = settings(module).get(kind)
        if isinstance(held, dict):
            found |= {str(name): value for name, value in held.items() if value}
    return found


def tensors_of(path: str, module: Foreign) -> dict[str, object]:
    """Return what the module's ``state_dict()`` would.

    Parameters
    ----------
    path : str
        What errors call the file.
    module : Foreign
        The whole model.

    Returns
    -------
    dict of str to object
        `StoredTensor`, or what is none and stands in the place of one.

    Raises
    ------
    WeightsError
        There are too many modules, or they are nested too deep: one may hold itself.
    """
    found: dict[str, object] = {}
    waiting = [("", module)]
    for _ in range(MAX_MODULES):
        if not waiting:
            return found
        prefix, current = waiting.pop(0)
        if prefix.count(".") > MAX_DEPTH:
            break
        found |= {f"{prefix}{name}": value for name, value in own_tensors(current).items()}
        inner = [(f"{prefix}{name}.", child) for name, child in children(current)]
        waiting = inner + waiting
    raise WeightsError(
        f"{path!r}: a model of more than {MAX_MODULES} modules, or nested more than {MAX_DEPTH} "
        "deep; save its state_dict() instead"
    )
