"""Databases of the old backend, for the tests of `manage.py takeover`."""

from tests.old_backend import migration_script, old, quick_migrate, uploads  # noqa: F401
