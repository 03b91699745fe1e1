"""A machine of its own for the commands of a document: a copy of this one, in memory.

Every folder of it lies over this machine's own, so that what a command writes, installs or
removes is gone with the box. It has its own processes, its own network with nothing but
127.0.0.1 (every port is free there), and its own host name. Needs root on Linux.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
NAMESPACES = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {
    "PATH": PATH,
    "LC_ALL": "C.UTF-8",
    "TERM": "dumb",
    "PAGER": "cat",
    "DJANGO_COLORS": "nocolor",
}
# What this machine's file system does not show under an overlay is lent, read-only.
LENT = (ROOT, Path(sys.prefix), Path(sys.base_prefix))

BUILD = r"""
set -eu
box=$1
mount -t tmpfs -o mode=755 tmpfs "$box"
mkdir "$box/upper" "$box/work" "$box/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$box/upper,workdir=$box/work" "$box/root"
cd "$box/root"
mount -t proc proc proc
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=1777 tmpfs var/tmp
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm run/lock
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
shift
for lent in "$@"; do
    if [ -z "$(ls -A "./$lent" 2> /dev/null)" ]; then
        mkdir -p "./$lent"
        mount --bind "$lent" "./$lent"
        mount -o remount,ro,bind "./$lent"
    fi
    # Whoever is not root has to get there, too.
    above=$lent
    while [ "$above" != / ]; do
        chmod o+x "./$above" 2> /dev/null || true
        above=$(dirname "$above")
    done
done
hostname camp-box
ip link set lo up 2> /dev/null || true
exec chroot . "$PYTHON" -c '
import os, time
print("ready", flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.05)
'
"""


class NoBox(Exception):
    """This system lets us make no box; the message says why."""


class Box:
    """The box: `run` runs a script in it, `write` writes a file."""

    def __init__(self, process, environment):
        self.pid = psutil.Process(process.pid).children()[0].pid
        self.environment = environment

    def command(self, *words, user="root", folder="/"):
        """Return the words that run a command in the box."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-u", "-i", "-r"]
        become = [] if user == "root" else ["runuser", "-u", user, "--"]
        return [*enter, f"--wd={self.outside(folder)}", *become, *words]

    def outside(self, path):
        """Return the path by which this machine reaches a path of the box."""
        return Path(f"/proc/{self.pid}/root") / str(path).lstrip("/")

    def run(self, script, *, user="root", folder="/", check=True, **options):
        """Run a shell script in the box; returns the CompletedProcess, with output as text."""
        done = subprocess.run(
            self.command("bash", "-euc", script, user=user, folder=folder),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
            **options,
        )
        assert not check or done.returncode == 0, f"{script}\n{done.stdout}"
        return done

    def write(self, path, text, mode=0o644):
        """Write a file."""
        target = self.outside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)


@contextlib.contextmanager
def opened(**environment):
    """Yield a Box; raises NoBox where the system does not let us make one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NoBox("needs root on Linux, for namespaces")
    missing = [name for name in ("unshare", "nsenter", "runuser", "ip") if not shutil.which(name)]
    if missing:
        raise NoBox(f"needs {', '.join(missing)}")
    lent = [str(path.resolve()) for path in LENT]
    with tempfile.TemporaryDirectory(prefix="camp-box-") as folder:
        process = subprocess.Popen(
            ["unshare", *NAMESPACES, "sh", "-c", BUILD, "sh", folder, *lent],
            env={**os.environ, "PYTHON": sys.executable},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            if process.stdout.readline() != "ready\n":
                raise NoBox(f"the system refuses: {process.communicate()[1].strip()}")
            box = Box(process, {**ENVIRONMENT, **environment})
            # Everything that follows counts on it.
            box.run(f"touch /tmp/mark {folder.rstrip('/')}.mark /etc/camp-box-mark")
            assert not Path("/etc/camp-box-mark").exists()
            assert not Path(f"{folder}.mark").exists()
            yield box
        finally:
            process.kill()
            process.communicate()
