"""docs/takeover.md, typed word for word by somebody who has the old backend."""

import json

import pytest

from tests import old_backend
from tests.docs import box as boxes
from tests.docs import markdown, player, server

OLD = f"/home/{server.DEVELOPER}/camp-backend"
URL = "postgresql+asyncpg://postgres:postgres@localhost:5432/camp_backend_db"
FILES = {"uploads/1/ガイド.pdf": b"%PDF hana", "uploads/2/notes.txt": b"notes of ken" * 1000}
ROWS = "SELECT count(*) FROM sample_users, sample_files"
# Whoever comes by while Camp is served: logs in with an old password, fetches a file.
VISIT = """
import json, sys
from tests.files.wire import Browser
found = []
for number, (name, password) in enumerate(json.loads(sys.argv[1]), 1):
    browser = Browser("http://127.0.0.1:8000", name, password)
    status, _headers, body = browser.request("GET", f"/files/{number}/download/")
    found.append([status, body.decode()])
sys.stdout.write(json.dumps(found))
"""

pytestmark = [pytest.mark.machine, pytest.mark.slow, pytest.mark.fault]


@pytest.fixture(scope="module")
def machine():
    """A development machine with the old backend's database and files."""
    if lacking := server.missing("git", "pg_ctlcluster"):
        pytest.skip(f"needs {', '.join(lacking)}")
    try:
        with boxes.opened() as box:
            server.install(box)
            server.clone_for_developer(box)
            make_old_backend(box)
            yield box
    except boxes.NoBox as reason:
        pytest.skip(str(reason))


def make_old_backend(box):
    """Leave everything as the old backend did, on a PostgreSQL of the machine's."""
    box.write(f"{OLD}/.env.local", f"DATABASE_URL={URL}\n")
    people = [
        ("hana", old_backend.over_sha256()),
        ("ken", old_backend.plain_bcrypt(old_backend.LONG)),
        ("Hana", old_backend.over_sha256("another")),
    ]
    sql = [old_backend.ALEMBIC + old_backend.GUIDE]
    for number, (name, hashed) in enumerate(people, 1):
        sql.append(
            "INSERT INTO sample_users (email, username, hashed_password, is_active)"
            f" VALUES ('{number}@example.org', '{name}', '{hashed}', true);"
        )
    for number, (path, content) in enumerate(FILES.items(), 1):
        box.write(f"{OLD}/{path}", content.decode())
        name = path.rpartition("/")[2]
        sql.append(
            "INSERT INTO sample_files (user_id, filename, content_type, size, storage_path)"
            f" VALUES ({number}, '{name}', 'application/pdf', {len(content)}, '{path}');"
        )
    box.write("/tmp/old.sql", "\n".join(sql))
    box.run(
        f"""
        chown -R {server.DEVELOPER}: {OLD}
        systemctl start postgresql
        cd /tmp
        runuser -u postgres -- psql -q -c "ALTER ROLE postgres PASSWORD 'postgres'"
        runuser -u postgres -- createdb camp_backend_db
        runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 -f /tmp/old.sql camp_backend_db
        """
    )


def everything(box):
    """Return the old database as SQL."""
    dump = box.run("cd /tmp; runuser -u postgres -- pg_dump camp_backend_db").stdout
    # The newest pg_dump puts a random word there.
    return [line for line in dump.splitlines() if "restrict" not in line]


def test_every_command_of_the_document_does_what_it_says(machine):
    before, visits = everything(machine), []

    def visit():
        people = [["hana", old_backend.PASSWORD], ["2@example.org", old_backend.LONG]]
        script = machine.command(
            boxes.sys.executable, "-c", VISIT, json.dumps(people), folder=boxes.ROOT
        )
        done = boxes.subprocess.run(script, capture_output=True, text=True, check=True)
        visits.append(json.loads(done.stdout))

    reader = player.Player(
        machine, user=server.DEVELOPER, folder=server.CLONE, events={"visit": visit}
    )
    blocks = markdown.blocks("takeover.md")
    real = next(n for n, block in enumerate(blocks) if block.heading == "For real")
    reader.play(blocks[:real])
    assert everything(machine) == before
    reader.play(blocks[real:])

    answers = [[200, content.decode()] for content in FILES.values()]
    assert visits == [answers, answers]
    # Gone back to: the old backend finds what it left.
    assert everything(machine) == before
