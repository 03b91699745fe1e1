"""manage.py on a bare machine: a copied tree, a bare interpreter, no network.

The tree has a stand-in for Django, a wheel made here, so that pip really installs
something in each test.
"""

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from camp.operations import bootstrap

ROOT = Path(__file__).resolve().parents[2]
COMMAND_LINE = """
import sys, django
def run(argv):
    print("ran", *argv[1:], "with Django", django.VERSION, "in", sys.prefix)
    return 3 if "fail" in argv else 0
"""
NO_ENSUREPIP = "import sys; sys.modules['ensurepip'] = None"
pytestmark = [pytest.mark.slow, pytest.mark.machine]


class Tree:
    """A copy of the project that has nothing but its front door."""

    def __init__(self, folder, python):
        self.folder = folder
        self.python = python
        self.venv = folder / ".venv"

    def require(self, version, file="requirements.txt", package="django"):
        """Make a requirements file ask for a version of a package that pip finds in the tree."""
        name = f"{package}-{version}-py3-none-any.whl"
        info = f"{package}-{version}.dist-info"
        with zipfile.ZipFile(self.folder / name, "w") as wheel:
            wheel.writestr(f"{package}/__init__.py", f"VERSION = '{version}'\n")
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
            )
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{info}/RECORD", "")
        (self.folder / file).write_text(f"./{name}\n")

    def command(self, *arguments):
        return [str(self.python), str(self.folder / "manage.py"), *arguments]

    def environment(self, **more):
        kept = {"PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP", "LD_LIBRARY_PATH"}
        own = {name: value for name, value in os.environ.items() if name in kept}
        return {**own, "LC_ALL": "C.UTF-8", "PIP_NO_INDEX": "1", "PIP_RETRIES": "0", **more}

    def run(self, *arguments, environment=None, **options):
        """Run manage.py; returns the CompletedProcess with all output as text in stdout."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder.parent,
            env=self.environment(**environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
            **options,
        )
        assert "Traceback" not in done.stdout
        return done


def make_tree(folder, python):
    (folder / "camp" / "operations").mkdir(parents=True)
    for name in (
        "manage.py",
        "camp/__init__.py",
        "camp/operations/__init__.py",
        "camp/operations/bootstrap.py",
        "camp/operations/messages.py",
    ):
        shutil.copy(ROOT / name, folder / name)
    (folder / "camp" / "operations" / "cli.py").write_text(COMMAND_LINE)
    tree = Tree(folder, python)
    tree.require("1.0")
    tree.require("1.0", "requirements-dev.txt", "pytest_stand_in")
    return tree


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """An interpreter that has the standard library and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@pytest.fixture
def tree(tmp_path, bare_python):
    """A fresh clone."""
    return make_tree(tmp_path / "a clone", bare_python)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, bare_python):
    tree = make_tree(tmp_path_factory.mktemp("prepared") / "tree", bare_python)
    done = tree.run("migrate", "--plan")
    assert done.returncode == 0, done.stdout
    return tree, done.stdout


@pytest.fixture
def ready(prepared, tmp_path):
    """A clone whose .venv is finished."""
    folder = tmp_path / "ready"
    shutil.copytree(prepared[0].folder, folder, symlinks=True)
    return Tree(folder, prepared[0].python)


def test_a_bare_clone_makes_its_environment_and_runs_the_command_there(prepared):
    tree, output = prepared

    assert "Making .venv" in output
    assert "Installing requirements.txt into .venv" in output
    assert "Processing" not in output  # pip's own lines are for a failure
    assert f"ran migrate --plan with Django 1.0 in {tree.venv}" in output


def test_a_second_start_installs_nothing(ready):
    done = ready.run("migrate")

    assert done.stdout == f"ran migrate with Django 1.0 in {ready.venv}\n"


def test_the_exit_code_of_the_command_comes_through(ready):
    assert ready.run("fail").returncode == 3


def test_changed_requirements_are_installed_once(ready):
    ready.require("2.0")

    first, second = ready.run("migrate"), ready.run("migrate")

    assert "Installing requirements.txt" in first.stdout
    assert "Making" not in first.stdout
    assert "with Django 2.0" in first.stdout
    assert second.stdout == f"ran migrate with Django 2.0 in {ready.venv}\n"


def test_a_start_inside_the_environment_installs_changed_requirements_too(ready):
    ready.require("2.0")
    ready.python = ready.venv / bootstrap.PYTHON.relative_to(bootstrap.VENV)

    assert "with Django 2.0" in ready.run("migrate").stdout


def test_only_the_test_command_installs_the_test_requirements(ready):
    first, second = ready.run("test"), ready.run("test")

    assert "Installing requirements-dev.txt" in first.stdout
    assert "Installing requirements.txt" not in first.stdout
    assert "Installing" not in second.stdout


def test_an_interpreter_that_has_django_is_left_alone(tree):
    (tree.folder.parent / "packages" / "django").mkdir(parents=True)
    package = tree.folder.parent / "packages" / "django" / "__init__.py"
    package.write_text("VERSION = 'of the container'")

    done = tree.run("up", environment={"PYTHONPATH": str(package.parent.parent)})

    assert "ran up with Django of the container" in done.stdout
    assert not tree.venv.exists()


