"""Filling and repairing lookup keys, and accounts whose keys collide.

The older of two colliding accounts keeps the key; the other's is marked until somebody settles it,
and meanwhile its owner logs in with the exact spelling.
"""

from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.identity import KEYS, MARK, is_marked, placeholder_key
from camp.config import shell
from camp.db import bigram_index

BATCH = 500  # rows in memory at a time
SHOWN = 20
FIX = shell.manage("settle_accounts")
MIGRATION = ("accounts", "0003_identity_keys")
SEARCHED = ("accounts", "0007_search_index")


def colliding_accounts(model):
    """Return the accounts without a key of their own, oldest first."""
    wrong = Q()
    for source in KEYS:
        wrong |= Q(**{f"{source}_key": None}) | Q(**{f"{source}_key__contains": MARK})
    return model._base_manager.filter(wrong).order_by("pk")


def fill_keys(model):
    """Set the keys of all `colliding_accounts` accounts, and mark those that collide."""
    last = 0
    while batch := list(colliding_accounts(model).filter(pk__gt=last)[:BATCH]):
        last = batch[-1].pk
        with transaction.atomic(using=batch[0]._state.db):
            for source in KEYS:
                _fill(model, batch, source)
            model._base_manager.bulk_update(batch, [f"{source}_key" for source in KEYS])


def _fill(model, batch, source):
    """Set the keys of one kind on instances."""
    name = f"{source}_key"
    wanted = {user.pk: KEYS[source](getattr(user, source) or "") or None for user in batch}
    found = model._base_manager.filter(**{f"{name}__in": {*wanted.values()} - {None}})
    holders = dict(found.values_list(name, "pk"))
    for user in batch:
        key = wanted[user.pk]
        if key and holders.setdefault(key, user.pk) != user.pk:
            key = placeholder_key(key, user.pk)
        setattr(user, name, key)


def refresh_keys(model):
    """Recompute keys that no longer match, such as after a manual UPDATE."""
    with transaction.atomic():
        for user in model._base_manager.order_by("pk").iterator(chunk_size=BATCH):
            for source, key_of in KEYS.items():
                key, stored = key_of(getattr(user, source)) or None, getattr(user, f"{source}_key")
                if stored != key and not (key and is_marked(stored, key)):
                    row = model._base_manager.filter(pk=user.pk)
                    row.update(**{f"{source}_key": None})
        fill_keys(model)


def describe_collisions(model):
    """Yield a sentence for each account with a collision or an empty name, up to SHOWN."""
    lines = [line for user in colliding_accounts(model)[:SHOWN] for line in _sentences(model, user)]
    yield from lines
    rest = colliding_accounts(model).count() - SHOWN
    if rest > 0:
        text = ngettext("… and %(count)d more account.", "… and %(count)d more accounts.", rest)
        yield text % {"count": rest}


def _sentences(model, user):
    """Yield the problems of an account, with names."""
    words = {
        "username": (
            _("Account %(key)s (%(name)s) has the user name of account %(other)s (%(theirs)s)."),
            _("Account %(key)s has no user name."),
        ),
        "email": (
            _("Account %(key)s (%(name)s) has the e-mail of account %(other)s (%(theirs)s)."),
            _("Account %(key)s has no e-mail."),
        ),
    }
    for source, (taken, missing) in words.items():
        stored = getattr(user, f"{source}_key")
        values = {"key": user.pk, "name": getattr(user, source)}
        if stored is None and not KEYS[source](getattr(user, source)):
            yield missing % values
        elif stored is None:
            yield _("Account %(key)s (%(name)s) was added by another program.") % values
        elif is_marked(stored):
            key = stored.rpartition(MARK)[0]
            other = model._base_manager.filter(**{f"{source}_key": key}).first()
            theirs = {"other": other and other.pk, "theirs": other and getattr(other, source)}
            yield taken % (values | theirs)


def fill_after_migrate(sender, using, stdout=None, **kwargs):
    """Fill missing keys and list colliding accounts; a post_migrate receiver."""
    if MIGRATION not in MigrationRecorder(connections[using]).applied_migrations():
        return
    bigram_index.repair(connections[using], SEARCHED, "all_sample_users")
    model = sender.get_model("User")
    fill_keys(model)
    lines = list(describe_collisions(model))
    if lines and stdout:
        for line in (*lines, _("Settle the accounts with: %(fix)s") % {"fix": FIX}):
            stdout.write(f"{line}\n")
