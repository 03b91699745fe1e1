"""An archive, or a plain SQL dump, in the place of what is there.

Everything is verified and made beside the present data first; `backup.swap` then puts it into
its place, in one step.
"""

from camp.operations.backup.restore.restoring import restore

__all__ = ["restore"]
