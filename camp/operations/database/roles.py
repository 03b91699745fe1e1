"""The role Camp logs in as at its own PostgreSQL: it owns the database and is no superuser.

Clusters of an earlier version only have the superuser, who can run any program as the
server's user; `manage.py postgres role` adds the role.
"""

from psycopg import Connection, sql

ROLE = "camp"

# Statements that transfer what the superuser created, except the objects of extensions
TRANSFER = """
    WITH apart AS (
        SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
        UNION SELECT classid, objid FROM pg_depend
        WHERE deptype IN ('a', 'i') AND classid = 'pg_class'::regclass AND refobjsubid > 0
    ), own AS (
        SELECT oid FROM pg_namespace
        WHERE nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
    )
    SELECT format('ALTER SCHEMA %I OWNER TO {role}', nspname) FROM pg_namespace
    WHERE oid IN (SELECT oid FROM own) AND nspname <> 'public'
      AND ('pg_namespace'::regclass, oid) NOT IN (SELECT * FROM apart)
    UNION ALL
    SELECT format('ALTER TABLE %s OWNER TO {role}', oid::regclass) FROM pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relnamespace IN (SELECT oid FROM own)
      AND ('pg_class'::regclass, oid) NOT IN (SELECT * FROM apart)
    UNION ALL
    SELECT format('ALTER ROUTINE %s OWNER TO {role}', oid::regprocedure) FROM pg_proc
    WHERE pronamespace IN (SELECT oid FROM own)
      AND ('pg_proc'::regclass, oid) NOT IN (SELECT * FROM apart)
    UNION ALL
    SELECT format('ALTER TYPE %s OWNER TO {role}', oid::regtype) FROM pg_type
    WHERE typtype IN ('d', 'e') AND typnamespace IN (SELECT oid FROM own)
      AND ('pg_type'::regclass, oid) NOT IN (SELECT * FROM apart)
"""


def create_role(server: Connection, password: str) -> None:
    """Create the role, or set its password, through a superuser's connection.

    It may create databases, which `restore` and `reset` need. Raises psycopg.Error.
    """
    # Never as plain text, which the server might log.
    secret = server.pgconn.encrypt_password(password.encode(), ROLE.encode(), b"scram-sha-256")
    known = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
    command = sql.SQL("{} ROLE {} LOGIN NOSUPERUSER CREATEDB PASSWORD {}").format(
        sql.SQL("ALTER" if known else "CREATE"), sql.Identifier(ROLE), sql.Literal(secret.decode())
    )
    server.execute(command)
    # To see who else is connected
    server.execute(f"GRANT pg_read_all_stats TO {ROLE}")


def transfer_database(server: Connection, name: str) -> None:
    """Make the role the owner of a database and everything in it, or change nothing.

    `server` is connected to the database. Raises psycopg.Error.
    """
    with server.transaction():
        command = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        server.execute(command.format(sql.Identifier(name), sql.Identifier(ROLE)))
        if server.info.server_version < 150_000:  # newer: the database owner's anyway
            server.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(ROLE)))
        # The catalogue quotes the names.
        for (statement,) in server.execute(TRANSFER.replace("{role}", ROLE)).fetchall():
            server.execute(statement)
