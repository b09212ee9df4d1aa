"""The processors that a container grants: the CPU quota of Linux's control groups, v1 and v2."""

from __future__ import annotations

import os.path
from math import ceil

__all__ = ["cpu_quota"]


def cpu_quota(root: str | os.PathLike[str] = "/") -> int | None:
    """Read the quota of this process in whole processors, rounded up.

    Parameters
    ----------
    root : str or PathLike
        The file system to look in; tests give a tree of their own.

    Returns
    -------
    int or None
        At least 1; the smallest quota on the way from the process's group to the root group.
        None if there is no quota, no control groups, or nothing readable.
    """
    group_of = _groups(os.path.join(root, "proc/self/cgroup"))
    quotas = []
    if "" in group_of:  # v2: one hierarchy, one file "cpu.max" with "quota period"
        for folder in _ancestors(os.path.join(root, "sys/fs/cgroup"), group_of[""]):
            fields = _read(folder, "cpu.max").split()
            if len(fields) == 2:
                quotas.append(_processors(fields[0], fields[1]))
    if "cpu" in group_of:  # v1: the hierarchy of the controller "cpu", two files
        for folder in _ancestors(os.path.join(root, "sys/fs/cgroup/cpu"), group_of["cpu"]):
            quota, period = _read(folder, "cpu.cfs_quota_us"), _read(folder, "cpu.cfs_period_us")
            quotas.append(_processors(quota, period))
    return min((quota for quota in quotas if quota is not None), default=None)


def _groups(cgroup_file: str) -> dict[str, str]:
    """Map each controller to this process's group; v2's only line has an empty controller."""
    groups = {}
    for line in _read(cgroup_file).splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3:
            for controller in fields[1].split(","):
                groups[controller] = fields[2]
    return groups


def _ancestors(mount: str, group: str) -> list[str]:
    """List the folders of a group and of all groups above it, the mount point last.

    In a container the group's own path may not exist below the mount; the mount then is the group.
    """
    parts = [part for part in group.split("/") if part not in ("", "..")]
    return [os.path.join(mount, *parts[:n]) for n in range(len(parts), -1, -1)]


def _processors(quota: str, period: str) -> int | None:
    """Turn quota and period in microseconds into processors; "max", -1 and nonsense are none."""
    try:
        quota_us, period_us = int(quota), int(period)
    except ValueError:
        return None
    if quota_us <= 0 or period_us <= 0:
        return None
    return max(1, ceil(quota_us / period_us))


def _read(*path: str) -> str:
    """Read a small text file; nothing if it cannot be read."""
    try:
        with open(os.path.join(*path), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
