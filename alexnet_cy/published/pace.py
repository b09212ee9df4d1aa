"""How long a download may take, and how slowly it may go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Protocol, TypeVar

__all__ = ["LONGEST_S", "LOWEST_BYTES_PER_S", "Pace", "TooSlow", "within"]

LONGEST_S = 6 * 3600.0
"""Longest time of all attempts at one address: 244 MB at 11 kB a second."""

LOWEST_BYTES_PER_S = 2000
"""Slowest connection that is waited for. A modem of 1990 is faster; a server that means harm sends
a byte whenever the other side would give up."""


class _Closable(Protocol):
    def close(self) -> None: ...


_Result = TypeVar("_Result", bound=_Closable)


class TooSlow(Exception):
    """The other side takes too long; the message says for what."""


class Pace:
    """Watches over the bytes of a download.

    Parameters
    ----------
    window_s : float
        In every such time there must come `LOWEST_BYTES_PER_S` a second on average.
    longest_s : float
        Time for all of it.
    """

    def __init__(self, window_s: float, longest_s: float = LONGEST_S) -> None:
        self._window_s = window_s
        self._longest_s = longest_s
        self._began_s = monotonic()
        self.start()

    def start(self) -> None:
        """Begin a window: before the first byte of a connection."""
        self._window_began_s, self._window_bytes = monotonic(), 0

    def note(self, count: int) -> None:
        """Take note of bytes that have come; `TooSlow` if they took too long."""
        now_s = monotonic()
        self._window_bytes += count
        if now_s - self._began_s > self._longest_s:
            raise TooSlow(f"not complete after {self._longest_s / 3600:.3g} hours")
        if now_s - self._window_began_s >= self._window_s:
            if self._window_bytes < LOWEST_BYTES_PER_S * self._window_s:
                raise TooSlow(
                    f"the server sends too slowly: {self._window_bytes} bytes in "
                    f"{now_s - self._window_began_s:.0f} s"
                )
            self.start()


def within(seconds: float, call: Callable[[], _Result]) -> _Result:
    """Return what a call returns, or raise what it raises; `TooSlow` if it takes longer.

    It runs on a thread, which is left to itself then and does not keep the process from ending: a
    server that sends the head of its answer byte by byte can be left in no other way. What it
    returns too late is closed.
    """
    results: list[_Result] = []
    errors: list[BaseException] = []
    given_up = threading.Event()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # raised by whoever waits
            errors.append(error)
            return
        results.append(result)
        if given_up.is_set():
            result.close()

    thread = threading.Thread(target=run, name="alexnet_cy-download", daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    finally:  # by an interrupt too
        given_up.set()
    if errors:
        raise errors[0]
    if thread.is_alive():
        raise TooSlow("the server does not answer in time")
    return results[0]
