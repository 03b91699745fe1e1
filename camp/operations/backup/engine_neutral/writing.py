"""Writing the tables of a snapshot into an archive."""

from urllib.parse import quote

from camp.operations.backup.engine_neutral import tables, values
from camp.operations.console import Silent

BATCH = 500
# PostgreSQL's text of these is exact; what its driver makes of it may not be.
AS_TEXT = {"decimal", "datetime", "timestamp", "date", "time", "uuid", "json"}
# So that the text is the same whatever the server, the database or the role is set to.
PLAIN_TEXT = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET extra_float_digits = 1"


def write_tables(writer, snapshot, progress=None):
    """Add every table of a snapshot to an archive; returns {table: rows}.

    `writer` is an archive Writer, `snapshot` Django's connection to a database in which
    nothing changes meanwhile. `progress` counts rows.
    """
    progress = progress or Silent()
    if snapshot.vendor == "postgresql":
        with snapshot.cursor() as cursor:
            cursor.execute(PLAIN_TEXT)
    counts = {}
    for name in tables.names(snapshot):
        table = tables.read(snapshot, name)
        with writer.member(member_name(name)) as stream:
            stream.write(_line(table.described()))
            counts[name] = _write_rows(stream, snapshot, table, progress)
    return counts


def member_name(table):
    """Return what a table is called in an archive: its name, with no letter of a path in it."""
    return f"tables/{quote(table, safe='')}.jsonl"


def _line(content):
    return f"{values.encode(content)}\n".encode()


def _write_rows(stream, snapshot, table, progress):
    encoders = values.ENCODERS[snapshot.vendor]
    changed = [
        (index, encoders[column.kind])
        for index, column in enumerate(table.columns)
        if column.kind in encoders
    ]
    count = 0
    with snapshot.chunked_cursor() as cursor:
        cursor.execute(_query(snapshot, table))
        while rows := cursor.fetchmany(BATCH):
            lines = []
            for row in rows:
                told = list(row)
                for index, encoder in changed:
                    if told[index] is not None:
                        told[index] = encoder(told[index])
                lines.append(values.encode(told))
            stream.write(("\n".join(lines) + "\n").encode())
            count += len(rows)
            progress.add(len(rows))
    return count


def _query(snapshot, table):
    quote_name = snapshot.ops.quote_name
    expression = _postgresql if snapshot.vendor == "postgresql" else _sqlite
    wanted = [expression(column, quote_name(column.name)) for column in table.columns]
    query = f"SELECT {', '.join(wanted) or 'NULL'} FROM {quote_name(table.name)}"  # noqa: S608
    if table.primary_key:
        query += f" ORDER BY {', '.join(quote_name(name) for name in table.primary_key)}"
    return query


def _postgresql(column, name):
    if column.kind in AS_TEXT:
        return f"{name}::text"
    if column.kind == "duration":
        return f"(extract(epoch FROM {name}) * 1000000)::bigint"
    if column.kind == "other":
        # Not ::text, which is not for every type what the type prints.
        return f"CASE WHEN {name} IS NOT NULL THEN format('%s', {name}) END"
    return name


def _sqlite(column, name):
    # The sign keeps Django from reading the value as what the column is declared to hold.
    return f"+{name}"
