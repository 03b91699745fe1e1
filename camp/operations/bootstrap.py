"""Install Django if necessary, then run a management command.

Standard library only, because on a bare machine nothing else is installed. If the
interpreter has Django (a container, a virtual environment of the user), nothing is changed.
Otherwise `.venv` is created in the project's folder, `requirements.txt` is installed into it
(for `test` also `requirements-dev.txt`), and the command runs there. `.venv/camp.json`
records what was installed; a `.venv` without it is the user's own and used as it is.

No syntax newer than Python 3.6, so that an old interpreter gets as far as saying so.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from camp.operations.messages import get_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, BinaryIO, NoReturn

MINIMUM = (3, 11)
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
STATE = VENV / "camp.json"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
RUNTIME = "requirements.txt"
DEVELOPMENT = "requirements-dev.txt"
ENTERED = "CAMP_VENV_ENTERED"
# What `python -m venv` creates; anything else in the folder is the user's.
VENV_ENTRIES = {
    ".gitignore", "Include", "Lib", "Scripts", "bin", "camp.json", "camp.json.new",
    "include", "lib", "lib64", "pyvenv.cfg", "share",
}  # fmt: skip
PIP_EXIT_CODES = (0, 1, 2)  # others mean that it was killed


class Refused(Exception):
    """A command cannot run; the message is one sentence with the fix."""


def main(argv: "list[str]") -> int:
    """Run `manage.py` with `argv`; return the exit code, unless the command exits itself."""
    if sys.version_info < MINIMUM:
        sys.stderr.write(explain_old_python(argv) + "\n")
        return 1
    stream: Any
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot encode Japanese must not turn a message into a traceback.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")
    try:
        prepare(argv)
        from camp.operations import cli

        return cli.run(argv)
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\n" + get_text("stopped") + "\n")
        return 130


def prepare(argv: "list[str]") -> None:
    """Return if this interpreter has the requirements, else run the command in `.venv`.

    Raises Refused.
    """
    inside = is_same_folder(sys.prefix, VENV)
    entered = os.environ.pop(ENTERED, "") == str(VENV)
    if importlib.util.find_spec("django") and not (inside and STATE.exists()):
        return
    if entered and not inside:
        raise Refused(get_text("not_entered", path=PYTHON, again=format_command(argv)))
    files = [RUNTIME, DEVELOPMENT] if argv[1:2] == ["test"] else [RUNTIME]
    try:
        if is_ready(files):
            if inside:
                return
        else:
            with venv_lock():
                # Another command may have finished while this one waited.
                if not is_ready(files):
                    make_ready(files, argv)
    except OSError as error:
        raise Refused(explain_unwritable(error)) from None
    run_in_venv(argv)


def is_ready(files: "list[str]") -> bool:
    """Return whether `.venv` works and has the current version of `files` installed."""
    if not has_django():
        return False
    if not STATE.exists():
        return True
    state = read_state()
    return not state["installing"] and all(
        state["installed"].get(file) == hash_file(file) for file in files
    )


def make_ready(files: "list[str]", argv: "list[str]") -> None:
    """Create or complete `.venv`."""
    state = read_state()
    django = has_django()
    # A killed pip may leave part of a package that the next pip takes for complete.
    unfinished = state["installing"] or (state["installed"] and not django)
    if django is None or unfinished or not (STATE.exists() or has_pip()):
        make_venv(argv)
        state = read_state()
    for file in files:
        if state["installed"].get(file) != hash_file(file):
            install(file, state, argv)


def make_venv(argv: "list[str]") -> None:
    """Create `.venv` from scratch."""
    if not (importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv")):
        raise Refused(get_text("no_ensurepip", fix=ensurepip_fix()))
    if os.path.lexists(str(VENV)) and not is_replaceable():
        move = "move" if os.name == "nt" else "mv"
        fix = command_text([move, VENV, str(VENV) + ".old"])
        raise Refused(get_text("not_a_venv", path=VENV, fix=fix))
    VENV.mkdir(exist_ok=True)
    print_now(get_text("remaking" if any(VENV.iterdir()) else "making"))
    for entry in VENV.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(str(entry))
        else:
            entry.unlink()
    # Written first, so that an interruption is recognised later.
    write_state({"installing": True, "installed": {}})
    base = getattr(sys, "_base_executable", None) or sys.executable
    done = subprocess.run(
        [base, "-I", "-m", "venv", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = done.stdout.strip().splitlines() or ["?"]
        raise Refused(get_text("venv_failed", why=lines[-1].strip(), again=format_command(argv)))
    write_state({"installing": False, "installed": {}})


def install(file: str, state: "dict[str, Any]", argv: "list[str]") -> None:
    """Install a requirements file into `.venv`; pip's output is only shown if it fails."""
    checksum = hash_file(file)
    write_state(dict(state, installing=True))
    print_now(get_text("installing", file=file))
    # Isolated: neither PYTHONPATH nor this folder may shadow a package.
    pip = [str(PYTHON), "-I", "-m", "pip", "install", "--no-input", "--no-user"]
    code, output = run_quietly([*pip, "--disable-pip-version-check", "-r", file])
    if code in PIP_EXIT_CODES:
        state["installing"] = False
        if code == 0:
            state["installed"][file] = checksum
        write_state(state)
    if code:
        print_now(output.rstrip())
        raise Refused(get_text("install_failed", file=file, again=format_command(argv)))


