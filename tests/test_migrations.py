"""The schema: the guide's columns first, Camp's after, and the way back."""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from files.library import shares
from files.models import Share

APPS = ("accounts", "sessions_app", "files")
GUIDE = {
    "sample_users": {
        "id", "email", "username", "hashed_password", "is_active", "created_at", "updated_at",
    },
    "sample_sessions": {"id", "user_id", "session_id", "title", "created_at", "updated_at"},
    "sample_messages": {"id", "session_id", "role", "content", "created_at"},
    "sample_files": {
        "id", "user_id", "filename", "content_type", "size", "storage_path", "created_at",
    },
}  # fmt: skip
ADDED = {
    "sample_users": {
        "is_staff",
        "is_superuser",
        "last_login",
        "language",
        "time_zone",
        "email_news",
        "notified_up_to",
        "username_key",
        "email_key",
        "deletion_started_at",
    },
    "sample_sessions": {
        "deleted_at",
        "deletion_started_at",
        "search_text",
        "old_metadata",
        "revision",
        "announced_at",
    },
    "sample_messages": {
        "edited_at",
        "search_text",
        "old_metadata",
        "author_id",
        "reply_to_id",
        "submission_id",
        "deleted_at",
        "deleted_by_id",
    },
    "sample_files": {
        "session_id",
        "folder",
        "sha256",
        "deleted_at",
        "replaced_at",
        "search_text",
        "old_metadata",
    },
}


def migrate(*targets):
    """Migrate to (app, name) pairs; returns the models as they were there."""
    MigrationExecutor(connection).migrate(list(targets))
    reached = [target for target in targets if target[1]]
    return MigrationExecutor(connection).loader.project_state(reached).apps


def latest():
    return MigrationExecutor(connection).loader.graph.leaf_nodes()


def columns():
    with connection.cursor() as cursor:
        return {
            table: {
                column.name
                for column in connection.introspection.get_table_description(cursor, table)
            }
            for table in connection.introspection.table_names(cursor)
            if table in GUIDE
        }


def test_models_and_migrations_agree(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_all_migrations_add_what_camp_needs(db):
    assert columns() == {table: GUIDE[table] | ADDED[table] for table in GUIDE}


def test_every_migration_reverses_and_old_rows_become_findable(transactional_db):
    migrate(*((app, None) for app in APPS))
    assert columns() == {}
    old = migrate(*((app, "0001_initial") for app in APPS))
    assert columns() == GUIDE
    user = old.get_model("accounts.User").objects.create(username="hana", email="h@example.org")
    session = old.get_model("sessions_app.Session").objects.create(user=user, title="ＡＢＣ 合宿")
    old.get_model("sessions_app.Message").objects.create(session=session, content="東京タワー")
    old.get_model("files.File").objects.create(
        user=user, filename="カイド.TXT", size=1, storage_path="a"
    )
    new = migrate(*latest())
    session = new.get_model("sessions_app.Session").objects.get()
    assert session.search_text == "abc 合宿"
    assert new.get_model("sessions_app.Message").objects.get().search_text == "東京タワー"
    assert new.get_model("files.File").objects.get().search_text == "カイド.txt"


def test_links_of_before_get_the_hash_of_their_token(transactional_db, client):
    old = migrate(("files", "0012_search_index"))
    user = get_user_model().objects.create_user("hana", "h@example.org")
    row = old.get_model("files.Share").objects.create(
        user_id=user.pk, expires_at=timezone.now() + timedelta(days=1)
    )
    migrate(*latest())
    share = Share.objects.get(pk=row.pk)
    assert len(share.token_hash) == 64
    assert client.get(f"/s/{shares.token_of(share)}/").status_code == 200


def test_accounts_from_before_the_keys_get_them_and_nothing_is_lost(transactional_db, capsys):
    old = migrate(("accounts", "0002_permissions_and_preferences"))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sample_users ADD COLUMN phone varchar(20)")
    try:
        names = ["straße", "STRASSE", *(f"p{number}" for number in range(1100))]
        old.get_model("accounts.User").objects.bulk_create(
            old.get_model("accounts.User")(username=name, email=f"{name}@example.org")
            for name in names
        )
        with connection.cursor() as cursor:
            cursor.execute("UPDATE sample_users SET phone = '+81 3'")
        call_command("migrate", verbosity=0)
        assert "(STRASSE) has the user name of account" in capsys.readouterr().out
        users = get_user_model().objects
        assert list(users.order_by("pk").values_list("username", flat=True)) == names
        assert users.find("strasse").username == "straße"
        assert users.find("STRASSE").username == "STRASSE"
        assert users.find("P1099").username == "p1099"
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM sample_users WHERE phone = '+81 3'")
            assert cursor.fetchone() == (1102,)
    finally:
        migrate(*latest())
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE sample_users DROP COLUMN phone")