def test_an_environment_of_ones_own_is_used_as_it_is(ready):
    (ready.venv / "camp.json").unlink()
    ready.require("2.0")

    done = ready.run("migrate")

    assert done.stdout == f"ran migrate with Django 1.0 in {ready.venv}\n"


def test_a_failed_install_says_what_to_do_and_the_next_start_completes_it(tree):
    (tree.folder / "requirements.txt").write_text("a-package-that-is-nowhere==1\n")

    failed = tree.run("up", "--port", "9000")
    tree.require("1.0")
    completed = tree.run("up")

    assert failed.returncode == 1
    assert "No matching distribution found" in failed.stdout  # pip's own words
    assert failed.stdout.splitlines()[-1] == (
        "requirements.txt could not be installed; see pip's output above. Check the network "
        "connection, then run it again: python3 manage.py up --port 9000"
    )
    assert completed.returncode == 0
    assert "Making" not in completed.stdout


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX process groups")
def test_an_install_that_was_killed_is_begun_anew(ready):
    (ready.folder / "requirements.txt").write_text("a-package-that-never-comes==1\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        process = subprocess.Popen(
            ready.command("up"),
            env=ready.environment(PIP_NO_INDEX="0", PIP_INDEX_URL=index),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        silent.settimeout(30)
        silent.accept()[0].close()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert json.loads((ready.venv / "camp.json").read_text())["installing"] is True
    ready.require("1.0")

    done = ready.run("up")

    assert "making it again" in done.stdout
    assert "ran up with Django 1.0" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_an_environment_whose_python_is_gone_is_made_again(ready):
    python = ready.venv / "bin" / "python"
    for link in python.parent.glob("python*"):
        link.unlink()
    python.symlink_to("/nonexistent/python3")

    done = ready.run("migrate")

    assert "making it again" in done.stdout
    assert "ran migrate with Django 1.0" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="needs a shell's PATH on POSIX")
def test_without_ensurepip_one_sentence_names_the_command_that_brings_it(tree):
    (tree.folder.parent / "sitecustomize.py").write_text(NO_ENSUREPIP)

    done = tree.run("up", environment={"PYTHONPATH": str(tree.folder.parent)})

    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "ensurepip module is missing" in done.stdout
    if Path("/etc/debian_version").exists():
        version = "{}.{}".format(*sys.version_info[:2])
        assert f"apt install python{version}-venv" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
def test_a_folder_that_cannot_be_written_is_named(tree):
    import resource

    def no_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = tree.run("up", preexec_fn=no_files, environment={"PYTHONDONTWRITEBYTECODE": "1"})

    assert done.returncode == 1
    assert f"Camp cannot write to {tree.venv}" in done.stdout


def test_something_else_in_place_of_the_environment_is_not_removed(tree):
    tree.venv.mkdir()
    (tree.venv / "diary.txt").write_text("mine")

    done = tree.run("up")

    assert done.returncode == 1
    assert f"{tree.venv} is in the way" in done.stdout
    assert (tree.venv / "diary.txt").read_text() == "mine"


def test_a_missing_requirements_file_is_named(ready):
    file = ready.folder / "requirements.txt"
    file.unlink()

    done = ready.run("up")

    assert done.returncode == 1
    assert done.stdout.startswith(f"{file} is missing")
    assert "git checkout -- requirements.txt" in done.stdout


def test_a_missing_requirements_file_is_named_on_a_bare_machine(tree):
    file = tree.folder / "requirements.txt"
    file.unlink()
    assert tree.run("up").stdout.startswith(f"{file} is missing")


def test_of_two_first_starts_one_installs_and_the_other_waits(tree):
    options = {"env": tree.environment(), "stdout": subprocess.PIPE, "encoding": "utf-8"}
    starts = [subprocess.Popen(tree.command("migrate"), **options) for _ in range(2)]
    outputs = [process.communicate()[0] for process in starts]

    assert [process.returncode for process in starts] == [0, 0]
    assert all("ran migrate with Django 1.0" in output for output in outputs)
    assert sum("Making .venv" in output for output in outputs) == 1
    assert sum("waiting for it" in output for output in outputs) == 1


def test_the_sentences_are_japanese_where_the_system_is(tree):
    tree.venv.write_text("in the way")

    done = tree.run("up", environment={"LC_ALL": "ja_JP.UTF-8", "PYTHONUTF8": "1"})

    assert "Python 環境ではないため使えません" in done.stdout


def test_too_old_an_interpreter_is_told_so(monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "MINIMUM", (99, 0))
    monkeypatch.setenv("PATH", "")

    code = bootstrap.main(["manage.py", "up"])

    assert code == 1
    assert capsys.readouterr().err.startswith("Camp needs Python 3.11 or newer, and this is Python")


@pytest.mark.parametrize(
    "name", ["manage.py", "camp/operations/bootstrap.py", "camp/operations/messages.py"]
)
def test_too_old_an_interpreter_can_read_the_front_door(name):
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 6))
