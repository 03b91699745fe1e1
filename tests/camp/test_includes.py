"""The fragments that pages are made of: messages, fields, forms, pager, empty states."""

import re
from types import SimpleNamespace

import pytest
from django import forms
from django.conf import settings
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.template.loader import render_to_string


class Everything(forms.Form):
    name = forms.CharField(label="Name", help_text="As people call you.")
    note = forms.CharField(label="Note", required=False)
    agree = forms.BooleanField(label="Agree")
    colour = forms.ChoiceField(
        label="Colour", choices=[("p", "Pine"), ("a", "Amber")], widget=forms.RadioSelect
    )
    secret = forms.CharField(widget=forms.HiddenInput, initial="s")

    def clean(self):
        raise forms.ValidationError("Something is wrong.")


def field(name, form=None):
    return render_to_string("includes/field.html", {"field": (form or Everything())[name]})


def test_a_field_has_a_label_and_its_help():
    html = field("name")
    assert '<label for="id_name">' in html
    assert 'aria-describedby="id_name_helptext"' in html
    assert 'id="id_name_helptext">As people call you.' in html
    assert "(optional)" not in html


def test_only_a_field_that_may_stay_empty_says_so():
    assert "(optional)" in field("note")


def test_an_error_belongs_to_its_field():
    html = field("name", Everything({}))
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_error"' in html


def test_a_choice_is_a_group_with_a_legend():
    html = field("colour")
    assert "<fieldset" in html
    assert "<legend>Colour</legend>" in html
    assert "Pine" in html


def test_a_tick_comes_before_its_label():
    html = field("agree")
    assert html.index("<input") < html.index('<label for="id_agree">')


def test_a_form_shows_every_field_and_what_is_wrong_with_the_whole():
    html = render_to_string("includes/form.html", {"form": Everything({}), "submit": "Save"})
    for name in Everything.base_fields:
        assert f'name="{name}"' in html
    assert "Something is wrong." in html.split('role="alert"')[1]
    assert ">Save</button>" in html
    assert "Cancel" not in html


def test_a_form_can_be_left():
    context = {"form": Everything(), "submit": "Delete", "danger": True, "cancel_url": "/back/"}
    html = render_to_string("includes/form.html", context)
    assert 'href="/back/"' in html
    assert "button--danger" in html


@pytest.mark.parametrize(
    ("level", "role"),
    [
        (constants.SUCCESS, "status"),
        (constants.INFO, "status"),
        (constants.WARNING, "alert"),
        (constants.ERROR, "alert"),
    ],
)
def test_a_message_is_read_aloud(level, role):
    html = render_to_string("includes/messages.html", {"messages": [Message(level, "It is so.")]})
    assert f'role="{role}"' in html
    assert "It is so." in html
    assert "<form" not in html


def test_a_message_can_be_undone(rf):
    message = Message(constants.SUCCESS, "<b> is gone.", extra_tags="undo:/files/1/restore/")
    html = render_to_string("includes/messages.html", {"messages": [message]}, rf.get("/"))
    assert 'method="post" action="/files/1/restore/"' in html
    assert "csrfmiddlewaretoken" in html
    assert "&lt;b&gt; is gone." in html


def test_no_messages_leave_nothing():
    assert render_to_string("includes/messages.html", {"messages": []}).strip() == ""


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", "", set()),
        ("?before=x", "", {"Previous"}),
        ("", "?after=x", {"Next"}),
        ("?before=x", "?after=x", {"Previous", "Next"}),
    ],
)
def test_the_pager_leads_where_there_is_more(before, after, words):
    page = SimpleNamespace(previous_url=before, next_url=after)
    html = render_to_string("includes/pager.html", {"page": page})
    assert {word for word in ("Previous", "Next") if word in html} == words


def test_an_empty_list_shows_the_way_on():
    context = {"icon_name": "file", "title": "No files", "url": "/up/", "action": "Upload"}
    html = render_to_string("includes/empty.html", context)
    assert "No files" in html
    assert 'href="/up/">Upload</a>' in html


def test_makemessages_finds_the_texts_of_jinja_templates():
    # In {{ }} it looks at the beginning only: use {% set %} for arguments.
    hidden = re.compile(r"{{(?! ?_\()[^}]*\b_\(")
    for path in (settings.BASE_DIR / "templates" / "jinja2").rglob("*.html"):
        assert not hidden.search(path.read_text(encoding="utf-8")), path
