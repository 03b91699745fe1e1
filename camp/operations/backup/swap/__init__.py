"""Replace the database in one atomic step, while this process is alone with the data.

    with AtomicSwap() as new:
        new.freeze()                # nobody writes to the old database from now on
        new.create_database()
        ...                         # fill new.database, add files beside the old ones
        new.commit()
    new.remove_old(say)

Stored files are immutable and have opaque names, so new ones are added beside the old ones,
and the swap of the database alone decides: with SQLite the renaming of a file, with PostgreSQL
two renames in one transaction. A process that is killed leaves either the old or the new
database in place, whole, and beside it only what takes up room: a database that
`list_leftovers` names and the next swap removes, and files that no row names, which the sweep
removes. Locks end with the process. Nothing has to be recovered.
"""

from camp.operations.backup.swap.atomic_swap import AtomicSwap, OutcomeUnknown, list_leftovers

__all__ = ["AtomicSwap", "OutcomeUnknown", "list_leftovers"]
