"""What `manage.py takeover` says of databases that it cannot take over as they are."""

import csv
import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from camp.operations.database import server
from files.models import File
from tests import old_backend
from tests.old_backend import ALEMBIC, GUIDE, apply, takeover

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("quick_migrate")]

TEMPLATE = ["id", "email", "username", "was"]


def refused(*arguments):
    """Run the report, which must not go ahead; returns what is to be settled, as one text."""
    output = io.StringIO()
    with pytest.raises(CommandError, match="settled first"):
        call_command("takeover", *map(str, arguments), stdout=output)
    return "\n".join(line for line in output.getvalue().splitlines() if "✗" in line)


def guide_with(old, before="", after=""):
    """Make the guide's tables, with a part replaced."""
    assert before in GUIDE
    old.run(ALEMBIC + GUIDE.replace(before, after))


def test_colliding_accounts_are_settled_by_a_file(old, uploads, tmp_path):
    old_backend.loose(old, uploads)
    file = tmp_path / "people.csv"
    found = refused("--settle-template", file)
    assert "Account 2 has the e-mail of account 1" in found
    assert "Account 4 has no e-mail" in found
    with file.open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == TEMPLATE
    assert [row[0] for row in rows] == ["2", "4", "5"]
    rows[1][1:3] = ["ken@home.example.org", "Hana-2"]
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    assert "Account 4 has the user name of account 2" in refused("--settle-file", file)
    rows[1][2] = "kenny"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    apply("--settle-file", file)
    ken = User.objects.get(pk=4)
    assert (ken.email, ken.username) == ("ken@home.example.org", "kenny")


@pytest.mark.parametrize("text", ["id,email\n1,a@b.c\n", "id,email,username\n99,a@b.c,a\n"])
def test_a_file_that_settles_nothing_is_refused(old, uploads, tmp_path, text):
    old_backend.loose(old, uploads)
    file = tmp_path / "people.csv"
    file.write_text(text)
    with pytest.raises(CommandError, match="needs the id, email and username"):
        takeover("--settle-file", file)


def test_a_column_that_is_missing_can_be_named(old, uploads):
    guide_with(old, "storage_path VARCHAR(500) NOT NULL", "blob_ref VARCHAR(80) NOT NULL")
    person = {"id": 1, "email": "a@example.org", "username": "a", "hashed_password": ""}
    old.insert("sample_users", person | {"is_active": True})
    file = {"id": 1, "user_id": 1, "filename": "a.txt", "content_type": "", "size": 1}
    old.insert("sample_files", file | {"blob_ref": "x/a.txt"})
    before = old.everything()
    assert "--column sample_files.storage_path=NAME" in refused()
    report = takeover("--column", "sample_files.storage_path=blob_ref")
    assert "→ blob_ref becomes storage_path" in report
    assert "blob_ref: character varying(80), unknown to Camp" in takeover(
        "--column", "sample_files.storage_path="
    )
    for wrong in ("sample_files.storage_path=nothing", "sample_files.nothing=blob_ref", "files"):
        with pytest.raises(CommandError):
            takeover("--column", wrong)
    assert old.everything() == before
    apply("--column", "sample_files.storage_path=blob_ref")
    assert File.objects.get().storage_path == "x/a.txt"


def test_a_time_zone_that_does_not_exist_is_refused(old):
    guide_with(old)
    with pytest.raises(CommandError, match="no time zone Japan/Osaka"):
        takeover("--timestamps-in", "Japan/Osaka")


def test_a_table_without_a_key_is_refused(old):
    guide_with(
        old,
        "    PRIMARY KEY (id),\n    FOREIGN KEY(user_id) REFERENCES sample_users (id) "
        "ON DELETE CASCADE",
        "    FOREIGN KEY(user_id) REFERENCES sample_users (id)",
    )
    assert "sample_files has no primary key of one column" in refused()


def test_a_view_of_an_old_table_is_named_before(old):
    guide_with(old)
    old.run("CREATE VIEW big AS SELECT size FROM sample_files")
    assert "DROP VIEW big" in refused()


