"""`manage.py doctor --files`: every file against its bytes, and all bytes against the files.

Rows are read by their key, a few at a time, and bytes in blocks: nothing is locked
meanwhile, and memory stays the same however much there is. People go on working, so what
looks wrong is looked at once more before it is told.

contents    what is in the storage for each file     leftovers    what belongs to none
sums        how much room people are shown to take up
"""

from camp.operations.diagnostics.file_check import contents, leftovers, sums


def look(*, progress, fix=False, sample=None):
    """Yield what is found; with `fix` also mend what loses nothing.

    Contents are compared for `sample` files, None for all. `progress(total, label)` is a
    context manager which is told of the bytes that were read.
    """
    yield from contents.look(progress, fix=fix, sample=sample)
    yield from leftovers.look(fix=fix)
    yield from sums.look(fix=fix)
