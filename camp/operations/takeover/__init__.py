"""Taking over a database of the old backend: run.py first, then convert.py for the tables."""
