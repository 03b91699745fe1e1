"""How much memory and how many processors this process may use.

The limits are those of the machine, and of the Linux control groups of this process: of a systemd
unit or a container. Version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html; version 1:
https://docs.kernel.org/admin-guide/cgroup-v1/
"""

import math
import os
import sys
from contextlib import suppress
from pathlib import Path

ASSUMED = 4 * 2**30  # bytes, if the system does not say
UNLIMITED = 2**60  # bytes; cgroup v1 writes a number of that size for "no limit"
PROCESS, ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def memory_limit():
    """Return the bytes that the machine and the control groups of this process allow."""
    return min(physical_memory(), *cgroup_limits())


def physical_memory():
    """Return the machine's memory in bytes."""
    if sys.platform == "win32":
        return ASSUMED
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return ASSUMED


def cgroup_limits(*places):
    """Return the memory limits in bytes of the control groups; `places` as in `list_groups`."""
    limits = [UNLIMITED]
    for folder, is_version_1 in list_groups("memory", *places):
        name = "memory.limit_in_bytes" if is_version_1 else "memory.max"
        with suppress(ValueError):  # "max" is not a number
            limits += map(int, read_words(folder / name))
    return limits


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
    for folder, is_version_1 in list_groups("cpu", *places):
        if is_version_1:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            words = [word for name in names for word in read_words(folder / name)]
        else:
            words = read_words(folder / "cpu.max")
        with suppress(ValueError):  # "max" is not a number, and the root has no file
            quota, period = map(int, words)
            if quota > 0 and period > 0:  # version 1 writes -1 for "no limit"
                quotas.append(quota / period)
    return quotas


def list_groups(controller, process=PROCESS, root=ROOT):
    """Yield (folder, whether it is of version 1) of each group that limits this process.

    The limits of parent groups apply too. In a container the path may be the host's, and only
    the root exists, so a folder need not be there.
    """
    with suppress(OSError):
        for line in process.read_text(encoding="utf-8").splitlines():
            _number, controllers, path = line.split(":", 2)
            is_version_1 = controller in controllers.split(",")
            if controllers and not is_version_1:
                continue
            inner = (root / controller if is_version_1 else root) / path.lstrip("/")
            for folder in (inner, *inner.parents):
                yield folder, is_version_1


def read_words(file):
    """Return the words of a limit file; none if it is not there."""
    with suppress(OSError):
        return file.read_text(encoding="ascii").split()
    return []
