"""Whose is what root makes: that person's to whom the folder belongs that it lies in.

Else `sudo python3 manage.py postgres init` would leave files that keep everybody but root
from starting Camp.
"""

import os
from pathlib import Path


def give(path):
    """Give what root just made to the owner of its folder; does nothing for anybody else."""
    if os.name == "nt" or os.geteuid() != 0:
        return
    owner = Path(path).absolute().parent.stat()
    if owner.st_uid:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_folder(folder, mode=0o777):
    """Make a folder, and those above it, where they are missing; raises OSError."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    folder.mkdir(mode=mode, exist_ok=True)
    give(folder)
