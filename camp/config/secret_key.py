"""Which secret keys are none: published in examples, or guessed with little effort.

Its sentences are for who sets Camp up, before there are settings and translations.
"""

import re
from itertools import pairwise

from django.core.exceptions import ImproperlyConfigured

from camp.config.env import generated_secret

REFUSED = (
    "{name} holds a published example, or a key that is easy to guess: whoever knows it can log "
    "in as anybody. Remove the line, and Camp makes a good key; or make one with: "
    'python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
)
SHORTEST = 32  # characters
FEWEST = 8  # different ones
# What is left of a key without the words of examples; a random key keeps nearly all.
LEFT_OVER = 16
# In documents that half the world copies from, such as FastAPI's tutorial on JWT.
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


def chosen(env, file, *, strict):
    """Return the secret key, those that it replaces, and the names of variables left out.

    A key of the environment that is guessable is not used: the one of `file` is, which is made
    on first use. With `strict` it is refused (ImproperlyConfigured) instead.
    """
    key, left_out = env.secret("SECRET_KEY", file), []
    if is_guessable(key):
        left_out.append("SECRET_KEY")
        key = None if strict else generated_secret(file)
    earlier = env.names("SECRET_KEY_FALLBACKS")
    good = [each for each in earlier if not is_guessable(each)]
    if good != earlier:
        left_out.append("SECRET_KEY_FALLBACKS")
    if strict and left_out:
        raise ImproperlyConfigured(REFUSED.format(name=left_out[0]))
    return key, good, left_out


def is_guessable(key):
    """Return whether somebody else may know a secret key, or find it by trying."""
    if key in PUBLISHED or key.startswith(INSECURE):
        return True
    if len(key) < SHORTEST or len(set(key)) < FEWEST or is_repetition(key):
        return True
    left = WORD.sub("", re.sub(r"[\W_]", "", key.lower()))
    in_a_row = sum(ord(after) - ord(before) == 1 for before, after in pairwise(left))
    return len(left) - in_a_row < LEFT_OVER


def is_repetition(text):
    """Return whether a text is a shorter one several times."""
    return (text + text).find(text, 1) < len(text)
