"""Back up the database and the stored files into one archive, and verify one.

An archive is consistent: a snapshot of the database, and the bytes that its rows name.
"""

from camp.operations.backup.create import BackupOptions, create_backup, safety_copy
from camp.operations.backup.folder import last_backup
from camp.operations.backup.verify import verify

__all__ = ["BackupOptions", "create_backup", "last_backup", "safety_copy", "verify"]
