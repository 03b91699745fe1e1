"""How many processors this process may use."""

import math
import os
from contextlib import suppress

from camp.config import cgroups


def count_processors():
    """Return the processors that the system and the control groups allow, at least 1."""
    return max(1, math.ceil(min(available_processors(), *cgroup_quotas())))


def available_processors():
    """Return the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux: `taskset`, or the cpuset of a container
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cgroup_quotas(*places):
    """Return how many processors' time the control groups give; `places` as in `list_groups`."""
    quotas = [math.inf]
    for folder, is_version_1 in cgroups.list_groups("cpu", *places):
        if is_version_1:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            words = [word for name in names for word in cgroups.read_words(folder / name)]
        else:
            words = cgroups.read_words(folder / "cpu.max")
        with suppress(ValueError):  # "max" is not a number, and the root has no file
            quota, period = map(int, words)
            if quota > 0 and period > 0:  # version 1 writes -1 for "no limit"
                quotas.append(quota / period)
    return quotas
