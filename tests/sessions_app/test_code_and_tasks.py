"""Code in messages has colours, and tasks have boxes."""

import re

import pytest

from camp.web.rendering.code import CLASSES, LEXERS, MAX_LENGTH, colour_code
from sessions_app.rendering.markdown import MAX_COLOURED, render

TAG = re.compile(r"<[^>]*>")


def test_the_code_of_known_languages_has_colours():
    html = render('```py title="a.py"\ndef f():\n    return "<b>"  # why\n```')
    assert html == (
        '<pre tabindex="0"><code><span class="code-keyword">def</span> '
        '<span class="code-name">f</span>():\n    <span class="code-keyword">return</span> '
        '<span class="code-string">"&lt;b&gt;"</span>  <span class="code-comment"># why</span>\n'
        "</code></pre>\n"
    )


@pytest.mark.parametrize("language", ["", "nothing", "../x", "x" * 1000, "smithy"])
def test_other_code_has_none(language):
    assert "<span" not in render(f"```{language}\ndef f(): pass\n```")


def test_colours_have_a_limit_in_a_document():
    block = "```py\n" + "x = 1\n" * (MAX_COLOURED // 12) + "```\n"
    assert len(re.findall("<pre", render(block * 4))) == 4
    coloured = [part for part in render(block * 4).split("<pre") if "<span" in part]
    assert len(coloured) == 2
    assert "<span" not in render("```py\n" + "x = 1\n" * MAX_LENGTH + "```\n")


def test_code_that_takes_long_has_no_colours(monkeypatch):
    monkeypatch.setattr("camp.web.rendering.code.MAX_SECONDS", 0)
    assert colour_code("x = 1", "py") is None


@pytest.mark.parametrize("language", sorted(LEXERS))
def test_colours_change_no_character(language):
    code = "\ufeffa <b>&amp; \"x\" 'y' `z` {1.5} # /* */ // -- \\ \x00é\t\n\r\n  - x: [1]\n\n"
    html = colour_code(code, language.upper())
    bare = TAG.sub("", html).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
    assert bare.replace("&#x27;", "'").replace("&amp;", "&") == code
    assert set(re.findall('class="([^"]*)"', html)) <= set(CLASSES.values())


def test_tasks_have_boxes_that_are_called_as_they_are():
    html = render('- [ ] buy *tents*\n  and `rope`\n- [x] pay "them"\n  - [ ] in cash\n- [y] no\n')
    boxes = [
        sorted(re.findall(r'\w[\w-]*="[^"]*"', box)) for box in re.findall("<input[^>]*>", html)
    ]
    box = ['disabled=""', 'type="checkbox"']
    assert boxes == [
        ['aria-label="buy tents and rope"', *box],
        ['aria-label="pay &quot;them&quot;"', 'checked=""', *box],
        ['aria-label="in cash"', *box],
    ]
    assert "[y] no" in html


def test_the_name_of_a_task_is_its_first_paragraph():
    html = render("- [ ] one\n\n  two\n\n- [ ] three\n\n  ```\n  code\n  ```\n")
    assert re.findall('aria-label="([^"]*)"', html) == ["one", "three"]
