"""The weight files: `open_network` opens one of any supported format.

The call path: `loader.open_network` opens the file once (`files`), `detect` tells its format, that
format's module reads its structure into a `NetworkFile` of canonical names and layouts
(`key_names`, `layouts`), `network.matching` compares every shape with the variant's. A tensor is
read when its `TensorRef` is asked, straight into the array that is returned.

The names below are imported when they are first used: a network of random weights or of arrays
needs no readers, and `import alexnet_cy` is to cost little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.weights.files import WeightsFile, open_file
    from alexnet_cy.weights.loader import LoadedNetwork, open_network, read_file
    from alexnet_cy.weights.network_file import NetworkFile

__all__ = [
    "LoadedNetwork",
    "NetworkFile",
    "TensorRef",
    "WeightsFile",
    "open_file",
    "open_network",
    "read_file",
]

_HOMES = {
    "LoadedNetwork": "alexnet_cy.weights.loader",
    "NetworkFile": "alexnet_cy.weights.network_file",
    "TensorRef": "alexnet_cy.contracts.tensors",
    "WeightsFile": "alexnet_cy.weights.files",
    "open_file": "alexnet_cy.weights.files",
    "open_network": "alexnet_cy.weights.loader",
    "read_file": "alexnet_cy.weights.loader",
}


def __getattr__(name: str) -> object:
    """Import the module that a name lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
