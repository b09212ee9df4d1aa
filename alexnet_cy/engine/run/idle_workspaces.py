"""Workspaces between two passes: kept for the next one, up to a number of bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from alexnet_cy.engine.run.workspace import Workspace

__all__ = ["IdleWorkspaces"]

# A processor computes one pass at a time, and the largest of AlexNet's own workspaces has 15 MB;
# so as many callers as there are processors find theirs, and one of them two sizes.
BYTES_A_PROCESSOR = 32 << 20

# Small ones have more than their bytes: the steps bound to them.
MOST = 64


class _Idle(NamedTuple):
    owner: object
    workspace: Workspace


class IdleWorkspaces:
    """Holds workspaces of any number of plans; those that were used last stay.

    Several threads may use it at once: it changes by atomic operations of a list.

    Parameters
    ----------
    most_bytes : int, optional
        Of all of them together; 32 MiB for every processor of the machine if left out. A larger
        workspace is not kept: to find its memory anew takes a fraction of its pass.
    """

    def __init__(self, most_bytes: int | None = None) -> None:
        processors = os.cpu_count() or 1
        self._most_bytes = BYTES_A_PROCESSOR * processors if most_bytes is None else most_bytes
        self._idle: list[_Idle] = []  # the oldest first

    def of(self, owner: object) -> list[Workspace]:
        """Return those of one owner, the oldest first."""
        return [idle.workspace for idle in self._idle.copy() if idle.owner is owner]

    @property
    def nbytes(self) -> int:
        """Bytes of all of them."""
        return sum(idle.workspace.nbytes for idle in self._idle.copy())

    def take(self, owner: object, block: int) -> Workspace | None:
        """Take out the owner's newest one for blocks of this size; None if there is none."""
        try:
            newest = self._idle.pop()  # mostly the one: a pass that follows another of its kind
        except IndexError:
            return None
        if newest.owner is owner and newest.workspace.block == block:
            return newest.workspace
        self._idle.append(newest)
        for idle in reversed(self._idle.copy()):
            if idle.owner is owner and idle.workspace.block == block:
                try:
                    self._idle.remove(idle)
                except ValueError:  # another thread has taken it
                    continue
                return idle.workspace
        return None

    def keep(self, owner: object, workspace: Workspace) -> None:
        """Put one in, and let the oldest go until all together are small enough."""
        self._idle.append(_Idle(owner, workspace))
        if len(self._idle) == 1 and workspace.nbytes <= self._most_bytes:
            return
        left = self.nbytes
        for idle in self._idle.copy():
            if left <= self._most_bytes and len(self._idle) <= MOST:
                return
            try:
                self._idle.remove(idle)
            except ValueError:
                continue
            left -= idle.workspace.nbytes
