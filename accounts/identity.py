"""Lookup keys of user names and e-mails: equivalent spellings have the same key.

The key is Unicode's toNFKC_Casefold (The Unicode Standard, 3.13.5), applied until stable; the host
of an e-mail is decoded from Punycode.
"""

import hashlib
import re

from django.db import models
from django.db.models import Q

from camp.fs.text import normalize

# A key of this length fits into an entry of PostgreSQL's indexes, of at most 2,704 bytes.
LENGTH = 255  # characters
HOST_LENGTH = 253  # characters, RFC 1035
LABEL_LENGTH = 63
ROUNDS = 8
PUNYCODE = "xn--"
# Stands in the key of an account whose name is taken, before its number. In no key otherwise.
MARK = "\x1f"
# Default_Ignorable_Code_Point, which toNFKC_Casefold removes (DerivedCoreProperties.txt).
_ignorable = re.compile(
    "[\x00\x1f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def fold(text):
    """Return a text without differences of case, width and composition, and without invisible
    characters.
    """
    for _round in range(ROUNDS):
        folded = normalize(_ignorable.sub("", normalize(text)).casefold()).strip()
        if folded == text:
            break
        text = folded
    return text


def username_key(text):
    """Return the key of a user name; "" if it has no visible character."""
    return _shorten(fold(text))


def email_key(text):
    """Return the key of an e-mail; malformed ones have a key too."""
    local, at, host = fold(text).rpartition("@")
    return _shorten(f"{local}{at}{_host(host)}" if at else fold(text))


def login_key(text):
    """Return (field, key) for a name typed at log-in: `email_key` or `username_key`."""
    if "@" in fold(text):
        return "email_key", email_key(text)
    return "username_key", username_key(text)


KEYS = {"username": username_key, "email": email_key}


def _shorten(key):
    """Return the key, or its start and its hash if it is too long."""
    if len(key) <= LENGTH:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{key[: LENGTH - len(digest) - 1]}#{digest}"


def _host(folded):
    """Return a host name in Unicode, without the trailing dot."""
    if len(folded) > HOST_LENGTH:
        return folded
    labels = folded.replace("。", ".").removesuffix(".").split(".")
    return ".".join(map(_label, labels))


def _label(label):
    """Return a host label in Unicode; unchanged if it is not valid Punycode."""
    if not label.startswith(PUNYCODE) or len(label) > LABEL_LENGTH:
        return label
    try:
        decoded = label.removeprefix(PUNYCODE).encode("ascii").decode("punycode")
        decoded.encode("utf-8")  # it may hold half of a surrogate pair
    except UnicodeError:
        return label
    folded = fold(decoded)
    misleading = not folded or decoded.isascii() or folded.startswith(PUNYCODE)
    return label if misleading or set(folded) & set("@.。 ") else folded


class KeyField(models.CharField):
    """A column with the key of the field `source`, set when the row is saved.

    It is NULL in rows that other programs wrote; `migrate` fills those. A key with MARK stays
    until the source changes.
    """

    def __init__(self, *args, source=None, **kwargs):
        self.source = source
        kwargs.update(max_length=LENGTH + 32, null=True, default=None, blank=True, editable=False)
        super().__init__(*args, **kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        for key in ("max_length", "null", "default", "blank", "editable"):
            kwargs.pop(key, None)
        return name, path, args, kwargs | {"source": self.source}

    def search_value(self, text):
        """Return the key of what an organiser searches for."""
        return KEYS[self.source](text)

    def key_of(self, instance):
        """Return the key of an instance, or None if it has no visible character."""
        key = KEYS[self.source](getattr(instance, self.source) or "") or None
        before = instance.__dict__.get(self.attname)
        return before if key and is_marked(before, key) else key

    def pre_save(self, model_instance, add):
        key = self.key_of(model_instance)
        setattr(model_instance, self.attname, key)
        return key


def is_marked(stored, key=""):
    """Return whether a stored key says that an older account owns `key`."""
    return bool(stored) and MARK in stored and stored.startswith(f"{key}{MARK}" if key else "")


def placeholder_key(key, pk):
    """Return the placeholder key of the account `pk` while another owns `key`."""
    return f"{key}{MARK}{pk}"


def key_fields(model):
    """Return {source: KeyField} of a model."""
    fields = model._meta.concrete_fields
    return {field.source: field for field in fields if isinstance(field, KeyField)}


class IdentityQuerySet(models.QuerySet):
    """Find rows by key, and keep the keys up to date."""

    def by_login(self, text):
        """Return the accounts whose name or e-mail is `text` in any spelling.

        There are several if accounts collide; an exact match comes first.
        """
        text = text.replace("\x00", "").strip()
        field, key = login_key(text)
        source = field.removesuffix("_key")
        exact = Q(**{source: text})
        if not key:
            return self.none()
        return self.filter(Q(**{field: key}) | exact).order_by(
            models.Case(models.When(exact, then=0), default=1), "pk"
        )

    def update(self, **kwargs):
        """Update like Django, including the keys.

        Raises TypeError for an expression as name or e-mail: its key is unknown.
        """
        for source, field in key_fields(self.model).items():
            if source in kwargs and field.name not in kwargs:
                if not isinstance(kwargs[source], str):
                    raise TypeError(f"Save each row, or give {field.name} as well.")
                kwargs[field.name] = KEYS[source](kwargs[source]) or None
        return super().update(**kwargs)

    update.alters_data = True

    def bulk_update(self, objs, fields, batch_size=None):
        """Update like Django, including the keys."""
        objs, fields = tuple(objs), list(fields)
        for source, field in key_fields(self.model).items():
            if source in fields and field.name not in fields:
                fields.append(field.name)
                for instance in objs:
                    field.pre_save(instance, add=False)
        return super().bulk_update(objs, fields, batch_size)

    bulk_update.alters_data = True

    def bulk_create(self, objs, *args, update_fields=None, **kwargs):
        """Create like Django, including the keys of updated conflicts."""
        return super().bulk_create(
            objs, *args, update_fields=with_keys(self.model, update_fields), **kwargs
        )

    bulk_create.alters_data = True


def with_keys(model, update_fields):
    """Return the field names to save, including their key fields."""
    if update_fields is None:
        return None
    keys = [field.name for source, field in key_fields(model).items() if source in update_fields]
    return [*update_fields, *(key for key in keys if key not in update_fields)]
