"""How soon people get e-mail about news, and up to when they were told."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_people_looked_for")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="email_news",
            field=models.CharField(
                blank=True,
                choices=[("at_once", "At once"), ("daily", "Once a day")],
                help_text="About new messages and mentions in sessions that you share with others.",
                max_length=10,
                null=True,
                verbose_name="e-mail about news",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="notified_up_to",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                "email_news",
                "id",
                condition=models.Q(("email_news__isnull", False)),
                name="sample_users_news",
            ),
        ),
    ]
