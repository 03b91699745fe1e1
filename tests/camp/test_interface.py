"""What holds for every template, style, script and page."""

import re
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import urlopen

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from camp.templatetags.camp import icon_names

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
STATIC = settings.BASE_DIR / "camp" / "static" / "camp"
STYLES = sorted(STATIC.rglob("*.css"))
SCRIPTS = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)
DRAWINGS = sorted(STATIC.rglob("*.svg"))

# What a Content-Security-Policy without unsafe-inline stops.
INLINE = re.compile(
    r"""<style\b|\sstyle\s*=|\son[a-z]+\s*=\s*["']|<script\b(?![^>]*\bsrc=)|javascript:""", re.I
)
ELSEWHERE = re.compile(
    r"""\b(?:src|srcset|href|action|formaction|poster|data)\s*=\s*["']?\s*(?:https?:)?//""", re.I
)
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def name(path):
    return path.relative_to(settings.BASE_DIR).as_posix()


def read(path):
    return Path(path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_needs_nothing_inline(path):
    assert not INLINE.search(read(path))


@pytest.mark.parametrize("path", TEMPLATES + DRAWINGS, ids=name)
def test_a_template_or_drawing_loads_nothing_from_elsewhere(path):
    assert not ELSEWHERE.search(read(path))


@pytest.mark.parametrize("path", STYLES, ids=name)
def test_a_style_loads_nothing_from_elsewhere(path):
    text = COMMENT.sub("", read(path))
    assert not re.search(r"""url\(\s*["']?\s*(?:[a-z]+:)?//""", text, re.I)
    assert "@import" not in text


@pytest.mark.parametrize("path", STYLES, ids=name)
def test_a_style_refers_to_files_that_exist(path):
    for address in re.findall(r"""url\(\s*["']?([^"')]+)""", COMMENT.sub("", read(path))):
        assert address.startswith("data:") or (path.parent / address).is_file()


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_script_names_no_host_and_makes_no_code_from_text(path):
    text = read(path)
    assert not re.search(r"""["'`](?:https?:|wss?:)?//""", text)
    assert not re.search(r"\beval\(|new Function\(|innerHTML|outerHTML|document\.write", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_script_is_a_module_that_shares_no_global_name(path):
    text = read(path)
    for address in re.findall(r"""^import\b[^"]*"([^"]+)";$""", text, re.M):
        assert address.startswith(".")
        assert (path.parent / address).is_file(), address
    assert not re.search(r"window\.\w+ = |Object\.assign\(window", text)


def modules_of(path):
    """Return the modules that a script imports, and those that these import."""
    addresses = re.findall(r"""^import\b[^"]*"([^"]+)";$""", read(path), re.M)
    direct = {(path.parent / address).resolve() for address in addresses}
    return direct.union(*map(modules_of, direct))


def test_the_upload_form_loads_all_of_its_modules_at_once():
    form = read(settings.BASE_DIR / "templates" / "files" / "includes" / "upload_form.html")
    preloaded = re.findall(r"""rel="modulepreload"\s+href="\{% static '([^']+)""", form)
    found = {Path(finders.find(address)) for address in preloaded}
    assert found == modules_of(STATIC / "js" / "upload.js")


@pytest.mark.fault
def test_a_script_and_what_it_imports_are_cached_for_good(camp_server):
    login = f"{camp_server.base_url}/accounts/login/"
    page = urlopen(login).read().decode()
    script = urljoin(login, re.search(r'src="([^"]+/keys\.[0-9a-f]{12}\.js)"', page)[1])
    imported = re.search(r'from "(\./typing\.[0-9a-f]{12}\.js)"', urlopen(script).read().decode())
    for address in (script, urljoin(script, imported[1])):
        headers = urlopen(address).headers
        assert headers["Cache-Control"] == "max-age=315360000, public, immutable"
        assert headers.get_content_type() == "text/javascript"


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_gives_texts_to_scripts_as_data_only(path):
    text = read(path)
    assert not re.search(r"""\sdata-[\w-]+="\{% (?:block)?trans""", text)
    assert not re.search(r"""<script (?!type="module" src=)""", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_names_static_files_and_icons_that_exist(path):
    text = read(path)
    for address in re.findall(r"""\{% static ["']([^"']+)["']""", text):
        assert finders.find(address), address
    for used in re.findall(r"""\{% icon ["']([\w-]+)["']""", text):
        assert used in icon_names(), used
    for used in re.findall(r"""\bicon_name=["']([\w-]+)["']""", text):
        assert used in icon_names(), used


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_every_form_that_posts_carries_a_token(path):
    for form in re.findall(r"<form\b.*?</form>", read(path), re.S | re.I):
        if re.search(r"""method=["']post""", form, re.I):
            assert "{% csrf_token %}" in form or "{{ csrf_token }}" in form


# Colours ------------------------------------------------------------------------


def palettes():
    """Return the colours of tokens.css by name, for light and for dark."""
    light, dark = read(STATIC / "css" / "tokens.css").split("prefers-color-scheme: dark", 1)
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text)) for text in (light, dark)]
    return {"light": found[0], "dark": found[0] | found[1]}


def luminance(colour):
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def contrast(one, other):
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


TEXT_PAIRS = {
    "ink": "paper surface sunken tint selection danger-tint success-tint warning-tint info-tint",
    "ink-soft": "paper surface sunken tint",
    "ink-faint": "paper surface sunken tint ridge",
    "link": "paper surface sunken tint danger-tint success-tint warning-tint info-tint",
    "pine": "paper surface sunken tint",
    "on-pine": "pine pine-deep",
    "amber-ink": "paper surface warning-tint",
    "danger": "paper surface danger-tint",
    "on-danger": "danger danger-deep",
    "success": "surface success-tint",
    "warning": "surface warning-tint",
    "info": "surface info-tint",
}
CONTROL_PAIRS = {"focus": "paper surface sunken tint", "line-strong": "paper surface sunken"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("pairs", "least"), [(TEXT_PAIRS, 4.5), (CONTROL_PAIRS, 3)], ids=["text", "controls"]
)
def test_colours_can_be_told_apart(theme, pairs, least):
    colours = palettes()[theme]
    for front, grounds in pairs.items():
        for ground in grounds.split():
            ratio = contrast(colours[front], colours[ground])
            assert ratio >= least, f"{front} on {ground}: {ratio:.2f}"
