"""docs/database.md, typed word for word by a developer with a fresh clone."""

import re

import pytest
from django.apps import apps

from tests.docs import box as boxes
from tests.docs import markdown, player, server
from tests.docs.events import DEVELOPER_EVENTS

LANGUAGES = ("database.md", "database.ja.md")
OWN_TABLES = "sample_users", "sample_sessions", "sample_files", "sample_messages"

pytestmark = pytest.mark.machine


@pytest.fixture(scope="module")
def machine():
    """A development machine: an ordinary user with a fresh clone."""
    if lacking := server.missing("git", "redis-server", "ss", "pg_ctlcluster"):
        pytest.skip(f"needs {', '.join(lacking)}")
    try:
        with boxes.opened() as box:
            server.install(box)
            server.clone_for_developer(box)
            yield box
    except boxes.NoBox as reason:
        pytest.skip(str(reason))


@pytest.mark.slow
@pytest.mark.fault
def test_every_command_of_the_document_does_what_it_says(machine):
    reader = player.Player(
        machine, user=server.DEVELOPER, folder=server.CLONE, events=DEVELOPER_EVENTS
    )
    reader.play(markdown.blocks("database.md"))


@pytest.mark.parametrize("document", LANGUAGES)
def test_the_tables_have_the_columns_of_the_models(document):
    source = (markdown.DOCS / document).read_text(encoding="utf-8")
    models = {model._meta.db_table: model for model in apps.get_models()}
    for table in OWN_TABLES:
        section = source.split(f"### {table}\n")[1].split("\n#")[0]
        cells = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
        told = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
        assert told == {field.column for field in models[table]._meta.concrete_fields}, table


@pytest.mark.parametrize("document", LANGUAGES)
async def test_the_asynchronous_code_runs(document):
    [block] = [block for block in markdown.blocks(document) if block.language == "python"]
    lines = "\n".join(f"    {line}" for line in block.text.splitlines())
    found = {}
    exec(f"async def typed():\n{lines}\n    return locals()", found)
    assert (await found["typed"]())["user"] == {"name": "John"}
