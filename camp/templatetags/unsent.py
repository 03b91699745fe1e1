"""What unsent.js says about messages that wait in the browser."""

from django import template
from django.utils.translation import ngettext

register = template.Library()


@register.simple_tag
def unsent_texts():
    """Return the texts, to be JSON: each for one and for more, with {n} for the number."""
    return {
        "count": [count_unsent(number) for number in (1, 2)],
        "ask": [ask_before_log_out(number) for number in (1, 2)],
    }


def count_unsent(number):
    """Return how many messages wait, in the form that `number` needs."""
    text = ngettext(
        "%(count)s message has not been sent yet",
        "%(count)s messages have not been sent yet",
        number,
    )
    return text % {"count": "{n}"}


def ask_before_log_out(number):
    """Return the question before the log-out, in the form that `number` needs."""
    text = ngettext(
        "You have %(count)s unsent message. If you log out, it is deleted from this browser.",
        "You have %(count)s unsent messages. If you log out, they are deleted from this browser.",
        number,
    )
    return text % {"count": "{n}"}
