"""The BLAS of NumPy's matrix products: its name, and holding it to a number of threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["blas_name", "blas_threads", "blas_threads_source"]

THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "OMP_NUM_THREADS",
)


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """Hold NumPy's BLAS to `threads` threads inside the context, if threadpoolctl is installed."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(threads, user_api="blas"):
        yield


def blas_threads_source() -> str:
    """Say what decides the number of BLAS threads: threadpoolctl, or the environment as it is."""
    try:
        import threadpoolctl
    except ImportError:
        found = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if name in os.environ]
        return "the environment: " + (", ".join(found) or "no variable set, so all processors")
    return f"threadpoolctl {threadpoolctl.__version__}"


def blas_name() -> str:
    """Name NumPy's BLAS, its version and the processor whose kernels it uses."""
    import numpy  # loads the library that is looked for  # noqa: F401

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown (threadpoolctl is not installed)"
    names = []
    for library in threadpool_info():
        if library["user_api"] == "blas":
            parts = (library["internal_api"], library["version"], library.get("architecture"))
            names.append(" ".join(part for part in parts if part))
    return ", ".join(dict.fromkeys(names)) or "unknown"
