"""Databases of the old backend, for the tests of `manage.py takeover`."""

from tests.old_backend import old, uploads  # noqa: F401
