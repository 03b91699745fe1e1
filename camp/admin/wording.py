"""Texts of Django's admin and of axes that Camp's Japanese catalogue words again.

Their own translations are missing, or have spaces around the inserted names. `makemessages`
collects these; Camp's catalogue takes precedence over theirs.
"""

from django.utils.translation import gettext_noop

TEXTS = [
    gettext_noop("Add %(name)s"),
    gettext_noop("Add %s"),
    gettext_noop("Add another %(model)s"),
    gettext_noop("Add another %(verbose_name)s"),
    gettext_noop("Cannot delete %(name)s"),
    gettext_noop("Change %s"),
    gettext_noop("Changed {fields}."),
    gettext_noop("Delete selected %(verbose_name_plural)s"),
    gettext_noop("Objects"),
    gettext_noop("Select %s"),
    gettext_noop("Successfully deleted %(count)d %(items)s."),
    gettext_noop("The %(name)s “%(obj)s” was deleted successfully."),
    gettext_noop("The {name} “{obj}” was added successfully."),
    gettext_noop("The {name} “{obj}” was added successfully. You may add another {name} below."),
    gettext_noop("The {name} “{obj}” was changed successfully."),
    gettext_noop("The {name} “{obj}” was changed successfully. You may add another {name} below."),
    gettext_noop("The {name} “{obj}” was changed successfully. You may edit it again below."),
    gettext_noop("View %s"),
    gettext_noop("View selected %(model)s"),
    gettext_noop("Yes, I’m sure"),
    gettext_noop("access attempt"),
    gettext_noop("access attempt expiration"),
    gettext_noop("access failure"),
    gettext_noop("access log"),
]
