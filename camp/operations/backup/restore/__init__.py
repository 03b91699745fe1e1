"""Replace the data by an archive or a dump.

Everything is verified and made beside the present data first; `backup.swap` then puts the new
database in place, in one step.
"""

from camp.operations.backup.restore.steps import restore

__all__ = ["restore"]
