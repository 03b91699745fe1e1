"""Other data in the place of what is there: all of it, or nothing at all.

    with Replacement(say) as new:
        ...                     # fill new.database and new.files, harming nothing
        new.commit(files=True)

The files go first, the database last: its swap, which either happens or does not, decides.
What is under way stands in a journal in the data folder. Whatever a killed process or a
power cut left is settled by `recover` before the data is used again.
"""

from camp.operations.backup.swap.databases import abandoned
from camp.operations.backup.swap.journal import is_unsettled
from camp.operations.backup.swap.replacement import Interrupted, Replacement, recover

__all__ = ["Interrupted", "Replacement", "abandoned", "is_unsettled", "recover"]
