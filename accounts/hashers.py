"""Password hashers: Django's with limited concurrency, and those of the old backend.

The old backend stored raw hashes without Django's algorithm prefix. A bcrypt hash does not show
whether it is of the password or of its SHA-256; only trying a password does. All of these are
upgraded to Argon2 at the next log-in.
"""

import hashlib
import re

from django.contrib.auth import hashers

from camp.web.slots import hashing_slots

BCRYPT_LIMIT = 72  # bytes; what comes after never counted, and bcrypt 5 refuses it

_raw = re.compile(r"\$(?:2[aby]?|argon2(?:id|i|d))\$").match


def add_algorithm_prefix(encoded):
    """Return a stored hash in Django's form: raw ones get OldBackendHasher's prefix."""
    return f"{OldBackendHasher.algorithm}{encoded}" if _raw(encoded or "") else encoded


class BoundedHasher:
    """A mixin that limits concurrent hashing in the process.

    Encoding and verifying raise HashingBusy if no slot becomes free in time.
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
    """Django's hasher with limited concurrency."""


class PBKDF2PasswordHasher(BoundedHasher, hashers.PBKDF2PasswordHasher):
    """Django's hasher with limited concurrency."""


class ScryptPasswordHasher(BoundedHasher, hashers.ScryptPasswordHasher):
    """Django's hasher with limited concurrency."""


class BCryptSHA256PasswordHasher(BoundedHasher, hashers.BCryptSHA256PasswordHasher):
    """Django's hasher with limited concurrency."""


class RawHashVerifier(hashers.BasePasswordHasher):
    """Verify raw bcrypt and Argon2 hashes; cannot create any."""

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
        """Return nothing: the admin shows no hashes."""
        return {}


class OldBackendHasher(BoundedHasher, RawHashVerifier):
    """RawHashVerifier with limited concurrency."""


class TruncatingBCrypt(hashers.BCryptPasswordHasher):
    """Django's plain bcrypt, also for passwords over bcrypt 5's limit of 72 bytes."""

    def encode(self, password, salt):
        """Return the hash of the bytes that bcrypt can take."""
        hashed = self._load_library().hashpw(password.encode()[:BCRYPT_LIMIT], salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"


class TruncatingBCryptPasswordHasher(BoundedHasher, TruncatingBCrypt):
    """TruncatingBCrypt with limited concurrency."""


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
