"""Locks of rows. SQLite locks none: there one transaction writes at a time.

Every transaction takes its locks in this order, so that no two of them wait for each other:

1. sessions, by primary key
2. users, by primary key
3. files, by primary key
4. all other rows

Rights are checked after the lock. A transaction that has not locked a session tells its open pages
of a change only after the commit (sessions_app.revisions). Foreign keys lock the row that they
refer to when the transaction commits; these locks do not wait for ours. A single UPDATE of many
files takes them in an order of its own: should two of them meet, one gets 503 and may try again.
"""


def lock_rows(rows):
    """Lock the rows of a queryset until the end of the transaction; returns their primary keys.

    What they refer to is not locked, and they may still be referred to.
    """
    # https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
    locked = rows.order_by("pk").select_for_update(no_key=True, of=("self",))
    return list(locked.values_list("pk", flat=True))
