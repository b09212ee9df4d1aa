"""The schedule of the peers: in rounds, each peer once a round, each round in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from time import perf_counter, sleep

from peers.interface import NetworkFolder
from peers.registry import Peer

from side_by_side.processes import ContenderProcess, Gap, Place
from side_by_side.results import Comparison, Speed, Start, threads_text

__all__ = ["Effort", "measure_speeds", "measure_starts", "prepare"]

ShowProgress = Callable[[str], None]

# Seconds before somebody's turn, in which the threads of whoever ran before stop waiting for work.
REST_S = 0.3

# Passes in a process whose memory is measured.
PASSES_FOR_MEMORY = 5


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    rounds : int
        Turns of every contender at every batch.
    starts : int
        Processes of every contender that are started for the time to first result.
    burst_s : float
        Seconds of passes in a turn, at least.
    burst_passes : int
        Passes in a turn, at least.
    """

    rounds: int
    starts: int
    burst_s: float
    burst_passes: int


def prepare(
    comparison: Comparison,
    peers: Iterable[Peer],
    folder: NetworkFolder,
    place: Place,
    show_progress: ShowProgress,
) -> list[Peer]:
    """Convert the network for everybody; return those who are there, note the others' gaps."""
    ready = []
    for peer in peers:
        show_progress(f"{peer.title} prepares")
        try:
            with ContenderProcess(peer, folder, place) as process:
                comparison.versions[peer.name] = process.ask(do="prepare")["version"]
        except Gap as gap:
            comparison.gaps[peer.name] = str(gap)
        else:
            ready.append(peer)
    return ready


def measure_starts(
    comparison: Comparison,
    peers: Sequence[Peer],
    folder: NetworkFolder,
    place: Place,
    effort: Effort,
    show_progress: ShowProgress,
) -> None:
    """Start fresh processes in rounds; time their first results, then see their memory.

    The first round does not count: it fills the system's cache with programs and weights.
    """
    rounds: dict[str, list[tuple[float, int, int]]] = {peer.name: [] for peer in peers}
    failed: set[str] = set()
    for number in range(effort.starts + 1):
        for peer in rotated(peers, number):
            if peer.name in failed:
                continue
            show_progress(f"{threads_text(place.threads)}: {peer.title} starts")
            sleep(REST_S)
            try:
                measured = _start(peer, folder, place)
            except Gap as gap:
                comparison.gaps[f"{peer.name}, start, {threads_text(place.threads)}"] = str(gap)
                failed.add(peer.name)
                continue
            if number > 0:
                rounds[peer.name].append(measured)
    comparison.starts += [
        Start(place.threads, peer.name, *zip(*rounds[peer.name], strict=True))
        for peer in peers
        if peer.name not in failed
    ]


def _start(peer: Peer, folder: NetworkFolder, place: Place) -> tuple[float, int, int]:
    """Return the seconds to a first result, the peak of memory then, and after a few more."""
    started = perf_counter()
    with ContenderProcess(peer, folder, place) as process:
        process.ask(do="load", batch=1)
        first_s = perf_counter() - started
        first_peak_bytes = process.ask(do="peak")["peak_bytes"]
        process.ask(do="burst", seconds=0, passes=PASSES_FOR_MEMORY)
        return first_s, first_peak_bytes, process.ask(do="peak")["peak_bytes"]


def measure_speeds(
    comparison: Comparison,
    weights: str,
    peers: Sequence[Peer],
    batches: Iterable[int],
    folder: NetworkFolder,
    place: Place,
    effort: Effort,
    show_progress: ShowProgress,
) -> None:
    """Time everybody at every batch, all processes alive, one at work at a time."""
    with ExitStack() as stack:
        processes: dict[str, ContenderProcess] = {}
        for peer in peers:
            processes[peer.name] = stack.enter_context(ContenderProcess(peer, folder, place))
        for batch in batches:
            case = f"{weights}, {threads_text(place.threads)}, batch {batch}"
            errors = _load(comparison, processes, batch, case, show_progress)
            contenders = [peer for peer in peers if peer.name in errors]
            rounds = _run_rounds(comparison, contenders, processes, effort, case, show_progress)
            comparison.speeds += [
                Speed(
                    weights,
                    place.threads,
                    batch,
                    name,
                    tuple(median(one) for one in bursts),
                    min(min(one) for one in bursts),
                    errors[name],
                )
                for name, bursts in rounds.items()
            ]


def _load(
    comparison: Comparison,
    processes: Mapping[str, ContenderProcess],
    batch: int,
    case: str,
    show_progress: ShowProgress,
) -> dict[str, float]:
    """Load everybody's network for a batch; return the errors of those that run it."""
    errors: dict[str, float] = {}
    for name, process in processes.items():
        show_progress(f"{case}: {process.peer.title} loads")
        try:
            errors[name] = process.ask(do="load", batch=batch)["error"]
        except Gap as gap:
            comparison.gaps[f"{name}, {case}"] = str(gap)
    return errors


def _run_rounds(
    comparison: Comparison,
    peers: Sequence[Peer],
    processes: Mapping[str, ContenderProcess],
    effort: Effort,
    case: str,
    show_progress: ShowProgress,
) -> dict[str, list[list[float]]]:
    """Return the passes of every round in milliseconds, for those who finish all of them."""
    rounds: dict[str, list[list[float]]] = {peer.name: [] for peer in peers}
    for number in range(effort.rounds):
        for peer in rotated(peers, number):
            if peer.name not in rounds:
                continue
            show_progress(f"{case}: {peer.title}")
            sleep(REST_S)
            try:
                answer = processes[peer.name].ask(
                    do="burst", seconds=effort.burst_s, passes=effort.burst_passes
                )
            except Gap as gap:
                comparison.gaps[f"{peer.name}, {case}"] = str(gap)
                del rounds[peer.name]
                continue
            rounds[peer.name].append(answer["times_ms"])
    return rounds


def rotated(peers: Sequence[Peer], number: int) -> list[Peer]:
    """Return the peers beginning with another one each round, every second round backwards."""
    start = number % len(peers) if peers else 0
    order = [*peers[start:], *peers[:start]]
    return order[::-1] if number % 2 else order
