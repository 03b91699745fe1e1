"""What holds for all documents: commands that exist, links that lead somewhere, two languages."""

import re
import shlex
import shutil
import subprocess

import pytest
from django.core.management import CommandError, get_commands, load_command_class

from camp.config import urls
from camp.config.env import Environment
from tests.docs import markdown

pytestmark = pytest.mark.machine
TRANSLATED = ("database", "deploy", "takeover", "../README")
PLAYED = [f"{name}.md" for name in TRANSLATED]
DOCUMENTS = sorted(
    str(path.relative_to(markdown.DOCS.parent))
    for path in [*markdown.DOCS.glob("*.md"), *markdown.DOCS.parent.glob("*.md")]
    if path.name != "CHANGELOG.md"  # it names what is gone
)
LANGUAGES = {"", "ini", "json", "nginx", "powershell", "python", "sh", "sql", "text", "zsh"}
MANAGE = re.compile(r"(?:(?:python3?|py) manage\.py|sudo camp) ([^`|;&>\n]*)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)


def read(document):
    """Return the text of a document."""
    return (markdown.DOCS.parent / document).read_text(encoding="utf-8")


def blocks(document):
    """Return the Blocks of a document."""
    return markdown.blocks(markdown.DOCS.parent / document)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_camp_is_one_with_options_that_it_takes(document):
    for typed in MANAGE.findall(re.sub(r"[\\`]\n\s*", " ", read(document))):
        words = shlex.split(typed.split("…")[0].replace("\\", "/"), comments=True)
        if words and words[0] != "test":  # that hands everything to pytest
            assert_accepted(words)


def assert_accepted(words):
    """The parser of a command takes these words."""
    name, *arguments = words
    known = get_commands()
    assert name in known, f"there is no command {name}"
    command = load_command_class(known[name], name)
    if arguments:  # the bare name may stand for all that it does
        try:
            command.create_parser("manage.py", name).parse_args(arguments)
        except (CommandError, SystemExit) as error:
            pytest.fail(f"{shlex.join(words)}: {error}")


@pytest.mark.parametrize("name", TRANSLATED)
def test_both_languages_have_the_same_commands(name):
    english, japanese = (
        [
            (block.language, markdown.commands(block.text), block.notes, block.printed)
            for block in markdown.blocks(document)
        ]
        for document in (f"{name}.md", f"{name}.ja.md")
    )
    assert japanese == english


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    for link in LINK.findall(CODE.sub("", read(document))):
        if re.match(r"https?:", link):
            continue
        file, _hash, anchor = link.partition("#")
        path = (markdown.DOCS.parent / document).parent / file if file else None
        assert path is None or path.exists(), link
        if anchor:
            source = path.read_text(encoding="utf-8") if path else read(document)
            assert anchor in map(slug, re.findall(r"^#+ (.+)$", source, re.MULTILINE)), link


def slug(heading):
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_fence_says_who_types_it(document):
    assert {block.language for block in blocks(document)} <= LANGUAGES


@pytest.mark.parametrize("document", PLAYED)
def test_macos_would_understand_its_lines(document):
    for block in blocks(f"docs/{document}"):
        if block.language == "zsh":
            assert subprocess.run(["sh", "-n", "-c", block.text], check=False).returncode == 0


@pytest.mark.skipif(not shutil.which("pwsh"), reason="needs PowerShell (pwsh)")
@pytest.mark.parametrize("document", PLAYED)
def test_powershell_would_understand_its_lines(document):
    for block in blocks(f"docs/{document}"):
        if block.language == "powershell":
            script = f"[scriptblock]::Create(@'\n{block.text}\n'@) | Out-Null"
            subprocess.run(["pwsh", "-NoProfile", "-Command", script], check=True)


@pytest.mark.parametrize("document", PLAYED)
def test_settings_that_are_shown_are_understood(document):
    for block in blocks(f"docs/{document}"):
        for line in markdown.commands(block.text) if block.language == "ini" else []:
            name, _equals, value = line.partition("=")
            if name == "DATABASE_URL":
                env = type("Shown", (Environment,), {"ENVIRON": {name: value}})()
                assert urls.read_database(env, name, None)["NAME"] == "camp_backend_db"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("document", PLAYED)
def test_settings_of_units_that_are_shown_are_understood(document, tmp_path):
    unit = (markdown.DOCS / "deploy" / "camp.service").read_text(encoding="utf-8")
    for block in blocks(f"docs/{document}"):
        if block.language == "ini" and "[Service]" in block.text:
            file = tmp_path / "camp.service"
            file.write_text(f"{unit}\n{block.text}\n", encoding="utf-8")
            command = ["systemd-analyze", "verify", file]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
