"""An archive, or a plain SQL dump, in the place of what is there.

Everything is verified and made beside the present data first; camp.replacing then puts it
into its place, in one step.
"""

from camp.restore.restoring import restore

__all__ = ["restore"]
