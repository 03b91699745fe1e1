"""How much memory this process may use."""

import os
import sys
from contextlib import suppress
from pathlib import Path

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


def cgroup_limits(process=Path("/proc/self/cgroup"), root=Path("/sys/fs/cgroup")):
    """Return the memory limits in bytes, of a systemd unit or a container, on Linux.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files; for version 1
    https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
    """
    files = []
    with suppress(OSError):
        for line in process.read_text(encoding="utf-8").splitlines():
            _number, controllers, path = line.split(":", 2)
            version_1 = "memory" in controllers.split(",")
            if not version_1 and controllers:
                continue
            base = root / "memory" if version_1 else root
            name = "memory.limit_in_bytes" if version_1 else "memory.max"
            inner = base / path.lstrip("/")
            # The limits of parent groups apply too. In a container the path may be the host's,
            # and only the root exists.
            files += [folder / name for folder in (inner, *inner.parents)]
    limits = [UNLIMITED]
    for file in files:
        with suppress(OSError, ValueError):  # "max" is not a number
            limits.append(int(file.read_text(encoding="ascii")))
    return limits
