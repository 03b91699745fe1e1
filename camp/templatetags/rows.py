"""Template tags for parts of pages that are Jinja2 templates; see templates/jinja2."""

from django import template

from camp.templatetags.camp import Clock
from camp.web.rendering import jinja

register = template.Library()


@register.simple_tag(takes_context=True)
def include_jinja(context, name):
    """Return a template of templates/jinja2 as HTML, with the variables of this one."""
    return jinja.render(name, **context.flatten())


@register.simple_tag
def rows(name, things):
    """Return a template of templates/jinja2 with `rows`, and a `clock`, as HTML."""
    return jinja.render(name, rows=things, clock=Clock())
