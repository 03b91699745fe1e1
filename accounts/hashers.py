"""Django's password hashers, a few passwords at once, and those of the old backend.

The old backend stored what its libraries returned, without the prefix that Django knows
a hasher by. Of a bcrypt hash nobody can tell whether the password or its SHA-256 went into
it, until a password is tried. All of these are replaced by Argon2 when their owner logs in.
"""

import hashlib
import re

from django.contrib.auth import hashers

from camp.web.hashing_slots import hashing_slots

BCRYPT_LIMIT = 72  # bytes; what comes after never counted, and bcrypt 5 refuses it

_raw = re.compile(r"\$(?:2[aby]?|argon2(?:id|i|d))\$").match


def recognisable(encoded):
    """Return a stored hash as Django can identify it: raw ones become `OldBackendHasher`'s."""
    return f"{OldBackendHasher.algorithm}{encoded}" if _raw(encoded or "") else encoded


class BoundedHasher:
    """Hashes, and compares with a hash, only a few passwords at once in the whole process.

    Either raises HashingBusy when that takes too long.
    """

    def encode(self, password, *args, **kwargs):
        with hashing_slots.hashing():
            return super().encode(password, *args, **kwargs)

    def verify(self, password, encoded):
        with hashing_slots.hashing():
            return super().verify(password, encoded)

    def harden_runtime(self, password, encoded):
        with hashing_slots.hashing():
            return super().harden_runtime(password, encoded)


class Argon2PasswordHasher(BoundedHasher, hashers.Argon2PasswordHasher):
    """Django's, a few at once."""


class PBKDF2PasswordHasher(BoundedHasher, hashers.PBKDF2PasswordHasher):
    """Django's, a few at once."""


class ScryptPasswordHasher(BoundedHasher, hashers.ScryptPasswordHasher):
    """Django's, a few at once."""


class BCryptSHA256PasswordHasher(BoundedHasher, hashers.BCryptSHA256PasswordHasher):
    """Django's, a few at once."""


class RawHashVerifier(hashers.BasePasswordHasher):
    """Checks raw hashes of bcrypt and Argon2. Makes none."""

    algorithm = "old"

    def verify(self, password, encoded):
        """Return whether `password` belongs to the hash; a damaged hash fits no password."""
        stored = encoded.removeprefix(self.algorithm)
        fits = _fits_argon2 if stored.startswith("$argon2") else _fits_bcrypt
        try:
            return fits(password.encode(), stored)
        except ValueError:
            return False

    def safe_summary(self, encoded):
        """Return nothing: the admin does not show hashes."""
        return {}


class OldBackendHasher(BoundedHasher, RawHashVerifier):
    """The same, a few at once."""


class TruncatingBCrypt(hashers.BCryptPasswordHasher):
    """Django's plain bcrypt, also for passwords that bcrypt 5 finds too long."""

    def encode(self, password, salt):
        """Return the hash of the bytes that bcrypt can take."""
        hashed = self._load_library().hashpw(password.encode()[:BCRYPT_LIMIT], salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"


class TruncatingBCryptPasswordHasher(BoundedHasher, TruncatingBCrypt):
    """The same, a few at once."""


def _fits_bcrypt(password, stored):
    import bcrypt

    digest = hashlib.sha256(password).hexdigest().encode()
    candidates = (digest, password[:BCRYPT_LIMIT])
    return any(bcrypt.checkpw(candidate, stored.encode()) for candidate in candidates)


def _fits_argon2(password, stored):
    import argon2

    try:
        return argon2.PasswordHasher().verify(stored, password)
    except argon2.exceptions.VerificationError:
        return False
