"""What other pages show of the files."""

from datetime import timedelta

import pytest
from django.template import Context, Template
from django.utils import timezone

from files.models import Upload
from files.uploads import unfinished


def render(text, **context):
    return Template("{% load files camp %}" + text).render(Context(context))


def test_the_newest_five_files(owner, stranger, keep):
    for number in range(7):
        keep(str(number))
    keep("trashed").trash()
    keep("theirs", user=stranger)
    text = "{% recent_files as files %}{% for file in files %}{{ file.filename }}{% endfor %}"
    assert render(text, user=owner) == "65432"


def test_how_much_room_is_used(owner, stranger, keep):
    keep(content=b"x" * 1000)
    keep(content=b"x" * 24)
    keep(content=b"x").trash()
    keep(content=b"x", user=stranger)
    assert render("{% storage_room as room %}{{ room.used }}", user=owner) == "1025"


def test_the_sum_is_asked_for_once(owner, file, django_assert_num_queries):
    with django_assert_num_queries(3):  # with the limit, which is asked for each time
        for _ in range(3):
            render("{% storage_room %}", user=owner)


@pytest.mark.parametrize(
    "content_type",
    [
        "image/png",
        "video/mp4",
        "audio/mpeg",
        "application/pdf",
        "text/plain",
        "application/zip",
        "x/y",
    ],
)
def test_every_kind_has_an_icon(file, content_type):
    file.content_type = content_type
    assert "<svg" in render("{% file_icon file %}", file=file)


def test_the_count_of_unfinished_uploads_is_that_of_their_list(owner, member):
    now = timezone.now()
    for user, age in ((owner, 1), (owner, 2), (member, 1), (owner, -1)):
        Upload.objects.create(
            user=user, filename="a.txt", length=3, expires_at=now + timedelta(hours=age)
        )
    assert unfinished.count_unfinished(owner) == 2
    assert Upload.objects.unfinished(owner).count() == 2
