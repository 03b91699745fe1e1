"""Giving accounts that share a name or an e-mail others, in a database that is in use."""

from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.identity import KEYS
from accounts.keys import colliding_accounts, refresh_keys
from camp.operations.takeover import collisions
from camp.operations.takeover.accounts import differences
from camp.operations.takeover.collisions import Person


def people(model):
    """Return everybody as a Person; those who keep their name come first."""
    later = set(colliding_accounts(model).values_list("pk", flat=True))
    rows = model._base_manager.order_by("pk").values_list("pk", "email", "username")
    everybody = [Person(str(pk), email, username).comparable for pk, email, username in rows]
    return sorted(everybody, key=lambda person: int(person.key) in later)


def settle(model, settlement):
    """Bring all keys up to date, and do what a Settlement says; returns a line for each change.

    Everything is done or nothing. Raises CommandError for names that are taken or not allowed.
    """
    with transaction.atomic():
        refresh_keys(model)
        changed = collisions.changes(people(model), settlement)
        try:
            _rename(model, changed, typed=bool(settlement.file))
        except IntegrityError:
            sentence = _("Two accounts would have the same name or e-mail: nothing was done.")
            raise CommandError(sentence) from None
        # What they had may be free for others now.
        refresh_keys(model)
    return [line for old, new in changed for line in differences(old, new)]


def write_template(model, file):
    """Write the accounts to settle into a CSV file, with a proposal for each."""
    refresh_keys(model)
    try:
        collisions.write_template(file, people(model))
    except OSError as error:
        sentence = _("%(file)s cannot be written (%(why)s).")
        raise CommandError(sentence % {"file": file, "why": error.strerror}) from None


def _rename(model, changed, *, typed):
    """Give the accounts of (old, new) Persons their new names and e-mails.

    What a person `typed` has to be allowed at sign-up too.
    """
    for old, new in changed:
        for source in KEYS:
            # Out of each other's way first.
            if getattr(old, source) != getattr(new, source):
                model.objects.filter(pk=int(old.key)).update(**{source: f"~{old.key}"})
    for old, new in changed:
        user = model.objects.get(pk=int(old.key))
        names = [source for source in KEYS if getattr(old, source) != getattr(new, source)]
        for source in names:
            setattr(user, source, getattr(new, source))
        if typed:
            _refuse_invalid(user, names)
        with transaction.atomic():
            user.save(update_fields=[*names, "updated_at"])


def _refuse_invalid(user, names):
    """Raise CommandError where a value of one of the fields is not allowed."""
    try:
        user.clean_fields({field.name for field in user._meta.fields} - {*names})
    except ValidationError as error:
        sentence = _("Account %(key)s: %(why)s Nothing was done.")
        values = {"key": user.pk, "why": " ".join(error.messages)}
        raise CommandError(sentence % values) from None
