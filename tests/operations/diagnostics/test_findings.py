"""What is found in each troubled state, and what is said to mend it."""

import os
import socket
import time
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from camp.operations.database import environment, server
from camp.operations.diagnostics import backups, cache, database, safety, storage
from camp.web.findings import ERROR, OK, WARNING
from tests.servers import free_port


def found(check):
    """Return the Findings of a check by their id."""
    return {each.id: each for each in check()}


def execute(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


class TestTables:
    @pytest.fixture
    def empty(self, transactional_db, tmp_path):
        """A database without tables instead of the configured one."""
        name = tmp_path / "empty.sqlite3"
        if server.is_postgresql():
            name = "camp_empty"
            server.create(name)
        with server.connected_to(name):
            execute("CREATE TABLE other (id integer)")
            yield
        if server.is_postgresql():
            server.drop(name)

    def test_a_database_without_tables(self, empty):
        told = found(database.check_database)
        assert told["database.tables"].level == ERROR
        assert told["database.tables"].fix.endswith("manage.py migrate")
        assert "database.migrations" not in told

    @pytest.mark.postgresql
    def test_a_database_of_the_old_backend(self, empty):
        execute(
            "CREATE TABLE alembic_version (version_num varchar(32))",
            "CREATE TABLE sample_users (id integer PRIMARY KEY, email varchar(255))",
        )
        told = found(database.check_database)
        assert "old backend" in told["database.tables"].title
        assert told["database.tables"].fix.endswith("manage.py takeover")

    @pytest.mark.sqlite
    def test_an_sqlite_that_cannot_keep_the_index_for_the_search(self, db, monkeypatch):
        assert found(database.check_fts_module) == {}
        monkeypatch.setattr(database, "FTS_MODULE", "fts999")
        [told] = found(database.check_fts_module).values()
        assert told.level == ERROR
        with pytest.raises(SystemCheckError, match="FTS5"):
            call_command("migrate", verbosity=0, skip_checks=False)

    def test_a_migration_that_is_missing(self, db):
        names = MigrationRecorder.Migration.objects.filter(app="files").order_by("-name")
        MigrationRecorder(connection).record_unapplied("files", names[0].name)
        told = found(database.check_migrations)["database.migrations"]
        assert told.level == ERROR
        assert "files" in told.title
        assert told.fix.endswith("manage.py migrate")

    def test_a_migration_of_a_newer_camp(self, db):
        MigrationRecorder(connection).record_applied("files", "0999_holograms")
        told = found(database.check_migrations)["database.migrations"]
        assert told.level == WARNING
        assert "files.0999_holograms" in told.title

    def test_a_mark_that_is_stricter_than_the_settings(self, db):
        environment.mark("production")
        told = found(database.check_environment)["database.environment"]
        assert told.level == WARNING
        assert told.fix == "CAMP_ENVIRONMENT=production"


@pytest.mark.django_db
class TestSchema:
    """Each change is undone with the test's transaction."""

    def found(self, *statements):
        execute(*statements)
        told = found(database.check_schema)
        return {id: each for id, each in told.items() if each.level != OK}

    def test_a_column_that_is_missing(self):
        told = self.found("ALTER TABLE sample_users DROP COLUMN time_zone")
        assert list(told) == ["schema.sample_users.time_zone"]
        assert told.popitem()[1].level == ERROR

    def test_a_table_that_is_missing(self):
        assert "schema.camp_instance" in self.found("DROP TABLE camp_instance")

    def test_an_index_that_is_missing_and_how_it_is_made(self):
        [told] = self.found("DROP INDEX sample_files_size").values()
        assert told.level == WARNING
        assert "dbshell" in told.fix
        assert "CREATE INDEX" in told.fix

    def test_a_constraint_that_is_missing(self):
        unique = get_user_model()._meta.constraints[0].name
        told = self.found(f"DROP INDEX {unique}")
        assert told[f"schema.sample_users.{unique}"].level == ERROR
        assert "UNIQUE" in told[f"schema.sample_users.{unique}"].fix


@pytest.mark.cache
class TestCache:
    def test_none_is_fine(self, settings):
        settings.REDIS_URL = ""
        assert found(cache.check_cache)["cache"].level == OK

    @pytest.mark.postgresql
    def test_one_that_answers(self):
        told = found(cache.check_cache)["cache"]
        assert told.level == OK
        assert "PONG" in told.title

    @pytest.mark.postgresql
    def test_a_wrong_password(self, settings):
        settings.REDIS_URL = settings.REDIS_URL.replace("redis://:", "redis://:x")
        assert "refuses the password" in found(cache.check_cache)["cache"].title

    def test_one_that_is_stopped(self, settings):
        settings.REDIS_URL = f"redis://:s3cret@127.0.0.1:{free_port()}/0"
        told = found(cache.check_cache)["cache"]
        assert told.level == WARNING
        assert "does not answer" in told.title
        assert "redis" in told.fix
        assert "s3cret" not in str(told)

    def test_one_that_hangs(self, settings, monkeypatch):
        monkeypatch.setattr(cache, "TIMEOUT", 0.1)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            begun = time.monotonic()
            assert found(cache.check_cache)["cache"].level == WARNING
        assert time.monotonic() - begun < 2


class TestStorage:
    def test_room(self, settings):
        settings.MAX_UPLOAD_SIZE = 1
        assert "left for files" in found(storage.check_storage)["storage.room"].title

    def test_less_room_than_one_upload_may_take(self, settings):
        settings.MAX_UPLOAD_SIZE = 2**60
        told = found(storage.check_storage)["storage.room"]
        assert told.level == WARNING
        assert "sweep" in told.fix

    def test_a_folder_that_takes_nothing(self, settings, tmp_path):
        (tmp_path / "file").touch()
        settings.LOCAL_STORAGE_PATH = settings.UPLOAD_STAGING = tmp_path / "file" / "files"
        told = found(storage.check_storage)["storage.files"]
        assert told.level == ERROR
        assert str(tmp_path / "file") in told.fix


class TestSafety:
    @pytest.mark.parametrize(
        ("key", "level"), [("tiny-key", WARNING), ("a" * 60, WARNING), ("gue55-m€" * 9, OK)]
    )
    def test_the_secret_key(self, settings, key, level):
        settings.SECRET_KEY = key
        told = safety.check_secret_key()
        assert told.level == level
        assert key not in str(told)

    def test_a_guessable_key_of_a_production_is_a_fault(self, settings):
        settings.SECRET_KEY, settings.CAMP_ENVIRONMENT = "short", "production"
        assert safety.check_secret_key().level == ERROR

    @pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
    def test_a_key_that_others_can_read(self, settings, tmp_path):
        settings.CAMP_DATA_DIR = tmp_path
        (tmp_path / "secret-key").touch(mode=0o644)
        assert safety.check_secret_key().fix.startswith("chmod 600")

    def test_a_production_over_plain_http(self, settings):
        settings.CAMP_ENVIRONMENT = "production"
        assert safety.check_https().level == WARNING
        settings.CAMP_HTTPS = True
        assert safety.check_https().level == OK


class TestBackups:
    @pytest.fixture(autouse=True)
    def folder(self, settings, tmp_path):
        settings.BACKUP_FOLDER = tmp_path / "backups"
        settings.BACKUP_FOLDER.mkdir()
        return settings.BACKUP_FOLDER

    def made(self, folder, days):
        moment = timezone.localtime() - timedelta(days=days)
        (folder / f"backup_{moment:%Y%m%d_%H%M%S}.tar").touch()

    def test_none_is_needed_where_there_is_nothing(self, db):
        assert found(backups.check_last_backup)["backup"].level == OK

    def test_none_where_there_are_people(self, owner):
        told = found(backups.check_last_backup)["backup"]
        assert told.level == WARNING
        assert told.fix.endswith("manage.py backup")

    @pytest.mark.parametrize(("days", "level"), [(1, OK), (8.5, WARNING)])
    def test_its_age(self, owner, folder, days, level):
        self.made(folder, days)
        assert found(backups.check_last_backup)["backup"].level == level

    def test_one_that_was_not_finished_is_none(self, owner, folder):
        (folder / "backup_20261124_142233.tar.part").touch()
        assert found(backups.check_last_backup)["backup"].level == WARNING
