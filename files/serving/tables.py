"""The beginning of a table in a text file (CSV, TSV), for the preview."""

import csv
import io
from itertools import islice

MAX_ROWS = 100
MAX_COLUMNS = 30
MAX_CELL = 500  # characters
DELIMITERS = ",;\t|"
SAMPLE_ROWS = 20


class Table:
    """The `header` (the first row) and the other `rows`; `cut` if the file has more."""

    def __init__(self, rows, *, cut):
        width = max(map(len, rows), default=0)
        shown = [[cell[:MAX_CELL] for cell in row[:MAX_COLUMNS]] for row in rows[: MAX_ROWS + 1]]
        self.header, *self.rows = shown or [[]]
        self.cut = cut or width > MAX_COLUMNS or len(rows) > MAX_ROWS + 1


def read_table(text, *, cut):
    """Return the Table in `text`, or None if it is none: at least two columns, or rows that parse.

    `cut` means that the file goes on after the text; the last row is left out then.
    """
    try:
        delimiter = max(DELIMITERS, key=lambda each: count_columns(text, each))
        rows = read_rows(text, delimiter, MAX_ROWS + 2)
    except csv.Error:  # a cell of more than 128 KiB, or a lone carriage return
        return None
    if cut and 1 < len(rows) < MAX_ROWS + 2:
        rows.pop()
    return Table(rows, cut=cut) if any(len(row) > 1 for row in rows) else None


def read_rows(text, delimiter, count):
    """Return the first rows that are not empty, as lists of cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return list(islice(filter(any, reader), count))


def count_columns(text, delimiter):
    """Return how many columns each of the first rows has, with a delimiter."""
    return min(map(len, read_rows(text, delimiter, SAMPLE_ROWS)), default=0)
