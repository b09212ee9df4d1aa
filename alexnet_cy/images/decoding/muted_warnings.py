"""Pillow's warnings kept from the caller while a file is decoded, from any number of threads."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator

__all__ = ["muted_pillow_warnings"]


class _SharedMute:
    """One muting of the process-wide warning filters, shared by the threads that are inside.

    `warnings.catch_warnings` saves and restores the filters of the whole process, so two threads
    that leave it in the order they entered would restore the muted filters for good. Here the
    first thread in mutes and the last one out restores.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a garbage collection may decode a file inside
        self._threads_inside = 0
        self._saved_filters: warnings.catch_warnings[None] | None = None

    def enter(self) -> None:
        """Mute, unless another thread has done so already."""
        with self._lock:
            if self._threads_inside == 0:
                saved_filters = warnings.catch_warnings()
                saved_filters.__enter__()
                _ignore_pillow()
                self._saved_filters = saved_filters
            self._threads_inside += 1

    def leave(self) -> None:
        """Restore the filters, unless another thread is still inside."""
        with self._lock:
            self._threads_inside -= 1
            if self._threads_inside == 0:
                self._restore()

    def after_fork_in_child(self) -> None:
        """Start afresh: the threads that were inside do not exist in the child."""
        self._lock = threading.RLock()
        self._threads_inside = 0
        self._restore()

    def _restore(self) -> None:
        if self._saved_filters is not None:
            self._saved_filters.__exit__(None, None, None)
            self._saved_filters = None


def _ignore_pillow() -> None:
    warnings.filterwarnings("ignore", module=r"PIL\.")


_shared_mute = _SharedMute()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared_mute.after_fork_in_child)


@contextlib.contextmanager
def muted_pillow_warnings() -> Iterator[None]:
    """Ignore the warnings that Pillow's own modules raise inside the block.

    What Pillow warns of (decompression bombs, odd metadata) is checked or documented by
    `alexnet_cy.images.decode`; under ``-W error`` a warning would refuse a readable file.
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # Python >= 3.14: filters per context
        with warnings.catch_warnings():
            _ignore_pillow()
            yield
        return
    _shared_mute.enter()
    try:
        yield
    finally:
        _shared_mute.leave()
