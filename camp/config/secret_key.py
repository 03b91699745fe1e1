"""SECRET_KEY: generated once, or refused if it is a published example or easy to guess.

These sentences appear before there are settings and translations.
"""

import re
import secrets
from itertools import pairwise

from django.core.exceptions import ImproperlyConfigured

from camp.fs.atomic import create_file
from camp.fs.ownership import make_folder

REFUSED = (
    "{name} holds a published example, or a key that is easy to guess: whoever knows it can log "
    "in as anybody. Remove the line, and Camp makes a good key; or make one with: "
    'python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
)
SHORTEST = 32  # characters
FEWEST = 8  # different characters
# Characters that are left without the words below; a random key keeps nearly all.
LEFT_OVER = 16
# In documents that many people copy from, such as FastAPI's tutorial on JWT.
PUBLISHED = {"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"}
# Django's mark on keys that it wrote into a file of the code.
INSECURE = "django-insecure-"
WORDS = """
    your my our the this that here there and for with from not dont never must should please be is
    it in on to of at or a secret secrets secretkey key keys token tokens jwt auth session signing
    super very ultra really strong secure security insecure safe safely private public change
    changeme changed changeit replace replaceme update set put use used using enter insert generate
    generated random randomly long longer short string text value values char chars character
    characters letter letters byte bytes bit bits hex base64 openssl rand least min minimum max
    length default example examples sample demo placeholder dummy fake temp temporary todo fixme
    test tests testing local localhost dev develop development staging prod production deploy
    environment env variable config settings only own app application api backend frontend server
    service web site project camp django flask fastapi uvicorn python password passw0rd pass admin
    root user users hash sha256 hs256 algorithm keep hide abc abcdef qwerty asdf lorem ipsum
    0123456789 1234567890 123456789 12345678 1234567 123456 12345 1234 123 16 24 32 48 50 64 128
    256 512 2024 2025 2026
"""
WORD = re.compile("|".join(sorted(WORDS.split(), key=len, reverse=True)))


class UnwritableFolder(ImproperlyConfigured):
    """CAMP_DATA_DIR takes no file; `why` is the reason that the system gives."""

    def __init__(self, folder, why):
        super().__init__(f"CAMP_DATA_DIR cannot be written: {folder} ({why})")
        self.folder, self.why = folder, why


def choose_secret_key(env, file, *, strict):
    """Return the secret key, the earlier keys, and the names of variables that were ignored.

    A guessable key is ignored for the one in `file`, which is created on first use; with
    `strict` it is refused (ImproperlyConfigured) instead.
    """
    key, ignored = env.secret("SECRET_KEY") or generate_once(file), []
    if is_guessable(key):
        ignored.append("SECRET_KEY")
        key = None if strict else generate_once(file)
    earlier = env.names("SECRET_KEY_FALLBACKS")
    good = [each for each in earlier if not is_guessable(each)]
    if good != earlier:
        ignored.append("SECRET_KEY_FALLBACKS")
    if strict and ignored:
        raise ImproperlyConfigured(REFUSED.format(name=ignored[0]))
    return key, good, ignored


def is_guessable(key):
    """Return whether others may know a secret key, or find it by trying."""
    if key in PUBLISHED or key.startswith(INSECURE):
        return True
    if len(key) < SHORTEST or len(set(key)) < FEWEST or is_repetition(key):
        return True
    left = WORD.sub("", re.sub(r"[\W_]", "", key.lower()))
    in_a_row = sum(ord(after) - ord(before) == 1 for before, after in pairwise(left))
    return len(left) - in_a_row < LEFT_OVER


def is_repetition(text):
    """Return whether a text repeats a shorter one."""
    return (text + text).find(text, 1) < len(text)


def generate_once(file):
    """Return the secret kept in `file`, which is created on first use with owner-only rights.

    Two processes that start together end up with the same secret.
    """
    try:
        make_folder(file.parent)
        if not file.exists():
            create_file(file, secrets.token_urlsafe(50).encode())
        value = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UnwritableFolder(file.parent, error.strerror) from None
    if len(value) < 50:
        raise ImproperlyConfigured(f"{file} holds no usable secret: delete it for a new one.")
    return value
