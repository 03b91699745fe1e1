"""Give files that root creates to the owner of the folder they are in.

Otherwise `sudo python3 manage.py postgres init` would leave files with which only root can
start Camp.
"""

import os
from pathlib import Path


def chown_to_folder_owner(path: Path | str) -> None:
    """Give what root has just created to the owner of its folder; others change nothing."""
    if os.name == "nt" or os.geteuid() != 0:
        return
    owner = Path(path).absolute().parent.stat()
    if owner.st_uid:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Create a folder and its missing parents, all with `mode`; raises OSError."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent, mode)
    folder.mkdir(mode=mode, exist_ok=True)
    chown_to_folder_owner(folder)
