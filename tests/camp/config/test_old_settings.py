"""The old backend's `.env.local`: what it brings along is named, and its published key refused."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from camp.config.secret_key import is_guessable

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = "your-secret-key-here-min-32-characters-long"
OLD = f"""
DEBUG=true
HOST=0.0.0.0
SECRET_KEY={PUBLISHED}
LOCAL_STORAGE_PATH=./uploads
"""
IDS = ["safety.guessable", "safety.debugging", "safety.host", "safety.storage_path"]
EXAMPLES = [
    PUBLISHED,
    "your-secret-key-here",
    "change-me",
    "change_this_to_a_long_random_string_in_production",
    "please-generate-a-secure-random-key-with-openssl-rand-hex-32",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "django-insecure-4f8b1c9e7a3d5f2b6c0e8d1a9b7c5e3f",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "hunter2" * 10,
    "q8Zr3V",
    "x" * 64,
]


@pytest.fixture
def manage(tmp_path):
    """Run manage.py with an env file of its own; returns the finished process."""

    def run(*arguments, text="", **environment):
        file = tmp_path / ".env.local"
        file.write_text(text)
        environment = {"CAMP_ENV_FILES": str(file), "CAMP_DATA_DIR": str(tmp_path), **environment}
        return subprocess.run(
            [sys.executable, ROOT / "manage.py", *arguments],
            env={**{k: v for k, v in os.environ.items() if k != "SECRET_KEY"}, **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )

    return run


def findings(done):
    """Return {id: finding} of what `doctor --json` printed."""
    return {each["id"]: each for each in json.loads(done.stdout)["findings"]}


def test_doctor_names_each_with_what_to_do(manage):
    done = manage("doctor", "--json", text=OLD)
    told = findings(done)
    for id in IDS:
        assert told[id]["level"] == "warning"
        assert told[id]["fix"]
    assert str(ROOT / "uploads") in told["safety.storage_path"]["title"]
    assert PUBLISHED not in done.stdout + done.stderr
    assert not (ROOT / "uploads").exists()


def test_what_a_person_chose_is_not_named(manage, tmp_path):
    text = f"HOST=0.0.0.0\nALLOWED_HOSTS=camp.local\nLOCAL_STORAGE_PATH={tmp_path / 'f'}\n"
    assert not {*IDS} & findings(manage("doctor", "--json", text=text)).keys()


def test_doctor_names_variables_that_look_like_a_known_one(manage):
    known = {
        "SIGNPU": "SIGNUP",
        "signup": "SIGNUP",
        "ALLOWED_HOST": "ALLOWED_HOSTS",
        "DATABASE_URI": "DATABASE_URL",
    }
    text = "".join(f"{name}=hunter9\n" for name in [*known, "APP_NAME"])
    done = manage("doctor", "--json", text=f"{text}PORT=8000\n")
    told = [each for each in json.loads(done.stdout)["findings"] if each["id"] == "safety.variable"]
    assert [each["title"].split()[0] for each in told] == list(known)
    assert [each["detail"] for each in told] == [f"Did you mean {name}?" for name in known.values()]
    assert "hunter9" not in done.stdout


@pytest.mark.slow
def test_up_names_each(make_camp_server, tmp_path):
    file = tmp_path / ".env.local"
    # Relative, but to nowhere in the tree; and with an address that others do not reach.
    folder = os.path.relpath(tmp_path / "uploads", ROOT)
    file.write_text(OLD.replace("./uploads", folder).replace("HOST=0.0.0.0", "SIGNPU=closed"))
    server = make_camp_server(CAMP_ENV_FILES=str(file), SECRET_KEY=PUBLISHED)
    server.start()
    for word in (
        "SECRET_KEY: a published example",
        "DEBUG is on",
        f"{folder} is relative",
        "SIGNPU in .env.local is unknown and has no effect. Did you mean SIGNUP?",
    ):
        assert word in server.output
    assert PUBLISHED not in server.output


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_key_that_anybody_may_know_is_refused_outside_development(manage, environment):
    done = manage("check", text=f"SECRET_KEY={PUBLISHED}\n", CAMP_ENVIRONMENT=environment)
    assert done.returncode == 1
    assert "SECRET_KEY holds a published example" in done.stderr
    assert "Remove the line" in done.stderr
    assert PUBLISHED not in done.stdout + done.stderr


@pytest.mark.parametrize("key", EXAMPLES)
def test_such_a_key_is_recognised(key):
    assert is_guessable(key)


@pytest.mark.parametrize("length", [24, 32, 50])
def test_a_random_key_is_not(length):
    assert not is_guessable(secrets.token_urlsafe(length))


def test_a_random_key_is_taken(manage):
    key = secrets.token_urlsafe(24)
    script = "from django.conf import settings as s; print(s.SECRET_KEY)"
    done = manage(
        "shell", "--no-imports", "-c", script, text=f"SECRET_KEY={key}\n",
        CAMP_ENVIRONMENT="production",
    )  # fmt: skip
    assert done.stdout.strip() == key


def test_in_development_a_key_of_camps_own_takes_its_place(manage, tmp_path):
    script = "from django.conf import settings as s; print(s.SECRET_KEY, s.SECRET_KEY_FALLBACKS)"
    text = f"SECRET_KEY={PUBLISHED}\nSECRET_KEY_FALLBACKS={PUBLISHED}\n"
    [first, second] = [
        manage("shell", "--no-imports", "-c", script, text=text).stdout for _time in range(2)
    ]
    assert first == second == f"{(tmp_path / 'secret-key').read_text()} []\n"


def test_earlier_keys_and_those_of_files_are_looked_at_too(manage, tmp_path):
    (tmp_path / "key").write_text(PUBLISHED)
    key = {"SECRET_KEY_FILE": str(tmp_path / "key"), "CAMP_ENVIRONMENT": "production"}
    assert manage("check", **key).returncode == 1
    (tmp_path / "key").write_text(secrets.token_urlsafe(50))
    done = manage("check", text=f"SECRET_KEY_FALLBACKS={PUBLISHED}\n", **key)
    assert done.returncode == 1
    assert "SECRET_KEY_FALLBACKS" in done.stderr
