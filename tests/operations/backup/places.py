"""A whole place for tests that replace it: a database of its own, stored files, a data folder."""

import contextlib
import hashlib
import io
import os
import shutil
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from camp.operations import backup
from camp.operations.backup import engine_neutral
from camp.operations.backup.archive import Reader, Writer
from camp.operations.database import server as database
from files.models import File
from files.storage import backend, staging
from files.uploads import form
from sessions_app.models import Message, Session
from tests.conftest import person

NAME = "camp_place"
TEMPLATE = "camp_template"


def copy(source, target):
    """Make a database with all that is in another: of the server, or the file of SQLite."""
    connection.close()
    if connection.vendor == "sqlite":
        shutil.copy(source, target)
        return
    # Several times as fast as the default, and older servers know no other way.
    how = " STRATEGY FILE_COPY" if database.server_version() >= 15 else ""
    with database.connect_for_maintenance() as server:
        server.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"{how}')


def make(name):
    """Make an empty database."""
    if connection.vendor == "postgresql":
        database.create(name)


@contextlib.contextmanager
def kept_apart(name, make):
    """Have Camp use a database of that name, which `make(name)` makes, and drop it then."""
    drop_all(name)
    make(name)
    try:
        with database.connected_to(name):
            yield
    finally:
        drop_all(name)


def databases(prefix=NAME):
    """Return the names of the databases of PostgreSQL that begin so."""
    with database.connect_for_maintenance() as server:
        rows = server.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [str(prefix)]
        )
        return sorted(name for (name,) in rows)


def drop_all(prefix):
    """Drop the databases of PostgreSQL that begin so."""
    for name in databases(prefix) if connection.vendor == "postgresql" else ():
        database.drop(name)


def furnish(name="owner"):
    """Put a person with sessions and files into the place; returns the person."""
    somebody = person(name)
    session = Session.objects.create(user=somebody, title="東京")
    for number in range(20):
        Message.objects.create(session=session, content=f"{number} 行目")
    for number, size in enumerate((0, 1, 511, 512, 70_000, 300_000)):
        store(somebody, f"{name} {number}.bin", os.urandom(size))
    return somebody


def store(user, filename, content):
    """Put a file with its row into the storage; returns the File."""
    digest = hashlib.sha256(content).hexdigest()
    path = backend.new_path()
    target = Path(settings.LOCAL_STORAGE_PATH) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return File.objects.create(
        user=user, filename=filename, size=len(content), sha256=digest, storage_path=path
    )


def replace(file, content=b"another content"):
    """Give a file another content; returns the Version with what it held before."""
    staged = staging.StagedBytes()
    staged.write(content)
    form.replace(file=file, upload=form.StagedUpload(staged, file.filename))
    return file.versions.first()


def archive(**options):
    """Make a backup; returns its path."""
    return backup.create_backup(backup.BackupOptions(**options)).path


def restore(path, *options, confirmed=True, trust=True):
    """Run `manage.py restore`; returns what it printed."""
    output = io.StringIO()
    if confirmed:
        options = ["--no-input", "--name", database.locate_database().name, *options]
    options = [*options, *trusted()] if trust else options
    call_command("restore", path, *options, stdout=output, stderr=output)
    return output.getvalue()


def trusted():
    """Return the option with which SQL runs as the role of the tests, a superuser."""
    user = connection.settings_dict["USER"]
    return ["--as-superuser", user] if connection.vendor == "postgresql" else []


def refusal(path, *options, **kwargs):
    """Run `manage.py restore` and return the sentence with which it refused."""
    try:
        restore(path, *options, **kwargs)
    except CommandError as error:
        return str(error)
    raise AssertionError("It was restored.")


def members(path):
    """Return {name: content} of an archive."""
    found = {}

    def place(name, size):
        found[name] = io.BytesIO()
        return found[name]

    Reader(path).unpack(place)
    return {name: stream.getvalue() for name, stream in found.items()}


def repack(path, changed):
    """Make an archive anew, whole but with other members; None leaves one out."""
    packed = members(path) | changed
    path.unlink()
    with Writer(path, 0) as writer:
        for name, content in packed.items():
            if content is not None:
                writer.add_bytes(name, content)


def manifest(path):
    """Return an archive's manifest."""
    return Reader(path).manifest()


def flip(path, position):
    """Change one bit of a file."""
    with path.open("r+b") as stream:
        stream.seek(position)
        [byte] = stream.read(1)
        stream.seek(position)
        stream.write(bytes([byte ^ 1]))


class Hashed:
    """Takes the tables of a database as an archive would, and keeps their checksum."""

    def __init__(self):
        self.sha256 = hashlib.sha256()

    @contextlib.contextmanager
    def member(self, name):
        self.sha256.update(name.encode())
        yield self

    def write(self, data):
        # Its row is put in by number, so that its count is as good at 1 as at 2.
        if not data.startswith(b'{"name":"camp_instance"'):
            self.sha256.update(data)


def digest():
    """Return what changes with any row of the database, any stored byte, and any leftover."""
    hashed = Hashed()
    with transaction.atomic():
        engine_neutral.write_tables(hashed, connections["default"])
    connection.close()
    return hashed.sha256.hexdigest(), tree(settings.LOCAL_STORAGE_PATH), leftovers()


def tree(folder):
    """Return {path: checksum} of all files in a folder, and of work folders, but not others."""
    return {
        str(path.relative_to(folder)): path.is_file()
        and hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(folder).rglob("*")
        if path.is_file() or path.suffix == ".part"
    }


def leftovers():
    """Return what lies about besides the data and the locks."""
    known = {"serving", "serving.pid", "processes"}
    if connection.vendor == "postgresql":
        return sorted({path.name for path in settings.CAMP_DATA_DIR.iterdir()} - known), databases()
    names = {path.name for path in settings.CAMP_DATA_DIR.iterdir()} - known
    file = Path(connection.settings_dict["NAME"]).name
    return sorted(names - {file, f"{file}-wal", f"{file}-shm"}), []


def go_back(app, migration):
    """Undo migrations, confirmed and without a backup."""
    name = database.locate_database().name
    options = {"interactive": False, "name": name, "no_backup": True, "stdout": io.StringIO()}
    call_command("migrate", app, migration, verbosity=0, **options)
