"""Queries whose SQL is written once: the rows of whoever asks, as Django would read them."""

from threading import Thread

import pytest
from django.db import connection
from django.db.models import Q

from camp.db.compiled_query import compile_query
from sessions_app.models import Session


def titles_of(user, *, contains=Q()):  # noqa: B008, a constant
    """Return the titles of a user's sessions."""
    sessions = Session.objects.filter(user=user).filter(contains).order_by("title")
    return sessions.values_list("title", flat=True)


@pytest.fixture
def sessions(owner, stranger):
    """Sessions of two people."""
    for user, title in ((owner, "a"), (owner, "b"), (stranger, "c")):
        Session.objects.create(user=user, title=title)


def test_each_gets_their_own_rows(owner, stranger, sessions, django_assert_num_queries):
    read = compile_query(titles_of)
    with django_assert_num_queries(3):
        assert read(owner) == ["a", "b"]
        assert read(stranger) == ["c"]
        assert read(owner) == ["a", "b"]


def test_options_change_the_query(owner, sessions):
    read = compile_query(titles_of)
    assert read(owner, contains=Q(title="b")) == ["b"]
    assert read(owner, contains=Q(title="a")) == ["a"]
    assert read(owner) == ["a", "b"]


def test_rows_are_whole_models_with_annotations(owner, sessions):
    read = compile_query(lambda user: Session.objects.with_rights(user).filter(title="c"))
    (session,) = read(owner)
    assert (session.title, session.may_write) == ("c", False)
    session.title = "d"
    session.save()
    assert Session.objects.get(pk=session.pk).title == "d"


def test_rows_are_read_again_each_time(owner, sessions):
    read = compile_query(titles_of)
    for number in range(20):  # PostgreSQL prepares a statement that comes often
        assert read(owner) == ["a", "b"], number
    Session.objects.filter(title="a").update(title="z")
    assert read(owner) == ["b", "z"]


@pytest.mark.django_db(transaction=True)
def test_threads_read_by_their_own_connections(owner, sessions):
    read, found = compile_query(titles_of), []

    def read_in_thread():
        found.append(read(owner))
        connection.close()

    read(owner)
    thread = Thread(target=read_in_thread)
    thread.start()
    thread.join()
    assert found == [["a", "b"]]


def test_an_argument_must_be_a_parameter(owner):
    read = compile_query(lambda user, word: Session.objects.filter(user=user))
    with pytest.raises(ValueError, match="Not parameters"):
        read(owner, "word")
