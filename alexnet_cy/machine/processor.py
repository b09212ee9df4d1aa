"""The name of the processor."""

from __future__ import annotations

import platform

__all__ = ["processor_name"]


def processor_name() -> str:
    """Name the processor as the system does; Linux's platform.processor() is empty."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
