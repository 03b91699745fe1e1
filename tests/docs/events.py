"""What happens to the reader of docs/database.md before a block, by the note above it."""

from dataclasses import dataclass

OWN = 'export PGPASSWORD="$(cat var/postgres/password)" PGHOST=localhost PGUSER=postgres'


@dataclass(frozen=True)
class Event:
    """A script that does it, and a sentence that says so."""

    script: str
    told: str = ""


DEVELOPER_EVENTS = {
    "stop-own": Event("python3 manage.py postgres stop"),
    "start-own": Event("python3 manage.py postgres start"),
    "server-down": Event(
        "pg_ctl -D var/postgres/data -m immediate stop", "Before: PostgreSQL was stopped at once."
    ),
    "change-a-model": Event(
        """
        echo 'File.add_to_class("mark", models.CharField(max_length=9, default=""))' \\
            >> files/models/files.py
        """,
        "Before: the model File got a field `mark`.",
    ),
    "change-back": Event(
        "git checkout -q files/models/files.py; rm files/migrations/*_what_changed.py"
    ),
    "people-work": Event(
        """
        python3 manage.py migrate -v 0
        python3 manage.py demo --users 2 --sessions 2 --files 4 --seed 1
        """,
        "Before: `migrate` again, and 2 people, 2 sessions and 4 files.",
    ),
    "table-missing": Event(
        "python3 manage.py migrate -v 0 --no-input --name camp_backend_db --no-backup files zero",
        "Before: the tables of files were dropped.",
    ),
    "database-missing": Event(
        f"{OWN}; dropdb -p 5433 --force camp_backend_db", "Before: the database was dropped."
    ),
    "server-broken": Event(
        "rm var/postgres/data/global/pg_control",
        "Before: a file that PostgreSQL cannot do without was removed.",
    ),
}
