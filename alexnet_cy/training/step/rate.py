"""What an update does to one parameter."""

from __future__ import annotations

from alexnet_cy.contracts.records import record

__all__ = ["FORMULAS", "Rate"]

FORMULAS = ("caffe", "pytorch")


@record(frozen=True, slots=True)
class Rate:
    """Stochastic gradient descent with momentum, for one parameter.

    With the gradient g, the weight w and the velocity v, the two formulas in use are

    - "caffe", also the paper's: ``v = momentum * v + rate * (g + decay * w)``; ``w -= v``
    - "pytorch": ``v = momentum * v + (g + decay * w)``; ``w -= rate * v``

    They agree as long as the rate stays. When it drops, "caffe" still moves by old, larger steps
    for a while. A kept velocity means something else in each.

    Attributes
    ----------
    rate : float
        The learning rate.
    decay : float
        Weight decay.
    momentum : float
    formula : {"caffe", "pytorch"}

    Raises
    ------
    ValueError
        There is no such formula.
    """

    rate: float
    decay: float = 0.0
    momentum: float = 0.0
    formula: str = "caffe"

    def __post_init__(self) -> None:
        """Check the formula."""
        if self.formula not in FORMULAS:
            raise ValueError(f"formula: need one of {', '.join(FORMULAS)}, got {self.formula!r}")

    @property
    def rate_inside(self) -> bool:
        """Whether the velocity has the rate in it, as the kernels ask."""
        return self.formula == "caffe"
