"""Tables in a form that both engines read: `tables/<table>.jsonl` of a portable archive.

The first line of a table says what its columns are, every further one is a row. What is
there is taken from the database, not from the models, so that columns and tables that
Camp does not know come along.
"""

from camp.operations.backup.engine_neutral.reading import CannotLoad, load
from camp.operations.backup.engine_neutral.writing import write_tables

__all__ = ["CannotLoad", "load", "write_tables"]
