"""What the parts of the check-up have in common."""

from camp.config import shell

BATCH = 500


def mend_command():
    """Return the command that looks again and mends."""
    return shell.manage("doctor", "--files", "--fix")


def batches(rows, *fields):
    """Yield lists of named tuples, by their `pk`, of what a queryset holds."""
    last = None
    while True:
        rest = rows.order_by("pk") if last is None else rows.filter(pk__gt=last).order_by("pk")
        batch = list(rest.values_list("pk", *fields, named=True)[:BATCH])
        if batch:
            yield batch
        if len(batch) < BATCH:
            return
        last = batch[-1].pk
