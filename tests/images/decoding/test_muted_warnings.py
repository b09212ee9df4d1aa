"""Warnings of Pillow are muted for a while, others never, whatever threads and forks do."""

from __future__ import annotations

import os
import threading
import warnings

import pytest

from alexnet_cy.images.decoding.muted_warnings import muted_pillow_warnings


def warn_as(module: str) -> None:
    warnings.warn_explicit("odd", UserWarning, f"{module}.py", 1, module=module, registry={})


def test_only_pillow_is_muted():
    with muted_pillow_warnings():
        warn_as("PIL.Image")
        with pytest.raises(UserWarning, match="odd"):
            warn_as("PILlow")
        with pytest.raises(UserWarning, match="odd"):
            warn_as("numpy")
    with pytest.raises(UserWarning, match="odd"):
        warn_as("PIL.Image")


def test_an_exception_restores_the_filters():
    before = list(warnings.filters)
    with pytest.raises(ZeroDivisionError), muted_pillow_warnings():
        _ = 1 / 0
    assert warnings.filters == before


def test_nesting():
    before = list(warnings.filters)
    with muted_pillow_warnings():
        with muted_pillow_warnings():
            pass
        warn_as("PIL.Image")
    assert warnings.filters == before


def test_threads_that_leave_in_the_order_they_came():
    before = list(warnings.filters)
    first_may_leave, second_may_leave = threading.Event(), threading.Event()
    first_inside, second_inside = threading.Event(), threading.Event()
    failures: list[Warning] = []

    def stay(inside: threading.Event, may_leave: threading.Event) -> None:
        with muted_pillow_warnings():
            inside.set()
            may_leave.wait(10)
            try:
                warn_as("PIL.Image")
            except UserWarning as warning:
                failures.append(warning)

    threads = [
        threading.Thread(target=stay, args=(first_inside, first_may_leave)),
        threading.Thread(target=stay, args=(second_inside, second_may_leave)),
    ]
    threads[0].start()
    first_inside.wait(10)
    threads[1].start()
    second_inside.wait(10)
    first_may_leave.set()
    threads[0].join(10)
    second_may_leave.set()
    threads[1].join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []
    assert warnings.filters == before


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_forked_meanwhile_starts_afresh():
    before = list(warnings.filters)
    inside, may_leave = threading.Event(), threading.Event()

    def stay() -> None:
        with muted_pillow_warnings():
            inside.set()
            may_leave.wait(10)

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait(10)
    child = os.fork()
    if child == 0:
        restored = warnings.filters == before
        with muted_pillow_warnings():
            muted = warnings.filters != before
        os._exit(0 if restored and muted and warnings.filters == before else 1)
    _, status = os.waitpid(child, 0)
    may_leave.set()
    thread.join(10)
    assert os.waitstatus_to_exitcode(status) == 0
    assert warnings.filters == before
