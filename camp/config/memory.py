"""How much memory this process may use."""

import os
import sys
from contextlib import suppress

from camp.config import cgroups

ASSUMED = 4 * 2**30  # bytes, if the system does not say
UNLIMITED = 2**60  # bytes; cgroup v1 writes a number of that size for "no limit"


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
    for folder, is_version_1 in cgroups.list_groups("memory", *places):
        name = "memory.limit_in_bytes" if is_version_1 else "memory.max"
        with suppress(ValueError):  # "max" is not a number
            limits += map(int, cgroups.read_words(folder / name))
    return limits
