"""One file that holds the database and the files, and how it is proved to be whole.

The picture is that of one moment: a snapshot of the database, and the bytes that its rows
name. The file has its name only once all of it is on the disk.
"""

from camp.operations.backup.create import Wanted, make, safety_copy
from camp.operations.backup.folder import last_backup
from camp.operations.backup.verify import verify

__all__ = ["Wanted", "last_backup", "make", "safety_copy", "verify"]
