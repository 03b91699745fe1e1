"""Links are checked against a hash of their token, so that they survive another SECRET_KEY."""

import base64
import hashlib

from django.conf import settings
from django.db import migrations, models
from django.utils.crypto import salted_hmac


def fill_token_hashes(apps, schema_editor):
    """Hash the token that each link has by the present SECRET_KEY."""
    shares = apps.get_model("files", "Share").objects.using(schema_editor.connection.alias)
    for share in shares.filter(token_hash="").only("nonce").iterator():
        digest = salted_hmac(
            "files.share", share.nonce, secret=settings.SECRET_KEY, algorithm="sha256"
        ).digest()
        token = share.nonce + base64.urlsafe_b64encode(digest).decode("ascii")[:22]
        token_hash = hashlib.sha256(token.encode("ascii")).hexdigest()
        shares.filter(pk=share.pk).update(token_hash=token_hash)


class Migration(migrations.Migration):
    dependencies = [("files", "0012_search_index")]

    operations = [
        migrations.AddField(
            model_name="share",
            name="token_hash",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
        migrations.RunPython(fill_token_hashes, migrations.RunPython.noop),
    ]
