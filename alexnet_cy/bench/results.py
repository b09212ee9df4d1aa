"""The results of a benchmark: times and ratios, ready for tables, pictures and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from alexnet_cy.bench.limits import Limits
from alexnet_cy.bench.other_load import OtherLoad

__all__ = ["LayerResult", "Report", "RunResult", "Times", "Totals"]


@dataclass(frozen=True, slots=True)
class Times:
    """Median and minimum of several runs, in milliseconds for the whole batch."""

    median_ms: float
    min_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """Summarise times in seconds."""
        return cls(1e3 * median(seconds), 1e3 * min(seconds))


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One layer of a run.

    Attributes
    ----------
    name, algorithm : str
    macs : int
        Multiply-accumulates for the whole batch, counted as direct convolution has them.
    nbytes : int
        Bytes of weights, input and output for the whole batch, each counted once.
    ours : Times
    numpy : Times or None
        NumPy's times, if they were measured.
    loops_ms : float or None
        Milliseconds in plain Python loops for the whole batch, if they were measured.
    loops_computed : float or None
        The part of the layer's output that was computed for `loops_ms`.
    limits : Limits
        Of the machine at this run's number of threads.
    """

    name: str
    algorithm: str
    macs: int
    nbytes: int
    ours: Times
    numpy: Times | None
    loops_ms: float | None
    loops_computed: float | None
    limits: Limits

    @property
    def limit_ms(self) -> float:
        """The least time that arithmetic and memory allow, in milliseconds."""
        return max(self.limits.arithmetic_ms(self.macs), self.limits.memory_ms(self.nbytes))

    @property
    def bound_by(self) -> str:
        """Name the limit that `limit_ms` is from: "arithmetic" or "memory"."""
        arithmetic_ms = self.limits.arithmetic_ms(self.macs)
        return "arithmetic" if arithmetic_ms >= self.limits.memory_ms(self.nbytes) else "memory"

    @property
    def rate(self) -> float:
        """Speed in `rate_unit`, at the median."""
        amount = 2 * self.macs if self.bound_by == "arithmetic" else self.nbytes
        return 1e-6 * amount / self.ours.median_ms

    @property
    def rate_unit(self) -> str:
        """GFLOP/s or GB/s, as the layer is bound by arithmetic or by memory."""
        return "GFLOP/s" if self.bound_by == "arithmetic" else "GB/s"

    @property
    def limit_share(self) -> float:
        """Speed as a share of the limit, at the median; 1 is the limit."""
        return self.limit_ms / self.ours.median_ms

    @property
    def speedup(self) -> float | None:
        """The number of times as fast as NumPy, median against median."""
        return None if self.numpy is None else self.numpy.median_ms / self.ours.median_ms

    @property
    def loops_speedup(self) -> float | None:
        """The number of times as fast as plain Python loops."""
        return None if self.loops_ms is None else self.loops_ms / self.ours.median_ms

    def as_json(self) -> dict[str, object]:
        """Return all of it as JSON-ready data."""
        return {
            "name": self.name,
            "algorithm": self.algorithm,
            "macs": self.macs,
            "bytes": self.nbytes,
            "median_ms": self.ours.median_ms,
            "min_ms": self.ours.min_ms,
            "bound_by": self.bound_by,
            "rate": self.rate,
            "rate_unit": self.rate_unit,
            "limit_ms": self.limit_ms,
            "limit_share": self.limit_share,
            "numpy": None if self.numpy is None else asdict(self.numpy),
            "speedup": self.speedup,
            "loops_ms": self.loops_ms,
            "loops_computed": self.loops_computed,
            "loops_speedup": self.loops_speedup,
        }


@dataclass(frozen=True, slots=True)
class Totals:
    """Whole passes of a run, timed from outside; the attributes are those of `LayerResult`."""

    ours: Times
    numpy: Times | None
    loops_ms: float | None
    limit_ms: float

    @property
    def limit_share(self) -> float:
        """The sum of the layers' limits as a share of the time."""
        return self.limit_ms / self.ours.median_ms

    @property
    def speedup(self) -> float | None:
        """The number of times as fast as NumPy, median against median."""
        return None if self.numpy is None else self.numpy.median_ms / self.ours.median_ms

    @property
    def loops_speedup(self) -> float | None:
        """The number of times as fast as plain Python loops."""
        return None if self.loops_ms is None else self.loops_ms / self.ours.median_ms


@dataclass(frozen=True, slots=True)
class RunResult:
    """One batch size on one number of threads.

    Attributes
    ----------
    batch, threads : int
    limits : Limits
    layers : tuple of LayerResult
        In the order of the pass; conv1 includes the conversion of the images. Of a training step
        its pieces, "conv1 forward" to "conv5 update".
    total : Totals
    difference : float or None
        The largest difference between our probabilities and NumPy's, over the largest of them; in
        training the root mean square of that between the changes of a weight in the first step,
        over the largest of them, of the worst weight.
    """

    batch: int
    threads: int
    limits: Limits
    layers: tuple[LayerResult, ...]
    total: Totals
    difference: float | None

    @property
    def images_per_s(self) -> float:
        """Images a second, at the median."""
        return 1e3 * self.batch / self.total.ours.median_ms

    def as_json(self) -> dict[str, object]:
        """Return all of it as JSON-ready data."""
        total = self.total
        return {
            "batch": self.batch,
            "threads": self.threads,
            "limits": asdict(self.limits),
            "layers": [layer.as_json() for layer in self.layers],
            "total": {
                "median_ms": total.ours.median_ms,
                "min_ms": total.ours.min_ms,
                "images_per_s": self.images_per_s,
                "limit_ms": total.limit_ms,
                "limit_share": total.limit_share,
                "numpy": None if total.numpy is None else asdict(total.numpy),
                "speedup": total.speedup,
                "loops_ms": total.loops_ms,
                "loops_speedup": total.loops_speedup,
            },
            "largest_difference_from_numpy": self.difference,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All runs of a benchmark.

    Attributes
    ----------
    conditions : dict
        The conditions: what was measured, on what; JSON-ready.
    runs : tuple of RunResult
        For every number of threads, every batch.
    other_load : OtherLoad or None
        The share of the machine that others used meanwhile, where it is known.
    """

    conditions: dict[str, object]
    runs: tuple[RunResult, ...]
    other_load: OtherLoad | None = None

    def as_json(self) -> dict[str, object]:
        """Return all of it as JSON-ready data; benchmarks/README.md describes it."""
        return {
            "conditions": self.conditions,
            "other_load": None if self.other_load is None else asdict(self.other_load),
            "runs": [run.as_json() for run in self.runs],
        }
