"""docs/deploy.md, typed word for word on a fresh server, and what people then meet there."""

import json
import re
import shutil
import subprocess

import pytest

from tests.docs import box as boxes
from tests.docs import markdown, player, server

UNITS = sorted(markdown.DOCS.glob("deploy/*.service")) + sorted(
    markdown.DOCS.glob("deploy/*.timer")
)
PROGRAMS = ("nginx", "curl", "git", "openssl", "redis-server", "pg_ctlcluster", "pgbouncer")

pytestmark = pytest.mark.machine


@pytest.fixture(scope="module")
def machine():
    """A fresh server."""
    if lacking := server.missing(*PROGRAMS):
        pytest.skip(f"needs {', '.join(lacking)}")
    try:
        with boxes.opened(CURL_CA_BUNDLE=server.CERTIFICATE) as box:
            server.install(box)
            yield box
    except boxes.NoBox as reason:
        pytest.skip(str(reason))


@pytest.mark.slow
@pytest.mark.fault
def test_every_command_of_the_document_does_what_it_says(machine):
    reader = player.Player(machine)
    blocks = markdown.blocks("deploy.md")
    at = next(n for n, block in enumerate(blocks) if block.heading == "Backups")
    reader.play(blocks[:at])
    machine.run(MAKE_OWNER)
    seen = visit(machine)

    assert seen["redirect"] == [301, f"https://{server.NAME}/files/?q=1"]
    status, hsts, cookies = seen["login"]
    assert status == 200
    assert hsts.startswith("max-age=31536000")
    assert all("Secure" in cookie for cookie in [*cookies, *seen["cookies"]])
    assert seen["upload"] == 201
    assert seen["download"][:2] == [200, True]
    assert seen["range"] == [206, True]
    assert seen["streamed"] > 5 * 2**20
    assert seen["too_large"] == 413
    assert seen["protected"] == 404
    log = machine.run("cat /var/log/nginx/camp.access.log").stdout
    assert re.search(r'^127\.0\.0\.1 - - .*"POST /files/upload/ HTTP/1\.1" 201', log, re.MULTILINE)
    assert re.search(r'"GET /s/\[hidden\] HTTP/1\.1" 404', log)
    assert "secret-token" not in log + machine.run("cat /var/log/nginx/*access.log").stdout

    reader.play(blocks[at:])
    seen = visit(machine)
    pool = machine.run("cat /var/log/postgresql/pgbouncer.log").stdout
    assert "login attempt: db=camp_backend_db user=camp" in pool

    # Through PgBouncer, and with downloads that nginx sends.
    assert seen["download"][:2] == [200, True]
    assert "X-Accel-Redirect" not in seen["download"][2]
    assert seen["download"][2]["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert seen["download"][2]["X-Content-Type-Options"] == "nosniff"
    assert seen["download"][2]["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in seen["download"][2]["Permissions-Policy"]
    assert seen["range"] == [206, True]
    assert seen["protected"] == 404


MAKE_OWNER = """
camp shell -v 0 -c "from django.contrib.auth import get_user_model as m
m().objects.create_user('owner', 'owner@example.org', 'a good long password')"
"""


def visit(machine):
    """Return what a visitor sees."""
    script = f"python -m tests.docs.visitor {server.NAME} {server.CERTIFICATE}"
    done = machine.run(f"PATH={boxes.sys.prefix}/bin:$PATH {script}", folder=boxes.ROOT)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_understands_the_units():
    done = subprocess.run(
        ["systemd-analyze", "verify", *UNITS], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=str)
def test_systemd_counts_the_services_as_well_shut_in(unit):
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_file_of_the_folder_is_in_the_table():
    document = (markdown.DOCS / "deploy.md").read_text()
    for file in (markdown.DOCS / "deploy").iterdir():
        assert f"(deploy/{file.name})" in document
