"""Limits of the Linux control groups of this process: of a systemd unit or a container.

Version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html; version 1:
https://docs.kernel.org/admin-guide/cgroup-v1/
"""

from contextlib import suppress
from pathlib import Path

PROCESS, ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


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