def test_a_table_of_another_role_is_named_before(old):
    guide_with(old)
    try:
        old.run(
            "CREATE ROLE camp_other LOGIN PASSWORD 'x'; GRANT ALL ON ALL TABLES IN SCHEMA "
            "public TO camp_other"
        )
        settings = server.connection.settings_dict
        kept = settings["USER"], settings["PASSWORD"]
        server.connection.close()
        settings["USER"], settings["PASSWORD"] = "camp_other", "x"
        try:
            found = refused()
        finally:
            server.connection.close()
            settings["USER"], settings["PASSWORD"] = kept
        assert f"sample_users belongs to {kept[0]}" in found
        assert "may not create schemas and tables" in found
    finally:
        old.run("DROP OWNED BY camp_other; DROP ROLE camp_other")


def test_keys_that_others_point_to_stay_theirs(old, uploads):
    old.run(old_backend.ALEMBIC + old_backend.UUIDS + old_backend.KEYS)
    key = "00000000-0000-0000-0000-000000000009"
    person = {"id": key, "email": "a@example.org", "username": "a", "hashed_password": ""}
    times = {"created_at": old_backend.MADE, "updated_at": old_backend.MADE}
    old.insert("sample_users", person | {"is_active": True} | times)
    old.insert("sample_keys", {"id": 1, "user_id": key})
    apply()
    User.objects.create_user("new", "new@example.org")
    User.objects.get(username="a").delete()
    assert old.query("SELECT * FROM sample_keys") == []


def test_somebody_at_work_is_named(old):
    guide_with(old)
    with old.cursor() as other:
        other.execute("SELECT * FROM sample_users")
        with pytest.raises(CommandError, match=r"connected to the database .*process \d+"):
            apply()


def test_production_and_the_name_are_asked_for_as_elsewhere(old, settings):
    guide_with(old)
    before = old.everything()
    with pytest.raises(CommandError, match="no terminal"):
        call_command("takeover", "--apply")
    with pytest.raises(CommandError, match="not the name"):
        call_command("takeover", "--apply", "--no-input", "--name", "other")
    settings.CAMP_ENVIRONMENT = "production"
    with pytest.raises(CommandError, match="force-production"):
        apply()
    assert old.everything() == before


def test_a_copy_is_made_first(old, settings):
    guide_with(old)
    name = server.locate_database().name
    before = old.everything()
    report = takeover("--apply", "--no-input", "--name", name)
    [copy] = settings.BACKUP_FOLDER.glob("*.tar")
    assert str(copy) in report
    role = server.connection.settings_dict["USER"]
    confirmed = ["--no-input", "--name", name, "--no-backup", "--as-superuser", role]
    call_command("restore", copy, *confirmed)
    assert old.everything() == before


def test_accounts_that_differ_by_case_beyond_ascii_are_settled(old, uploads):
    old.run(ALEMBIC + GUIDE)
    for number, name in enumerate(["Дима", "дима", "Élan", "élan", "ẞz", "ßz"], 1):
        person = {"id": number, "email": f"{number}@example.org", "username": name}
        old.insert("sample_users", person | {"hashed_password": "", "is_active": True})
    assert "Account 2 has the user name of account 1" in refused("--uploads", uploads)
    apply("--uploads", uploads, "--settle", "rename")
    names = User.objects.order_by("pk").values_list("username", flat=True)
    assert list(names) == ["Дима", "дима-2", "Élan", "élan-2", "ẞz", "ßz-2"]
    assert User.objects.find("ДИМА").pk == 1
    assert User.objects.find("SSZ-2").pk == 6


def test_unknown_columns_are_kept_whatever_their_names(old):
    guide_with(old)
    person = {"id": 1, "email": "a@example.org", "username": "a", "hashed_password": ""}
    old.insert("sample_users", person | {"is_active": True})
    old.run("""ALTER TABLE sample_users ADD "growth % of ""x"" now" TEXT DEFAULT 'kept'""")
    old.run("ALTER TABLE sample_users ADD username_key TEXT DEFAULT 'old'")
    apply()
    [row] = old.query("""SELECT "growth % of ""x"" now", old_username_key FROM sample_users""")
    assert row == ("kept", "old")
    assert User.objects.find("a").pk == 1
