"""The settings of a benchmark: what it times."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet_cy.engine.plan.planning import make_plan
from alexnet_cy.machine.levels import active_level
from alexnet_cy.network import Variant

__all__ = [
    "DEFAULT_REPEATS",
    "DEFAULT_TRAINING_BATCH",
    "DEFAULT_TRAINING_REPEATS",
    "Settings",
    "make_settings",
]

DEFAULT_REPEATS = 20
DEFAULT_TRAINING_REPEATS = 5
DEFAULT_TRAINING_BATCH = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """One benchmark; every batch is timed with every number of threads.

    Attributes
    ----------
    variant : Variant
    batches, threads : tuple of int
        At least 1 each.
    level : str
        The instruction-set level.
    algorithm : str
        Of the convolutions.
    repeats : int
        Passes that count, of ours and of NumPy's.
    with_baseline, with_loops : bool
        Whether NumPy is timed too, and plain Python loops.
    tuned : bool
        Whether the convolutions take the algorithms that are fastest here, as `AlexNet.tune` does.
    training : bool
        Whether a training step is timed in place of a pass.
    """

    variant: Variant
    batches: tuple[int, ...]
    threads: tuple[int, ...]
    level: str
    algorithm: str = "auto"
    repeats: int = DEFAULT_REPEATS
    with_baseline: bool = True
    with_loops: bool = False
    tuned: bool = False
    training: bool = False


def make_settings(
    variant: Variant,
    batches: tuple[int, ...],
    threads: tuple[int, ...],
    *,
    level: str | None = None,
    algorithm: str = "auto",
    repeats: int = DEFAULT_REPEATS,
    with_baseline: bool = True,
    with_loops: bool = False,
    tuned: bool = False,
    training: bool = False,
) -> Settings:
    """Return settings that can be measured; the parameters are the attributes of `Settings`.

    Parameters
    ----------
    level : str, optional
        The one in force if left out.

    Raises
    ------
    ValueError
        The level, the algorithm, or the environment variable that stands for one of them is
        unknown or does not run here; the message lists what does. Or an algorithm is forced, and
        `tuned` has nothing to choose. Or `training` is given with what is only for passes.
    """
    from alexnet_cy.engine.tune.tuning import check_choice
    from alexnet_cy.kernels import _runtime

    size = variant.input_size
    make_plan(variant, size, size, (variant.layers[-1].name,), algorithm=algorithm)
    if level is None:
        level = active_level()
    _runtime.kernels_of(level)
    if tuned:
        check_choice(algorithm)
    if training:
        _check_training(level, algorithm, with_loops=with_loops, tuned=tuned)
    return Settings(
        variant,
        batches,
        threads,
        level,
        algorithm,
        repeats,
        with_baseline,
        with_loops,
        tuned,
        training,
    )


def _check_training(level: str, algorithm: str, *, with_loops: bool, tuned: bool) -> None:
    """Refuse what a training step does not have."""
    if with_loops or tuned:
        raise ValueError(
            f"{'loops' if with_loops else 'tune'}: for passes only, not for training steps"
        )
    if algorithm not in ("auto", "direct"):
        raise ValueError(
            f"algorithm: a training step takes 'auto' or 'direct', which leaves Winograd's out, "
            f"got {algorithm!r}"
        )
    if level != active_level():
        raise ValueError(
            f"level: a training step runs with the level in force, {active_level()!r}, not "
            f"{level!r}; ALEXNET_CY_ISA={level} puts another in force"
        )
