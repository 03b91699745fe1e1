"""Delete rows with all that depends on them, in transactions of bounded size.

SQLite keeps every page that a nested transaction changes in memory, and others wait for its lock.
So a row with many dependents is marked first: from then on nobody sees it. Its dependents are
deleted in batches, and the row itself is deleted last. Whatever interrupts that, `sweep` or a
repeated deletion goes on.
"""

import time

from django.db import transaction
from django.db.models import CASCADE, SET_NULL
from django.utils import timezone

from camp.db.row_locks import lock_rows
from camp.db.soft_delete import MarkedDeletionModel
from camp.web import background
from camp.web.external_references import (
    StillReferenced,
    atomic_deletion,
    check_foreign_references,
)

BATCH_SIZE = 500  # rows at most
# The first batch of a table; how many rows follow depends on the time that it took: with the
# search index of SQLite a long message takes as long as hundreds of short ones.
FIRST_BATCH = 20
FAST, SLOW = 0.1, 0.5  # seconds
INLINE = 100  # dependents that are deleted at once, in the request


def find_dependents(model, keys, lookups=(), seen=()):
    """Yield (queryset, column, parent) for each table whose rows depend on rows of `model`.

    With the column "" they are deleted along with the rows `keys`, otherwise that column becomes
    NULL. `parent` is the model that they refer to. Link tables of many-to-many relations are left
    out. `lookups` leads from a table back to the first model, through the models `seen`.
    """
    seen = (*seen, model)
    for relation in model._meta.get_fields(include_hidden=True):
        incoming = relation.auto_created and not relation.concrete
        rule = getattr(relation, "on_delete", None)
        if not incoming or rule not in (CASCADE, SET_NULL):
            continue
        related = relation.related_model
        if related._meta.auto_created or related in seen:
            continue
        steps = (relation.field.name, *lookups)
        rows = related._base_manager.filter(**{"__".join((*steps, "in")): keys})
        if rule is SET_NULL:
            yield rows, relation.field.name, model
        else:
            yield rows, "", model
            yield from find_dependents(related, keys, steps, seen)


def is_large(model, keys):
    """Return whether the rows `keys` have more dependents than one transaction should delete."""
    room = INLINE
    for rows, _column, _parent in find_dependents(model, keys):
        room -= rows.order_by()[: room + 1].count()
        if room < 0:
            return True
    return False


def lock_dependents(model, keys):
    """Lock the rows that are deleted along with the rows `keys`: nobody can give one away then."""
    for rows, column, _parent in find_dependents(model, keys):
        if not column:
            lock_rows(rows)


def mark(model, keys, **values):
    """Mark rows as being deleted, and set `values`; `delete_in_batches` deletes them later.

    Raises StillReferenced if a foreign table refers to them or to a dependent. Call it in a
    transaction.
    """
    rows = model._base_manager.filter(pk__in=keys)
    dependents = [each for each, column, _parent in find_dependents(model, keys) if not column]
    check_foreign_references([rows, *dependents])
    rows.update(deletion_started_at=timezone.now(), **values)


def delete_in_batches(model, keys):
    """Delete the rows `keys` and their dependents; yields after each transaction.

    Raises StillReferenced, with that transaction undone.
    """
    for rows, column, _parent in reversed(list(find_dependents(model, keys))):
        found = sorted(rows.order_by().values_list("pk", flat=True))
        start, size = 0, min(FIRST_BATCH, BATCH_SIZE)
        while start < len(found):
            # Filtered again: one may have been given to somebody else meanwhile.
            batch = rows.filter(pk__in=found[start : start + size])
            started = time.monotonic()
            with atomic_deletion():
                if column:
                    batch.update(**{column: None})
                else:
                    keys_left = lock_rows(batch)
                    rows.model._base_manager.filter(pk__in=keys_left).delete()
            start += size
            size = next_size(size, time.monotonic() - started)
            yield
    with atomic_deletion():
        model._base_manager.filter(pk__in=keys).delete()
    yield


def next_size(size, seconds):
    """Return the size of the batch after one of `size` rows that took so long."""
    if seconds > SLOW:
        return max(1, size // 2)
    return min(BATCH_SIZE, size * 2) if seconds < FAST else size


def delete_in_background(name, steps):
    """Have the steps of a deletion done after the commit; `name` tells the log what it is."""
    transaction.on_commit(lambda: background.run_steps(name, steps))


def purge(things, referencing_tables=None, *, in_background=True):
    """Delete the rows of a queryset that are in the trash, for good; returns how many.

    The bytes of files are removed when a batch is committed. Rows with many dependents are marked,
    and deleted in the background, or else by the caller with `finish_deletions`. A row to which a
    foreign table refers stays: the name of the table is added to the set `referencing_tables`;
    without a set StillReferenced is raised.
    """
    trashed = things.filter(deleted_at__isnull=False).order_by("pk")
    if issubclass(things.model, MarkedDeletionModel):
        trashed = trashed.filter(deletion_started_at=None)
    count = last = 0
    while keys := list(trashed.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH_SIZE]):
        count += purge_batch(things, keys, referencing_tables, in_background)
        last = keys[-1]
    return count


def purge_batch(things, keys, referencing_tables, in_background):
    """Do the same for some keys in one transaction; key by key if some are referenced."""
    model = things.model
    try:
        with atomic_deletion():
            # Locked, so that none of them can be restored meanwhile.
            locked = things.select_for_update().filter(pk__in=keys, deleted_at__isnull=False)
            locked = locked.order_by("pk")
            found = list(locked.values_list("pk", flat=True))
            if issubclass(model, MarkedDeletionModel) and is_large(model, found):
                mark(model, found)
                if in_background:
                    delete_in_background("deletion for good", delete_in_batches(model, found))
            else:
                model._base_manager.filter(pk__in=found).delete()
        return len(found)
    except StillReferenced as error:
        if referencing_tables is None:
            raise
        if len(keys) == 1:
            referencing_tables.update(error.tables)
            return 0
    return sum(purge_batch(things, [key], referencing_tables, in_background) for key in keys)


def finish_deletions(model, delete, referencing_tables):
    """Delete the rows of `model` whose deletion was interrupted; returns how many.

    `delete(key)` returns the steps. The names of foreign tables that refer to one are added to the
    set `referencing_tables`.
    """
    count = 0
    marked = model._base_manager.filter(deletion_started_at__isnull=False)
    for key in list(marked.values_list("pk", flat=True)):
        try:
            for _step in delete(key):
                pass
            count += 1
        except StillReferenced as error:
            referencing_tables.update(error.tables)
    return count
