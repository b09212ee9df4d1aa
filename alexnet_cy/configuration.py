"""The build and the machine, described for people and for bug reports."""

from __future__ import annotations

import os
import platform
import sys

from alexnet_cy.engine.choice.conv_algorithms import CONV_VARIABLE, algorithm_names
from alexnet_cy.kernels import _runtime
from alexnet_cy.machine.cpu_quota import cpu_quota
from alexnet_cy.machine.levels import ISA_VARIABLE, active_level
from alexnet_cy.machine.processor import processor_name
from alexnet_cy.machine.threads import available_processors, default_threads
from alexnet_cy.version import __version__

__all__ = ["config", "show_config"]


def config() -> dict[str, object]:
    """Describe the build and the machine.

    Returns
    -------
    dict
        JSON-ready: versions, compiler, OpenMP (None in a build without it), instruction-set levels
        compiled, runnable and active, the register tile (rows x columns) of the active one,
        threads and what limits them, convolution algorithms, huge pages, variables in force.

    Raises
    ------
    ValueError
        ALEXNET_CY_ISA names a level that does not run here.
    """
    import numpy as np

    level = active_level()
    lanes, tile_rows, panel_width = _runtime.tile_of(_runtime.kernels_of(level))
    return {
        "alexnet_cy": __version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": processor_name(),
        "compiler": _runtime.compiler(),
        "openmp": _runtime.openmp_version() or None,
        "isa_compiled": list(_runtime.compiled_levels()),
        "isa_runnable": list(_runtime.runnable_levels()),
        "isa_active": level,
        "vector_floats": lanes,
        "register_tile": f"{tile_rows} x {panel_width}",
        "threads_default": default_threads(),
        "processors_available": available_processors(),
        "cpu_quota": cpu_quota(),
        "conv_algorithms": list(algorithm_names()),
        "huge_pages": _huge_pages(),
        "environment": {
            name: os.environ[name]
            for name in (ISA_VARIABLE, CONV_VARIABLE, "OMP_NUM_THREADS", "OMP_WAIT_POLICY")
            if name in os.environ
        },
    }


def show_config() -> None:
    """Print `config()`, a line for each entry."""
    entries = config()
    width = max(map(len, entries))
    for name, value in entries.items():
        if isinstance(value, list):
            text = ", ".join(map(str, value))
        elif isinstance(value, dict):
            text = ", ".join(f"{key}={item}" for key, item in value.items()) or "none"
        else:
            text = "none" if value is None else str(value)
        print(f"{name:<{width}}  {text}")


def _huge_pages() -> str:
    """Return the kernel's setting for transparent huge pages: always, madvise, never or unknown."""
    try:
        with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as file:
            setting = file.read()
    except OSError:
        return "unknown"
    return setting.partition("[")[2].partition("]")[0] or "unknown"
