"""The limits of the machine that the layers' speeds are held against."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet_cy.kernels import _limits, _runtime

__all__ = ["Limits", "higher", "measure_limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that some threads do together.

    Attributes
    ----------
    fma_gflops : float
        Multiply-adds on registers, two operations each, in GFLOP/s.
    read_gbytes_per_s : float
        Reading memory that no cache holds, in GB/s.
    """

    fma_gflops: float
    read_gbytes_per_s: float

    def arithmetic_ms(self, macs: int) -> float:
        """Return the least time for so many multiply-accumulates, in milliseconds."""
        return 2e-6 * macs / self.fma_gflops

    def memory_ms(self, nbytes: int) -> float:
        """Return the least time for reading so many bytes from memory, in milliseconds."""
        return 1e-6 * nbytes / self.read_gbytes_per_s


def measure_limits(level: str, threads: int) -> Limits:
    """Measure both limits with the kernels of a level; takes about half a second.

    Parameters
    ----------
    level : str
        An instruction-set level that runs here.
    threads : int
    """
    kernels = _runtime.kernels_of(level)
    return Limits(_limits.fma_gflops(kernels, threads), _limits.read_gbytes_per_s(kernels, threads))


def higher(one: Limits, other: Limits) -> Limits:
    """Return the higher of two measurements of each limit: a limit is what was ever reached."""
    return Limits(
        max(one.fma_gflops, other.fma_gflops),
        max(one.read_gbytes_per_s, other.read_gbytes_per_s),
    )
