"""Jinja2 for what costs most on a page, which it renders ten times as fast as Django's templates.

That is the header and the rows of lists. Everything else is a Django template; see "Front end" in
docs/development.md.
"""

from functools import lru_cache

import jinja2
from django.template import engines
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import json_script
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, trans_real
from jinja2.ext import Extension

from camp.templatetags.camp import icon, readable_bytes
from camp.web.rendering.routes import Route
from camp.web.rendering.template_loader import strip_indentation


class WithoutIndentation(Extension):
    """Leaves the indentation of a template out of each row."""

    def preprocess(self, source, name, filename=None):
        """Return the source without indentation."""
        return strip_indentation(source)


@lru_cache(maxsize=1000)
def url(name, *args):
    """Return the URL of a view; for the same few arguments on all pages."""
    return reverse(name, args=args)


class Environment(jinja2.Environment):
    """Jinja2's, with the globals of a template in one dict: a ChainMap is slow to read."""

    def make_globals(self, d):
        """Return the globals for a template."""
        return {**self.globals, **(d or {})}


def environment(**options):
    """Return the Jinja2 environment, with what the templates need."""
    made = Environment(extensions=[WithoutIndentation], **options)
    made.globals |= {
        "_": gettext,
        "icon": icon,
        "json_script": json_script,
        "readable_bytes": readable_bytes,
        "Route": Route,
        "static": lru_cache(maxsize=1000)(static),
        "url": url,
    }
    return made


def render(name, **context):
    """Return a template of templates/jinja2 as HTML."""
    # Django's gettext looks up the language for each text.
    context["_"] = trans_real.catalog().gettext
    return mark_safe(engines["jinja2"].get_template(name).render(context))
