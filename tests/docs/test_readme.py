"""The recipes of the README, typed word for word on two machines of ordinary users."""

import functools

import pytest

from tests.docs import box as boxes
from tests.docs import markdown, player, server

README = markdown.DOCS.parent / "README.md"
FIRST = "Updating"  # the heading of the first recipe, which comes after the two commands
NEXT_OWNER = "ben"
ADDRESS = "http://127.0.0.1:8000"
MAKE_OWNER = """
export DJANGO_SUPERUSER_PASSWORD='a good long password'
python3 manage.py createsuperuser --no-input --username organiser --email organiser@example.org
"""
# What the owner keeps: a file, and a log-in whose cookie a new secret key would end.
BEGIN = """
import json, sys
from tests.files.wire import Browser
browser = Browser(sys.argv[1], "organiser")
status, said = browser.upload(("写真.txt", "夏".encode()))
cookies = {key: value.value for key, value in browser.cookies.items()}
sys.stdout.write(json.dumps([cookies, f"{said['files'][0]['url']}download/"]))
"""
VISIT = """
import json, sys
from tests.files.wire import Browser
address, (cookies, path) = sys.argv[1], json.loads(sys.argv[2])
browser = Browser(address)
browser.cookies.load(cookies)
status, _headers, body = browser.request("GET", path)
sys.stdout.write(f"{status} {body.decode()}")
"""
NEW_VERSION = """
CAMP_DATA_DIR=/tmp/source-data python3 manage.py makemigrations -v 0 --empty -n newer sessions_app
git add sessions_app
git -c user.name=Camp -c user.email=camp@example.org commit -q -m Newer
"""
OTHER_SERVER = f"""
runuser -u {server.DEVELOPER} -- python3 manage.py postgres stop
sed -i /DATABASE_URL/d .env.local
systemctl start postgresql
cd /tmp
runuser -u postgres -- psql -q -c "ALTER ROLE postgres PASSWORD 'postgres'"
runuser -u postgres -- createdb camp_backend_db
"""
NEW_MACHINE = f"""
systemctl stop postgresql
redis-cli shutdown nosave
useradd --create-home --shell /bin/bash {NEXT_OWNER}
chown {NEXT_OWNER}: /mnt/elsewhere/* /mnt/elsewhere/.env.local
mv {server.CLONE} /root
"""

pytestmark = [pytest.mark.machine, pytest.mark.slow, pytest.mark.fault]


@pytest.fixture(scope="module")
def machine():
    """A machine with a fresh clone, in a network."""
    if lacking := server.missing("git", "redis-server", "pg_ctlcluster"):
        pytest.skip(f"needs {', '.join(lacking)}")
    try:
        with boxes.opened() as box:
            server.install(box)
            server.clone_for_developer(box)
            box.run(
                """
                ip address add 192.168.1.20/24 dev lo
                ip route add default via 192.168.1.20 dev lo
                echo 127.0.0.1 camp.local >> /etc/hosts
                chmod 1777 /mnt/elsewhere
                """
            )
            yield box
    except boxes.NoBox as reason:
        pytest.skip(str(reason))


def test_every_recipe_keeps_people_and_their_files(machine):
    seen = []
    reader = player.Player(machine, user=server.DEVELOPER, folder=server.CLONE)

    def ask(script, *words):
        command = machine.command(boxes.sys.executable, "-c", script, *words, folder=boxes.ROOT)
        return boxes.subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def start():
        reader.begin("python3 manage.py up", player.READY)

    def visit(address=ADDRESS):
        seen.append(ask(VISIT, address, kept))

    def move_to_new_machine():
        machine.run(NEW_MACHINE)
        reader.user, reader.folder = NEXT_OWNER, f"/home/{NEXT_OWNER}"

    def go_on_there():
        reader.folder += "/camp"
        start()

    run = functools.partial(functools.partial, machine.run)
    reader.events = {
        "new-version": run(NEW_VERSION, folder=server.SOURCE),
        "up": start,
        "visit": visit,
        "visit-network": functools.partial(visit, "http://192.168.1.20:8000"),
        "other-server": run(OTHER_SERVER, folder=server.CLONE),
        "new-machine": move_to_new_machine,
        "go-on": go_on_there,
    }
    start()
    machine.run(MAKE_OWNER, user=server.DEVELOPER, folder=server.CLONE)
    kept = ask(BEGIN, ADDRESS)
    reader.stop()

    blocks = markdown.blocks(README)
    at = next(n for n, block in enumerate(blocks) if block.heading == FIRST)
    reader.play(blocks[at:])

    assert set(seen) == {"200 夏"}
    updated = next(printed for block, _code, printed in reader.told if block.heading == FIRST)
    assert "Database: 1 migration applied." in updated
    left = machine.run(f"find /etc /opt /srv /tmp /usr/local /var -xdev -user {NEXT_OWNER}")
    assert left.stdout == ""
    assert machine.run(f"ls /home/{NEXT_OWNER}; pgrep -u {NEXT_OWNER}", check=False).stdout == ""
