"""Make the owner of a session the author of what was written before messages had one."""

from django.db import migrations
from django.db.models import OuterRef, Subquery


def fill(apps, schema_editor):
    message, session = (apps.get_model("sessions_app", name) for name in ("Message", "Session"))
    owner = session.objects.filter(pk=OuterRef("session")).values("user")
    message.objects.filter(role="user", author=None).update(author=Subquery(owner))


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0010_members")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