def run_quietly(command: "list[str]") -> "tuple[int, str]":
    """Run a command; return its exit code and output. A terminal shows the latest line of it."""
    lines = []
    is_terminal = sys.stdout.isatty()
    with subprocess.Popen(
        command,
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if is_terminal:
                # Cut, because a line that wraps cannot be overwritten.
                width = shutil.get_terminal_size().columns - 1
                sys.stdout.write("\r" + line.strip()[:width].ljust(width))
                sys.stdout.flush()
    if is_terminal:
        sys.stdout.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
    return process.returncode, "".join(lines)


def run_in_venv(argv: "list[str]") -> "NoReturn":
    """Run the command with the interpreter of `.venv`; does not return."""
    command = [str(PYTHON), str(ROOT / "manage.py"), *argv[1:]]
    os.environ[ENTERED] = str(VENV)
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(command[0], command)  # noqa: S606
    # Windows has no real exec: the shell would show its prompt at once.
    child = subprocess.Popen(command)
    while True:
        try:
            sys.exit(child.wait())
        except KeyboardInterrupt:
            # Ctrl-C reached the child as well, which decides how to react.
            continue


@contextlib.contextmanager
def venv_lock() -> "Iterator[None]":
    """Let only one command at a time change `.venv`."""
    hash_file(RUNTIME)  # names a missing file
    with open(str(ROOT / RUNTIME), "rb") as file:
        if not try_lock(file):
            print_now(get_text("waiting"))
            while not try_lock(file):
                time.sleep(0.2)
        yield


def try_lock(file: "BinaryIO") -> bool:
    """Return whether an open file could be locked, until it is closed."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(2**30)  # beyond the end, so that pip can still read the file
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems have no locks; continue without one.
        return True
    return True


def has_django() -> "bool | None":
    """Return whether `.venv` has Django; None if its interpreter does not start."""
    return ask_venv("import importlib.util as u; print(u.find_spec('django') is not None)")


def has_pip() -> bool:
    """Return whether `.venv` has a pip that starts."""
    return bool(ask_venv("import pip._internal.cli.main; print(True)"))


def ask_venv(question: str) -> "bool | None":
    """Return whether Python code prints True in `.venv`; None if it does not run."""
    try:
        done = subprocess.run(
            [str(PYTHON), "-I", "-c", question],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout.strip() == "True" if done.returncode == 0 else None


def read_state() -> "dict[str, Any]":
    """Return the content of `.venv/camp.json`; if it is invalid, an interrupted install."""
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
        return {"installing": bool(state["installing"]), "installed": dict(state["installed"])}
    except (FileNotFoundError, NotADirectoryError):
        return {"installing": False, "installed": {}}
    except (ValueError, KeyError, TypeError):
        return {"installing": True, "installed": {}}


def write_state(state: "dict[str, Any]") -> None:
    """Write `.venv/camp.json` atomically."""
    draft = STATE.with_name(STATE.name + ".new")
    draft.write_text(json.dumps(state, indent=1), encoding="utf-8")
    os.replace(str(draft), str(STATE))


def hash_file(file: str) -> str:
    """Return the SHA-256 of a requirements file, whatever its line endings."""
    try:
        content = (ROOT / file).read_bytes()
    except FileNotFoundError:
        raise Refused(get_text("no_file", path=ROOT / file, file=file)) from None
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def is_same_folder(one: "str | pathlib.Path", other: "str | pathlib.Path") -> bool:
    """Return whether two paths are the same folder."""
    try:
        return os.path.samefile(str(one), str(other))
    except OSError:
        return False


def is_replaceable() -> bool:
    """Return whether `.venv` contains a virtual environment, or part of one, and nothing else."""
    if (VENV / "pyvenv.cfg").is_file():
        return True
    return VENV.is_dir() and {entry.name for entry in VENV.iterdir()} <= VENV_ENTRIES


def print_now(sentence: str) -> None:
    """Print a line at once, before a child process prints."""
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def command_text(words: "Iterable[object]") -> str:
    """Return a command as it is typed in a shell."""
    texts = [str(word) for word in words]
    if os.name == "nt":
        return subprocess.list2cmdline(texts)
    return " ".join(shlex.quote(text) for text in texts)


def format_command(argv: "list[str]") -> str:
    """Return the command as the user typed it."""
    return command_text(["py" if os.name == "nt" else "python3", "manage.py", *argv[1:]])


def ensurepip_fix() -> str:
    """Return the command that installs ensurepip, which is a separate package on Debian."""
    if os.path.exists("/etc/debian_version"):
        sudo = "" if os.geteuid() == 0 else "sudo "
        return f"{sudo}apt install {python_name()}-venv"
    return get_text("fix_python")


def explain_unwritable(error: OSError) -> str:
    """Return the sentence for a folder that cannot be written."""
    path = VENV if VENV.exists() else ROOT
    fix = get_text("fix_folder")
    if os.name != "nt" and os.geteuid() != 0:
        fix = 'sudo chown -R "$(id -un)" ' + shlex.quote(str(ROOT))
    return get_text("unwritable", path=path, why=error.strerror or error, fix=fix)


def explain_old_python(argv: "list[str]") -> str:
    """Return the sentence for a Python that is too old."""
    version = python_name().replace("python", "Python ")
    for minor in range(MINIMUM[1] + 9, MINIMUM[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return get_text("use_newer", version=version, again=command_text([newer, *argv]))
    return get_text("too_old", version=version)


def python_name() -> str:
    """Return the name of this interpreter, such as python3.11."""
    return "python{}.{}".format(*sys.version_info[:2])
