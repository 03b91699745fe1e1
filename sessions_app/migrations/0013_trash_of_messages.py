"""Let the deletion of a message be undone."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0012_moderators_share_with_everyone"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="deleted_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="deleted"
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="deleted_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="deleted by",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("session"),
                models.F("deleted_at"),
                condition=models.Q(("deleted_at__isnull", False)),
                name="sample_messages_trash",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("deleted_by"),
                condition=models.Q(("deleted_by__isnull", False)),
                name="sample_messages_deleter",
            ),
        ),
    ]
