"""Where the collected static files are."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Static files with hashed names, also in the `import` statements of JavaScript modules.

    Modules must not import each other in a circle: their hashes would never settle.
    """

    support_js_module_import_aggregation = True
