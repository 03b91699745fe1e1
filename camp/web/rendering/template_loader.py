"""Templates without their indentation, which would be a fifth of a page."""

import re

from django.template.loaders import filesystem

INDENTATION = re.compile(r"\n\s+")


def strip_indentation(source):
    """Return HTML without blank lines and spaces at the start of lines."""
    return INDENTATION.sub("\n", source)


class Loader(filesystem.Loader):
    """Loads templates from DIRS; pages without indentation, texts such as e-mails as they are."""

    def get_contents(self, origin):
        """Return the source of a template."""
        source = super().get_contents(origin)
        return strip_indentation(source) if origin.name.endswith(".html") else source
