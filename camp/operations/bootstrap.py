"""Make sure that Django is there, then run a management command.

Standard library only, since on a bare machine nothing else is installed. Where
the running interpreter has Django (a container, an environment of one's own),
nothing is touched. Elsewhere `.venv` is made in the project's folder, filled
from `requirements.txt` (for `test` from `requirements-dev.txt` too), and the
command runs there. What was installed is remembered in `.venv/camp.json`; a
`.venv` without that file is someone's own and is used as it is.

No syntax younger than Python 3.6: too old an interpreter is told so.
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

from camp.operations.messages import text

MINIMUM = (3, 11)
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
STATE = VENV / "camp.json"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
RUNTIME = "requirements.txt"
DEVELOPMENT = "requirements-dev.txt"
ENTERED = "CAMP_VENV_ENTERED"
# What `python -m venv` makes; anything else in the folder is somebody's.
VENV_ENTRIES = {
    ".gitignore", "Include", "Lib", "Scripts", "bin", "camp.json", "camp.json.new",
    "include", "lib", "lib64", "pyvenv.cfg", "share",
}  # fmt: skip
PIP_ENDED_ITSELF = (0, 1, 2)


class Refused(Exception):
    """Why a command cannot run: one sentence that names what mends it."""


def main(argv):
    """Run `manage.py` with `argv`; return the exit code, unless the command exits itself."""
    if sys.version_info < MINIMUM:
        sys.stderr.write(too_old(argv) + "\n")
        return 1
    for stream in (sys.stdout, sys.stderr):
        # A terminal without Japanese letters must not turn a sentence into a traceback.
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
        sys.stderr.write("\n" + text("stopped") + "\n")
        return 130


def prepare(argv):
    """Return once this interpreter has what the command needs, or go on in `.venv`.

    Raises Refused where that cannot be.
    """
    inside = is_same(sys.prefix, VENV)
    entered = os.environ.pop(ENTERED, "") == str(VENV)
    if importlib.util.find_spec("django") and not (inside and STATE.exists()):
        return
    if entered and not inside:
        raise Refused(text("not_entered", path=PYTHON, again=again(argv)))
    files = [RUNTIME, DEVELOPMENT] if argv[1:2] == ["test"] else [RUNTIME]
    try:
        if is_ready(files):
            if inside:
                return
        else:
            with only_one():
                # Another command may have done it while this one waited.
                if not is_ready(files):
                    make_ready(files, argv)
    except OSError as error:
        raise Refused(unwritable(error)) from None
    enter(argv)


def is_ready(files):
    """Return True where `.venv` works and holds the current state of `files`."""
    if not has_django():
        return False
    if not STATE.exists():
        return True
    state = read_state()
    return not state["installing"] and all(
        state["installed"].get(file) == digest(file) for file in files
    )


def make_ready(files, argv):
    """Make or complete `.venv`, so that a later start finds nothing to do."""
    state = read_state()
    django = has_django()
    # A killed pip may leave half a package that looks whole to the next pip.
    unfinished = state["installing"] or (state["installed"] and not django)
    if django is None or unfinished or not (STATE.exists() or has_pip()):
        make_venv(argv)
        state = read_state()
    for file in files:
        if state["installed"].get(file) != digest(file):
            install(file, state, argv)


def make_venv(argv):
    """Make `.venv` from scratch."""
    if not (importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv")):
        raise Refused(text("no_ensurepip", fix=ensurepip_fix()))
    if os.path.lexists(str(VENV)) and not is_replaceable():
        move = "move" if os.name == "nt" else "mv"
        fix = command_text([move, VENV, str(VENV) + ".old"])
        raise Refused(text("not_a_venv", path=VENV, fix=fix))
    VENV.mkdir(exist_ok=True)
    note(text("remaking" if any(VENV.iterdir()) else "making"))
    for entry in VENV.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(str(entry))
        else:
            entry.unlink()
    # Told beforehand, so that one that is killed now is seen to be unfinished.
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
        raise Refused(text("venv_failed", why=lines[-1].strip(), again=again(argv)))
    write_state({"installing": False, "installed": {}})


def install(file, state, argv):
    """Install a requirements file into `.venv`, pip's progress in sight."""
    wanted = digest(file)
    write_state(dict(state, installing=True))
    note(text("installing", file=file))
    # Isolated: neither PYTHONPATH nor this folder can stand in for a package.
    pip = [str(PYTHON), "-I", "-m", "pip", "install", "--no-input", "--no-user"]
    code = subprocess.call([*pip, "--disable-pip-version-check", "-r", file], cwd=str(ROOT))
    if code in PIP_ENDED_ITSELF:
        state["installing"] = False
        if code == 0:
            state["installed"][file] = wanted
        write_state(state)
    if code:
        raise Refused(text("install_failed", file=file, again=again(argv)))


