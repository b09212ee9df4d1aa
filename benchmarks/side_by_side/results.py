"""The results of the peers, and the ratios between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

__all__ = ["Comparison", "Speed", "Start", "threads_text", "weights_text"]


@dataclass(frozen=True)
class Speed:
    """One contender at one batch.

    Attributes
    ----------
    weights, threads, batch, peer
        What ran.
    rounds_ms : tuple of float
        The median pass of every round, in milliseconds for the whole batch.
    min_ms : float
        The fastest pass.
    error : float
        The largest difference between its probabilities and the oracle's, over the largest of them.
    """

    weights: str
    threads: int
    batch: int
    peer: str
    rounds_ms: tuple[float, ...]
    min_ms: float
    error: float

    @property
    def median_ms(self) -> float:
        """The median of the rounds."""
        return median(self.rounds_ms)

    @property
    def images_per_s(self) -> float:
        """Images a second, at the median."""
        return 1000 * self.batch / self.median_ms

    def times_as_fast_as(self, other: Speed) -> float:
        """Return the median over the rounds of how many times as fast as the other this was."""
        rounds = zip(other.rounds_ms, self.rounds_ms, strict=True)
        return median(theirs / ours for theirs, ours in rounds)


@dataclass(frozen=True)
class Start:
    """One contender from the start of its process on.

    Attributes
    ----------
    threads, peer
        What ran, one image.
    first_result_s : tuple of float
        Seconds until the first probabilities, of every round.
    first_peak_bytes : tuple of int
        The most resident memory until then, of every round.
    peak_bytes : tuple of int
        The most resident memory after some more passes, of every round.
    """

    threads: int
    peer: str
    first_result_s: tuple[float, ...]
    first_peak_bytes: tuple[int, ...]
    peak_bytes: tuple[int, ...]

    @property
    def median_s(self) -> float:
        """The median of the rounds."""
        return median(self.first_result_s)

    @property
    def first_peak_mb(self) -> float:
        """The median of the peaks until the first result, in millions of bytes."""
        return median(self.first_peak_bytes) / 1e6

    @property
    def peak_mb(self) -> float:
        """The median of the peaks after some more passes, in millions of bytes."""
        return median(self.peak_bytes) / 1e6


@dataclass
class Comparison:
    """All of a run; grows while it goes on.

    Attributes
    ----------
    conditions : dict
        JSON-ready.
    densities : dict of str to list
        For each kind of weights, what shares of the fully connected layers' inputs are not zero.
    titles : dict of str to str
        How tables call the contenders, by name, in their order.
    versions : dict of str to str
        Of the contenders that are installed.
    gaps : dict of str to str
        Why a contender, or one of its figures, is not there.
    speeds, starts : list
    training : list of dict
        A row of `bench_training.compare` with "threads" and "batch", JSON-ready.
    """

    conditions: dict[str, object]
    titles: dict[str, str]
    densities: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)
    speeds: list[Speed] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    training: list[dict[str, Any]] = field(default_factory=list)

    def speed(self, weights: str, threads: int, batch: int, peer: str) -> Speed | None:
        """Return a contender's speed, None where there is a gap."""
        key = (weights, threads, batch, peer)
        found = (s for s in self.speeds if (s.weights, s.threads, s.batch, s.peer) == key)
        return next(found, None)

    def start(self, threads: int, peer: str) -> Start | None:
        """Return a contender's start, None where there is a gap."""
        return next((s for s in self.starts if (s.threads, s.peer) == (threads, peer)), None)

    def cases(self) -> Iterable[tuple[str, int]]:
        """Return the kinds of weights and numbers of threads that there are speeds for."""
        return dict.fromkeys((speed.weights, speed.threads) for speed in self.speeds)

    def batches(self) -> list[int]:
        """Return the batches that there are speeds for."""
        return sorted({speed.batch for speed in self.speeds})

    def as_json(self, reference: str) -> dict[str, object]:
        """Return all of it as JSON-ready data; `reference` is who the others are compared with."""
        return {
            "conditions": self.conditions,
            "densities": self.densities,
            "peers": [
                {"name": name, "title": title, "version": self.versions.get(name)}
                for name, title in self.titles.items()
            ],
            "gaps": self.gaps,
            "reference": reference,
            "speeds": [self._speed_json(speed, reference) for speed in self.speeds],
            "starts": [
                asdict(start)
                | {
                    "median_s": start.median_s,
                    "first_peak_mb": start.first_peak_mb,
                    "peak_mb": start.peak_mb,
                }
                for start in self.starts
            ],
            "training": self.training,
        }

    def _speed_json(self, speed: Speed, reference: str) -> dict[str, object]:
        other = self.speed(speed.weights, speed.threads, speed.batch, reference)
        return asdict(speed) | {
            "median_ms": speed.median_ms,
            "images_per_s": speed.images_per_s,
            "times_as_fast_as_reference": None if other is None else speed.times_as_fast_as(other),
        }


def threads_text(threads: int) -> str:
    """Return "1 thread" or "2 threads"."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def weights_text(weights: str) -> str:
    """Say what a kind of weights means for the fully connected layers."""
    return {
        "dense": "all fc inputs non-zero",
        "published": "35 % of fc inputs non-zero",
    }[weights]
