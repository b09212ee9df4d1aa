"""AlexNet on the CPU, run and trained: Cython kernels, no deep-learning framework.

The path of one image through the package, each arrow a call; nothing calls upwards::

    AlexNet.classify("cat.jpg")                         model/
       |
       |--> images.prepare                              images/     decode, resize, crop
       |         -> PixelBatch: bytes, and a float for each of their values
       |--> engine.plan.planning.make_plan                 engine/     which algorithm, which memory
       |         <- network.variants                    network/    the AlexNets as data
       |         <- weights.open_network                weights/    every weight file
       '--> engine.run.executor.Executor.run            engine/     the forward loop
               |
               |--> _layout, then _bound.run_all over   src/*.pyx   tiles, prange, no GIL
               |    _conv, _winograd, _lrn, _pool, _linear, _softmax
               |         '--> kernels of one ISA level  src/kernels/*.h
               '-> probabilities, or the layers requested

`ops` has the same operations one by one, with PyTorch's argument names; `reference` has them in
plain NumPy, as the definitions that the tests compare with. docs/architecture.md says more.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alexnet_cy.errors import AlexNetError, AmbiguousVariantWarning, ImageError, WeightsError
from alexnet_cy.model import AlexNet
from alexnet_cy.network import VARIANTS
from alexnet_cy.version import __version__

if TYPE_CHECKING:
    from alexnet_cy import ops
    from alexnet_cy.configuration import config, show_config
    from alexnet_cy.perceptual import LPIPS, lpips

__all__ = [
    "LPIPS",
    "VARIANTS",
    "AlexNet",
    "AlexNetError",
    "AmbiguousVariantWarning",
    "ImageError",
    "WeightsError",
    "__version__",
    "config",
    "lpips",
    "ops",
    "show_config",
]

_ON_FIRST_USE = {
    "LPIPS": "perceptual",
    "lpips": "perceptual",
    "config": "configuration",
    "show_config": "configuration",
}
"""The module that a name is imported from when it is first used."""


def __getattr__(name: str) -> Any:
    """Import what not every program uses: the operations, LPIPS, the description of the build."""
    if name == "ops":
        return import_module("alexnet_cy.ops")
    if name in _ON_FIRST_USE:
        return getattr(import_module(f"alexnet_cy.{_ON_FIRST_USE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List what there is, and what is imported on first use."""
    return sorted({*globals(), *__all__})
