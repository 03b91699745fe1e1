"""Jinja2 for the rows of long lists, which it renders ten times as fast as Django's templates.

Everything else of a page is a Django template; see "Front end" in docs/development.md.
"""

import re

from django.template import engines
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from jinja2 import Environment
from jinja2.ext import Extension

from camp.templatetags.camp import Clock, icon, readable_bytes

INDENTATION = re.compile(r"\n\s+")


class WithoutIndentation(Extension):
    """Leaves the indentation of a template out of the pages: it is sent with each row."""

    def preprocess(self, source, name, filename=None):
        """Return the source of a template without leading spaces."""
        return INDENTATION.sub("\n", source)


def environment(**options):
    """Return the Jinja2 environment, with what rows need."""
    made = Environment(extensions=[WithoutIndentation], **options)  # noqa: S701, Django sets autoescape
    made.globals |= {"_": gettext, "icon": icon}
    made.filters["bytes"] = readable_bytes
    return made


def render(name, **context):
    """Return a template of templates/jinja2 as HTML; it can call `when` for moments."""
    template = engines["jinja2"].get_template(name)
    return mark_safe(template.render({"when": Clock().show, **context}))
