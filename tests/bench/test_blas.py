"""NumPy's BLAS is held to a number of threads, and where it is not, that is said."""

import sys

import numpy as np
import pytest

from alexnet_cy.bench.blas import blas_name, blas_threads, blas_threads_source


def blas_thread_counts():
    info = pytest.importorskip("threadpoolctl").threadpool_info()
    return {library["num_threads"] for library in info if library["user_api"] == "blas"}


def test_threads_are_held_inside_and_given_back():
    before = blas_thread_counts()
    if not before:
        pytest.skip("NumPy's BLAS here is none that threadpoolctl knows")
    with blas_threads(1):
        np.ones((4, 4), np.float32) @ np.ones((4, 4), np.float32)
        assert blas_thread_counts() == {1}
    assert blas_thread_counts() == before
    assert blas_threads_source().startswith("threadpoolctl ")
    assert "unknown" not in blas_name()


def test_without_threadpoolctl(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    with blas_threads(1):
        pass
    assert "OPENBLAS_NUM_THREADS=3" in blas_threads_source()
    assert "threadpoolctl is not installed" in blas_name()
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert "all processors" in blas_threads_source()
