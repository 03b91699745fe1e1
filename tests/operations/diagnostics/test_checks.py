"""What `manage.py check` finds wrong with a configuration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from camp.operations.database import server
from camp.operations.diagnostics import checks

ROOT = Path(__file__).resolve().parents[3]


def found():
    """Return the ids of what Camp's own checks find, as Django runs them."""
    return [each.id for each in run_checks() if each.id.startswith("camp.")]


@pytest.fixture
def file(tmp_path):
    """A file where a folder should be."""
    path = tmp_path / "file"
    path.write_text("")
    return path


def test_the_settings_of_the_tests_are_fine():
    assert found() == []


def test_every_finding_says_what_to_do(settings, file):
    settings.CAMP_DATA_DIR = settings.LOCAL_STORAGE_PATH = settings.STATIC_ROOT = file
    settings.UPLOAD_STAGING = file.with_name("staging")
    settings.DEBUG = settings.CAMP_HTTPS = True
    settings.CSRF_TRUSTED_ORIGINS = ["http://camp.example.org"]
    messages = [*checks.check_storage(), *checks.check_exposure()]
    assert len(messages) == 5
    assert all(" Fix: " in message.hint for message in messages)


class TestStorage:
    @pytest.mark.parametrize(
        ("name", "number"), [("CAMP_DATA_DIR", "camp.E001"), ("LOCAL_STORAGE_PATH", "camp.E002")]
    )
    def test_a_folder_that_cannot_be_made(self, settings, file, name, number):
        setattr(settings, name, file / "folder")
        assert number in found()

    def test_a_folder_that_is_not_there_yet_is_fine_and_not_made(self, settings, tmp_path):
        settings.LOCAL_STORAGE_PATH = tmp_path / "new" / "files"
        settings.UPLOAD_STAGING = settings.LOCAL_STORAGE_PATH / ".staging"
        assert found() == []
        assert not (tmp_path / "new").exists()

    def test_staging_on_another_volume(self, settings, tmp_path, monkeypatch):
        staging = tmp_path / "staging"
        staging.mkdir()
        settings.UPLOAD_STAGING = staging
        real = Path.stat

        def stat(self, **kwargs):
            result = real(self, **kwargs)
            if self != staging:
                return result
            values = list(result)
            values[2] += 1  # the number of the device
            return os.stat_result(values)

        monkeypatch.setattr(Path, "stat", stat)
        assert found() == ["camp.E003"]

    @pytest.mark.parametrize("below", ["", "files", ".."])
    def test_storage_that_everybody_could_read(self, settings, below):
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        settings.LOCAL_STORAGE_PATH = settings.STATIC_ROOT / below
        assert "camp.E004" in found()


class TestExposure:
    def test_debug_behind_https(self, settings):
        settings.DEBUG = settings.CAMP_HTTPS = True
        assert found() == ["camp.E005"]

    def test_debug_in_production(self, settings):
        settings.DEBUG, settings.CAMP_ENVIRONMENT = True, "production"
        assert found() == ["camp.E005"]

    def test_debug_at_home(self, settings):
        settings.DEBUG = True
        settings.ALLOWED_HOSTS = ["*"]
        assert found() == []

    def test_any_host_name(self, settings):
        settings.ALLOWED_HOSTS = ["camp.example.org", "*"]
        assert found() == ["camp.W001"]

    def test_trust_in_plain_http(self, settings):
        settings.CAMP_HTTPS = True
        settings.CSRF_TRUSTED_ORIGINS = ["https://a.example.org", "http://b.example.org"]
        assert found() == ["camp.W002"]

    def test_plain_http_at_home(self, settings):
        settings.CSRF_TRUSTED_ORIGINS = ["http://camp.local:8000"]
        assert found() == []


class TestDatabase:
    """What `check --database` and `migrate` ask."""

    def found(self):
        messages = run_checks(databases=["default"])
        return {each.id: each for each in messages if each.id.startswith("camp.")}

    def test_a_migrated_database_is_fine(self, db):
        assert self.found() == {}

    def test_a_schema_that_differs_is_a_warning(self, db):
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX sample_files_size")
        assert "sample_files_size" in self.found()["camp.W003"].msg

    def test_migrations_that_are_not_applied_are_left_to_migrate(self, db):
        names = MigrationRecorder.Migration.objects.filter(app="files").order_by("-name")
        MigrationRecorder(connection).record_unapplied("files", names[0].name)
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX sample_files_size")
        assert self.found() == {}

    @pytest.mark.django_db(transaction=True)
    def test_a_database_that_is_not_made_yet_is_left_to_migrate(self, tmp_path):
        if connection.vendor == "sqlite":
            with server.connected_to(tmp_path / "missing.sqlite3"):
                assert self.found() == {}
        else:
            with server.connected_to("camp_nowhere"), pytest.raises(OperationalError):
                self.found()

    def test_nothing_is_asked_unless_it_is_wanted(self):
        assert found() == []  # a test without a database would fail


def test_the_check_for_deployment_is_silent_with_https(tmp_path):
    of_tests = {"SECRET_KEY", "DJANGO_ALLOW_ASYNC_UNSAFE"}
    environment = {
        **{name: value for name, value in os.environ.items() if name not in of_tests},
        "CAMP_DATA_DIR": str(tmp_path),
        "CAMP_ENV_FILES": "",
        "CAMP_HTTPS": "on",
    }
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "check", "--deploy", "--fail-level", "INFO"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert "no issues" in done.stdout
