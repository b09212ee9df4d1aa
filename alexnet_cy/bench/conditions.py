"""The conditions of a benchmark: without them its figures say nothing."""

from __future__ import annotations

from alexnet_cy.bench.blas import blas_name, blas_threads_source
from alexnet_cy.bench.settings import Settings
from alexnet_cy.configuration import config
from alexnet_cy.kernels import _runtime

__all__ = ["conditions_of"]

TAKEN_FROM_CONFIG = (
    "alexnet_cy",
    "python",
    "numpy",
    "platform",
    "processor",
    "processors_available",
    "compiler",
    "openmp",
    "huge_pages",
    "environment",
)

_TRAINING = "forward, loss, backward, SGD with momentum; nothing is dropped"


def conditions_of(settings: Settings) -> dict[str, object]:
    """Describe the machine, the software and the work, JSON-ready.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict
        Entries of `alexnet_cy.config()`; the instruction-set level that is measured; the network,
        its input and how often it runs; the BLAS that NumPy multiplies matrices with.
    """
    everything = config()
    lanes, tile_rows, panel_width = _runtime.tile_of(_runtime.kernels_of(settings.level))
    variant = settings.variant
    return {name: everything[name] for name in TAKEN_FROM_CONFIG} | {
        "isa": settings.level,
        "vector_floats": lanes,
        "register_tile": f"{tile_rows} x {panel_width}",
        "training": _TRAINING if settings.training else None,
        "variant": variant.name,
        "classes": variant.num_classes,
        "input_size": variant.input_size,
        "weights": "He-normal, seed 0",
        "input": "standard normal noise, seed 0",
        "algorithm": "tuned" if settings.tuned else settings.algorithm,
        "repeats": settings.repeats,
        "blas": blas_name(),
        "blas_threads_by": blas_threads_source(),
    }
