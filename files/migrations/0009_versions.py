"""Earlier versions of files that are replaced, and uploads that replace one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("files", "0008_shares")]

    operations = [
        migrations.AddField(
            model_name="file",
            name="replaced_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="replaced"),
        ),
        migrations.CreateModel(
            name="Version",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("filename", models.CharField(max_length=255, verbose_name="name")),
                ("content_type", models.CharField(max_length=100, verbose_name="type")),
                ("size", models.BigIntegerField(verbose_name="size")),
                (
                    "sha256",
                    models.CharField(
                        blank=True,
                        default="",
                        editable=False,
                        max_length=64,
                        verbose_name="SHA-256",
                    ),
                ),
                (
                    "storage_path",
                    models.CharField(editable=False, max_length=500, verbose_name="storage path"),
                ),
                ("since", models.DateTimeField(verbose_name="from")),
                ("replaced_at", models.DateTimeField(verbose_name="to")),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="files.file",
                        verbose_name="file",
                    ),
                ),
            ],
            options={
                "verbose_name": "earlier version",
                "verbose_name_plural": "earlier versions",
                "db_table": "camp_versions",
                "ordering": ["-replaced_at", "-id"],
                "indexes": [models.Index(models.F("storage_path"), name="camp_versions_path")],
            },
        ),
        migrations.AddField(
            model_name="upload",
            name="replaces",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="replacements",
                to="files.file",
                verbose_name="file to replace",
            ),
        ),
        # Several may have become the same file.
        migrations.AlterField(
            model_name="upload",
            name="file",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="uploads",
                to="files.file",
                verbose_name="file",
            ),
        ),
    ]
