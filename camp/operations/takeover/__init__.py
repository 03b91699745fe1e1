"""Taking over a database that Alembic made for the old backend.

expected    what Camp's migrations say the tables are        found    what they are
names       other names for the same column                  plan     what has to be done
postgresql, sqlite   how each database does it               work     doing it, all or nothing
report      telling a person                                 detection   is it an old one?
"""
