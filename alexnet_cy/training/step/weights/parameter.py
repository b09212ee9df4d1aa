"""A weight or bias that learns: its numbers, its velocity, its gradient."""

from __future__ import annotations

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.kernels.training._update import sgd
from alexnet_cy.training.step.rate import Rate
from alexnet_cy.training.step.weights.layouts import Layout, zeros_like

__all__ = ["Parameter"]


class Parameter:
    """One parameter in packed memory; velocity and gradient are made when they are first used.

    Parameters
    ----------
    name : str
        "conv1.weight".
    shape : tuple of int
        The public one.
    values : float32 array
        Flat: the memory that the kernels read.
    layout : Layout
    kernels : capsule
        The instruction-set level.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        values: Float32Array,
        layout: Layout,
        kernels: object,
    ) -> None:
        self.name = name
        self.shape = shape
        self.values = values
        self._layout = layout
        self._kernels = kernels
        self._velocity: Float32Array | None = None
        self._gradient: Float32Array | None = None

    @property
    def velocity(self) -> Float32Array:
        """What momentum keeps, zeros at first; flat, laid out as the values."""
        if self._velocity is None:
            self._velocity = zeros_like(self.values)
        return self._velocity

    @property
    def gradient(self) -> Float32Array:
        """Flat, laid out as the values."""
        if self._gradient is None:
            self._gradient = zeros_like(self.values)
        return self._gradient

    def public(self, what: str = "values") -> Float32Array:
        """Return a copy of "values", "velocity" or "gradient" in the public layout."""
        return self._layout.public(getattr(self, what))

    def take(self, array: Float32Array, what: str = "values") -> None:
        """Set "values" or "velocity" from an array in the public layout."""
        self._layout.pack(array, getattr(self, what))

    def update(self, rate: Rate, threads: int) -> None:
        """Take a step along the gradient."""
        sgd(
            self._kernels,
            self.values,
            self.gradient,
            self.velocity,
            rate.rate,
            rate.momentum,
            rate.decay,
            rate.rate_inside,
            threads,
        )
