"""The cores and the memory that this process may use; a container may be given less than the machine has."""

import os
from collections.abc import Iterable
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def cores() -> int:
    """Return the number of CPU cores, by affinity and by the control group's quota."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _words(["cpu.max"]) or [*_words(["cpu/cpu.cfs_quota_us"]), *_words(["cpu/cpu.cfs_period_us"])]
    if len(quota) == 2 and quota[0].isdigit():
        return max(1, min(free, round(int(quota[0]) / int(quota[1]))))
    return free


def memory() -> int:
    """Return the bytes of main memory, by the machine and by the control group's limit."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _words(["memory.max", "memory/memory.limit_in_bytes"])
    return min(whole, int(limit[0])) if limit and limit[0].isdigit() else whole


def _words(names: Iterable[str]) -> list[str]:
    """Return the words of the first of these files that exists."""
    for name in names:
        try:
            return (_GROUPS / name).read_text().split()
        except OSError:
            continue
    return []