def enter(argv):
    """Run the command with `.venv`'s interpreter; does not return."""
    command = [str(PYTHON), str(ROOT / "manage.py"), *argv[1:]]
    os.environ[ENTERED] = str(VENV)
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(command[0], command)  # noqa: S606
    # Windows has no real exec: the shell would take the prompt back at once.
    child = subprocess.Popen(command)
    while True:
        try:
            sys.exit(child.wait())
        except KeyboardInterrupt:
            # Ctrl-C reached the child as well; it decides what to do about it.
            continue


@contextlib.contextmanager
def only_one():
    """Hold back a second command that would prepare `.venv` at the same time."""
    with open(str(ROOT / RUNTIME), "rb") as held:
        if not try_lock(held):
            note(text("waiting"))
            while not try_lock(held):
                time.sleep(0.2)
        yield


def try_lock(held):
    """Return whether `held` could be locked; the lock ends when the file is closed."""
    if os.name == "nt":
        import msvcrt

        held.seek(2**30)  # far behind the end, so that pip can still read the file
        try:
            msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems have no locks: better unguarded than not at all.
        return True
    return True


def has_django():
    """Return whether `.venv` has Django, or None where its interpreter does not start."""
    return has("import importlib.util as u; print(u.find_spec('django') is not None)")


def has_pip():
    """Return whether `.venv` has a pip that starts."""
    return bool(has("import pip._internal.cli.main; print(True)"))


def has(question):
    """Return whether Python code prints True in `.venv`, or None where it does not run."""
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


def read_state():
    """Return what `.venv/camp.json` tells; an unreadable one counts as interrupted."""
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
        return {"installing": bool(state["installing"]), "installed": dict(state["installed"])}
    except (FileNotFoundError, NotADirectoryError):
        return {"installing": False, "installed": {}}
    except (ValueError, KeyError, TypeError):
        return {"installing": True, "installed": {}}


def write_state(state):
    """Keep `state` in `.venv`, whole or not at all."""
    draft = STATE.with_name(STATE.name + ".new")
    draft.write_text(json.dumps(state, indent=1), encoding="utf-8")
    os.replace(str(draft), str(STATE))


def digest(file):
    """Return the SHA-256 of a requirements file; line ends do not count."""
    try:
        content = (ROOT / file).read_bytes()
    except FileNotFoundError:
        raise Refused(text("no_file", path=ROOT / file, name=file)) from None
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def is_same(one, other):
    """Return whether two paths are the same folder."""
    try:
        return os.path.samefile(str(one), str(other))
    except OSError:
        return False


def is_replaceable():
    """Return whether `.venv` is an environment, or part of one, and nothing else."""
    if (VENV / "pyvenv.cfg").is_file():
        return True
    return VENV.is_dir() and {entry.name for entry in VENV.iterdir()} <= VENV_ENTRIES


def note(sentence):
    """Print `sentence` at once, before a child process prints."""
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def command_text(words):
    """Return a command as one would type it."""
    words = [str(word) for word in words]
    if os.name == "nt":
        return subprocess.list2cmdline(words)
    return " ".join(shlex.quote(word) for word in words)


def again(argv):
    """Return the command that was typed, as one would type it."""
    return command_text(["py" if os.name == "nt" else "python3", "manage.py", *argv[1:]])


def as_root(command):
    """Return `command` with sudo, where the person is not root."""
    return command if os.geteuid() == 0 else "sudo " + command


def ensurepip_fix():
    """Return what brings ensurepip: Debian keeps it in a package of its own."""
    if os.path.exists("/etc/debian_version"):
        return as_root(f"apt install {python_name()}-venv")
    return text("fix_python")


def unwritable(error):
    """Return the sentence for a folder that cannot be written."""
    path = VENV if VENV.exists() else ROOT
    fix = text("fix_folder")
    if os.name != "nt" and os.geteuid() != 0:
        fix = 'sudo chown -R "$(id -un)" ' + shlex.quote(str(ROOT))
    return text("unwritable", path=path, why=error.strerror or error, fix=fix)


def too_old(argv):
    """Return the sentence for an interpreter that Camp does not run on."""
    version = python_name().replace("python", "Python ")
    for minor in range(MINIMUM[1] + 9, MINIMUM[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return text("use_newer", version=version, again=command_text([newer, *argv]))
    return text("too_old", version=version)


def python_name():
    """Return what this interpreter is called, such as python3.11."""
    return "python{}.{}".format(*sys.version_info[:2])
