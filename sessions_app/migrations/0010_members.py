"""Members of sessions, authors of messages, and what open pages need to follow changes."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0009_batch_deletion"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Member",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("may_write", models.BooleanField(default=False, verbose_name="may write")),
                ("added_at", models.DateTimeField(auto_now_add=True, verbose_name="added")),
            ],
            options={
                "verbose_name": "member",
                "verbose_name_plural": "members",
                "db_table": "camp_session_members",
            },
        ),
        migrations.CreateModel(
            name="ReadMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("read_up_to", models.DateTimeField()),
            ],
            options={
                "db_table": "camp_session_read_marks",
            },
        ),
        migrations.AlterModelOptions(
            name="session",
            options={
                "permissions": [("share_with_everyone", "Can share with everyone and announce")],
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
            },
        ),
        migrations.AddField(
            model_name="message",
            name="author",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="messages",
                to=settings.AUTH_USER_MODEL,
                verbose_name="author",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="reply_to",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="replies",
                to="sessions_app.message",
                verbose_name="answer to",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="submission_id",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="session",
            name="announced_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="announced"
            ),
        ),
        migrations.AddField(
            model_name="session",
            name="revision",
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("reply_to"),
                condition=models.Q(("reply_to__isnull", False)),
                name="sample_messages_replies",
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                models.F("announced_at"),
                condition=models.Q(("announced_at__isnull", False)),
                name="sample_sessions_announced",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("submission_id__isnull", False)),
                fields=("session", "author", "submission_id"),
                name="sample_messages_submission",
            ),
        ),
        migrations.AddField(
            model_name="member",
            name="added_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="added by",
            ),
        ),
        migrations.AddField(
            model_name="member",
            name="session",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="sessions_app.session",
                verbose_name="session",
            ),
        ),
        migrations.AddField(
            model_name="member",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Without a user: everyone who has an account.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AddField(
            model_name="readmark",
            name="session",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="read_marks",
                to="sessions_app.session",
            ),
        ),
        migrations.AddField(
            model_name="readmark",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="read_marks",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(
                models.F("user"), models.F("session"), name="camp_session_members_user"
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.UniqueConstraint(
                fields=("session", "user"),
                name="camp_session_members_once",
                violation_error_message="This user is a member already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.UniqueConstraint(
                condition=models.Q(("user", None)),
                fields=("session",),
                name="camp_session_members_everyone",
                violation_error_message="Everyone is a member already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="readmark",
            constraint=models.UniqueConstraint(
                fields=("session", "user"), name="camp_session_read_marks_once"
            ),
        ),
    ]
