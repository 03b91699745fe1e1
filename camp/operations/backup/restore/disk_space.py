"""Whether the disks have room for new data beside the present."""

import os
import shutil

from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.operations.console import size


def refuse_without(needed):
    """Raise CommandError where a volume has less left than `needed`, {folder: bytes}, takes."""
    volumes = {}
    for folder, amount in needed.items():
        volume = volumes.setdefault(os.stat(folder).st_dev, [folder, 0])
        volume[1] += amount
    for folder, amount in volumes.values():
        free = shutil.disk_usage(folder).free
        if free < amount:
            sentence = _(
                "The disk of %(folder)s has %(free)s left, and the restore takes %(needed)s "
                "there beside the present data: nothing was done."
            )
            values = {"folder": folder, "free": size(free), "needed": size(amount)}
            raise CommandError(sentence % values)
