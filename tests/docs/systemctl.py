"""A stand-in for systemctl where systemd does not run: starts what the units say.

Knows User=, Environment=, WorkingDirectory=, StateDirectory=, ExecStart= and, of what shuts a
service in, ProtectSystem=strict, PrivateTmp= and NoNewPrivileges=, of the units in
/etc/systemd/system with their drop-ins; and Debian's own services by their programs.
"""

import configparser
import os
import pwd
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path("/etc/systemd/system")
STATE = Path("/run/units")
# What pg_ctlcluster does, without its waiting.
CLUSTERS = """
pg_lsclusters -h | while read -r version name _port _status owner data log; do
    runuser -u "$owner" -- "/usr/lib/postgresql/$version/bin/pg_ctl" -s -w -D "$data" -l "$log" \\
        -o "-c config_file=/etc/postgresql/$version/$name/postgresql.conf" %s
done
"""
# Everything can be read and only the state be written, by somebody without any privilege.
SHUT_IN = """
# The environment that is lent to the clone may lie below /tmp.
lent=$(readlink -f /opt/camp/.venv)
mkdir -p /run/lent
mount --bind "$lent" /run/lent
mount --bind "$1" "$1"
for place in / /run /var/tmp; do mount -o remount,bind,ro "$place"; done
mount -t tmpfs -o mode=1777 tmpfs /tmp
(umask 022 && mkdir -p "$lent")
mount --bind /run/lent "$lent"
cd "$2" && user=$3 && shift 3
exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set=-all \\
    -- "$@"
"""
OWN = {
    "postgresql": {"start": CLUSTERS % "start", "stop": CLUSTERS % "stop -m fast"},
    "redis-server": {
        "start": "runuser -u redis -- redis-server --bind 127.0.0.1 --daemonize yes > /dev/null",
        "stop": "redis-cli shutdown nosave",
    },
    "nginx": {"start": "nginx", "stop": "nginx -s quit", "reload": "nginx -s reload"},
    "pgbouncer": {
        "start": "runuser -u postgres -- pgbouncer -q -d /etc/pgbouncer/pgbouncer.ini",
        "stop": "kill -INT $(cat /var/run/postgresql/pgbouncer.pid)",
    },
}


def main(verb, *words):
    STATE.mkdir(exist_ok=True)
    names = [word for word in words if not word.startswith("-")]
    if verb == "daemon-reload":
        return
    if verb == "list-timers":
        for name in names:
            state = "active" if (STATE / name).exists() else "unknown"
            sys.stdout.write(f"{state:8} {name}\n")
        return
    if verb == "enable" and "--now" in words:
        verb = "start"
    for name in names:
        act(verb, name)


def act(verb, name):
    if name.endswith(".timer"):
        unit = read(name)
        assert unit["Timer"]["OnCalendar"]
        read(name.replace(".timer", ".service"))
        (STATE / name).touch()
    elif name in OWN:
        for step in ("stop", "start") if verb == "restart" else (verb,):
            done = subprocess.run(["sh", "-c", OWN[name][step]], check=False)
            if done.returncode and (verb, step) != ("restart", "stop"):
                sys.exit(f"{name} does not {step}")
            if step == "stop":
                time.sleep(0.3)
    else:
        if verb in ("stop", "restart"):
            stop(name)
        if verb in ("start", "restart"):
            start(name)


def read(name):
    """Return a unit with its drop-ins; Environment= of the last one rules."""
    unit = configparser.RawConfigParser(strict=False, comment_prefixes="#")
    unit.optionxform = str
    files = [UNITS / name, *sorted((UNITS / f"{name}.d").glob("*.conf"))]
    assert files[0].exists(), f"there is no {name}"
    unit.read(files)
    return unit


def start(name):
    service = read(f"{name}.service")["Service"]
    person = pwd.getpwnam(service["User"])
    state = Path("/var/lib") / service["StateDirectory"]
    state.mkdir(exist_ok=True)
    os.chown(state, person.pw_uid, person.pw_gid)
    state.chmod(int(service["StateDirectoryMode"], 8))
    log = (STATE / f"{name}.log").open("w")
    assert [service[name] for name in ("ProtectSystem", "PrivateTmp")] == ["strict", "yes"]
    folder, user = service["WorkingDirectory"], service["User"]
    process = subprocess.Popen(
        [
            *["unshare", "--mount", "--propagation", "unchanged", "sh", "-euc", SHUT_IN, "sh"],
            *[state, folder, user, *shlex.split(service["ExecStart"])],
        ],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        | dict(part.split("=", 1) for part in shlex.split(service["Environment"])),
        umask=int(service["UMask"], 8),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    (STATE / f"{name}.pid").write_text(str(process.pid))
    if service["Type"] == "oneshot":
        if process.wait():
            sys.exit((STATE / f"{name}.log").read_text())
        return
    # Not systemd's way: whoever types the next command waits until it serves.
    for _ in range(600):
        if process.poll() is not None:
            sys.exit((STATE / f"{name}.log").read_text())
        if "Stop it with Ctrl-C" in (STATE / f"{name}.log").read_text():
            return
        time.sleep(0.05)
    sys.exit(f"{name} does not start")


def stop(name):
    file = STATE / f"{name}.pid"
    if not file.exists():
        return
    pid = int(file.read_text())
    # KillMode=mixed: SIGTERM to the first process alone.
    os.kill(pid, signal.SIGTERM)
    for _ in range(600):
        if not Path(f"/proc/{pid}").exists():
            file.unlink()
            return
        time.sleep(0.05)
    sys.exit(f"{name} does not stop")


if __name__ == "__main__":
    main(*sys.argv[1:])
