"""What Linux counts of each processor's time."""

from __future__ import annotations

__all__ = ["IDLE_FIELDS", "processor_ticks"]

# Of a line's fields, as proc_stat(5) lists them: user, nice, system, idle, iowait, irq, softirq,
# steal, and the guests' times, which are part of user and nice.
IDLE_FIELDS = (3, 4)


def processor_ticks() -> dict[str, tuple[int, ...]] | None:
    """Read how long the processors have done what, since the system started.

    Returns
    -------
    dict of str to tuple of int, or None
        For "cpu" (all together), "cpu0", "cpu1" and so on, the fields in clock ticks
        (``os.sysconf("SC_CLK_TCK")`` a second). None where the system does not count.
    """
    try:
        with open("/proc/stat", encoding="ascii") as file:
            lines = [line.split() for line in file if line.startswith("cpu")]
    except OSError:
        return None
    return {name: tuple(int(field) for field in fields) for name, *fields in lines} or None
