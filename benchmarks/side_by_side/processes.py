"""The parent's side of a contender's process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, TextIO

from peers.interface import NetworkFolder
from peers.registry import Peer

__all__ = ["ContenderProcess", "Gap", "Place"]

WORKER = Path(__file__).parents[1] / "peer_worker.py"

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Gap(Exception):
    """A contender has no figure here; the message says why."""


@dataclass(frozen=True)
class Place:
    """Where contenders run.

    Attributes
    ----------
    threads : int
    processors : tuple of int
        As many as there are threads: nobody's helpers get one of their own.
    pythons : mapping of str to str
        The interpreter of a framework, where it is another one than `python`.
    python : str
        The interpreter of all others.
    log : TextIO
        A file that takes what the frameworks print.
    timeout_s : float
        For one answer; a contender that takes longer is ended.
    """

    threads: int
    processors: tuple[int, ...]
    pythons: Mapping[str, str]
    python: str
    log: TextIO
    timeout_s: float


class ContenderProcess:
    """A contender's process, from the start of the interpreter to its end; a context manager."""

    def __init__(self, peer: Peer, folder: NetworkFolder, place: Place) -> None:
        self.peer, self.place = peer, place
        environment = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(place.threads))
        environment.pop("ALEXNET_CY_ISA", None)
        if peer.isa is not None:
            environment["ALEXNET_CY_ISA"] = peer.isa
        python = place.pythons.get(peer.framework, place.python)
        command: Sequence[str | Path] = [
            python, WORKER, peer.name, folder.path, folder.variant,
            f"--threads={place.threads}", "--processors", ",".join(map(str, place.processors)),
        ]  # fmt: skip
        try:
            # A session of its own: Ctrl-C reaches the parent alone, who ends the others.
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=place.log,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            raise Gap(f"cannot start {python}: {error.strerror}") from error

    def ask(self, **command: object) -> dict[str, Any]:
        """Send a command and return the answer.

        Raises
        ------
        Gap
            The contender cannot do it, or its process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = Timer(self.place.timeout_s, self._process.kill)
        timer.start()
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timed_out = not timer.is_alive()
            timer.cancel()
        if not line:
            status = self._process.wait()
            if timed_out:
                raise Gap(f"no answer in {self.place.timeout_s:.0f} s")
            raise Gap(f"its process ended with status {status}")
        answer: dict[str, Any] = json.loads(line)
        if "unavailable" in answer:
            raise Gap(answer["unavailable"])
        return answer

    def __enter__(self) -> ContenderProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
