"""Template tag for the rows of a list that needs no more than its template."""

from django import template

from camp.templatetags.camp import Clock
from camp.web.rendering import jinja

register = template.Library()


@register.simple_tag
def rows(name, things):
    """Return a template of templates/jinja2 with `rows`, and a `clock`, as HTML."""
    return jinja.render(name, rows=things, clock=Clock())
