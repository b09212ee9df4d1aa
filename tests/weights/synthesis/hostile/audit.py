"""Watches what Python does while a block runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

Events = list[tuple[str, object]]

# An audit hook cannot be taken away again; this one listens while there is a list.
_heard: Events | None = None
_is_hooked = False


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if _heard is not None:
        _heard.append((event, arguments[0] if arguments else None))


@contextmanager
def watched() -> Iterator[Events]:
    """Yield a list of (audit event, its first argument) that grows until the block ends."""
    global _heard, _is_hooked
    if not _is_hooked:
        sys.addaudithook(_listen)
        _is_hooked = True
    _heard = events = []
    try:
        yield events
    finally:
        _heard = None
