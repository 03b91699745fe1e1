"""Indexes for the lists of organisers, who see the rows of everyone."""

from django.conf import settings
from django.db import migrations, models

import files.content_types


class Migration(migrations.Migration):
    dependencies = [
        ("files", "0015_old_metadata"),
        ("sessions_app", "0007_admin_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="file",
            index=models.Index(
                models.F("created_at"), models.F("id"), name="sample_files_all_created"
            ),
        ),
        migrations.AddIndex(
            model_name="file",
            index=models.Index(
                models.F("search_text"), models.F("id"), name="sample_files_all_names"
            ),
        ),
        migrations.AddIndex(
            model_name="file",
            index=models.Index(models.F("size"), models.F("id"), name="sample_files_all_sizes"),
        ),
        migrations.AddIndex(
            model_name="file",
            index=models.Index(
                files.content_types.KindOf("content_type"),
                models.F("created_at"),
                models.F("id"),
                name="sample_files_all_kinds",
            ),
        ),
        migrations.AddIndex(
            model_name="file",
            index=models.Index(
                models.F("deleted_at"),
                models.F("created_at"),
                models.F("id"),
                name="sample_files_all_trash",
            ),
        ),
        migrations.AddIndex(
            model_name="file",
            index=models.Index(models.F("sha256"), name="sample_files_sha256"),
        ),
        migrations.AddIndex(
            model_name="share",
            index=models.Index(
                models.F("created_at"), models.F("id"), name="camp_shares_all_created"
            ),
        ),
        migrations.AddIndex(
            model_name="share",
            index=models.Index(
                models.F("expires_at"),
                models.F("created_at"),
                models.F("id"),
                name="camp_shares_all_ends",
            ),
        ),
        migrations.AddIndex(
            model_name="share",
            index=models.Index(
                models.F("created_at"),
                models.F("id"),
                condition=models.Q(("downloads__gte", models.F("limit"))),
                name="camp_shares_all_used",
            ),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                models.F("created_at"),
                models.F("id"),
                condition=models.Q(("file", None)),
                name="camp_uploads_unfinished",
            ),
        ),
    ]
