"""A counter of unknown people whom an account looks for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_organiser_groups"),
    ]

    operations = [
        migrations.AlterField(
            model_name="attemptcounter",
            name="kind",
            field=models.CharField(
                choices=[
                    ("login", "passwords for an account from one address"),
                    ("account", "passwords for an account"),
                    ("address", "log-ins from one address"),
                    ("mailbox", "password e-mails to one mailbox"),
                    ("asker", "password e-mails requested from one address"),
                    ("people", "unknown people looked for by an account"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
    ]
