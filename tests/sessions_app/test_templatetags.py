"""What other pages show of the sessions."""

from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template
from django.utils import timezone

from sessions_app.models import Session

RECENT = Template(
    "{% load sessions_app %}{% recent_sessions as all %}"
    "{% for one in all.newest %}{{ one.title }},{% endfor %}"
)


def test_the_five_newest_own_sessions_are_recent(owner, stranger, django_assert_num_queries):
    for number in range(7):
        Session.objects.create(user=owner, title=f"s{number}")
    Session.objects.create(user=stranger, title="foreign")
    Session.objects.create(user=owner, title="gone", deleted_at=timezone.now())
    with django_assert_num_queries(1):
        assert RECENT.render(Context({"user": owner})) == "s6,s5,s4,s3,s2,"


def test_strangers_have_no_recent_sessions(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert RECENT.render(Context({"user": AnonymousUser()})) == ""


def test_the_filter_renders_markdown():
    template = Template("{% load sessions_app %}{{ text|markdown }}")
    html = template.render(Context({"text": "**b** <script>"}))
    assert html.strip() == "<p><strong>b</strong> &lt;script&gt;</p>"
