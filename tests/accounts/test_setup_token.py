"""The token of the one-time set-up address."""

import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts import setup_token


def test_the_token_is_long_and_only_its_owner_can_read_it(settings):
    token = setup_token.issue()

    assert len(token) >= 43  # 256 bits
    assert settings.SETUP_TOKEN_FILE.read_text() == token
    if sys.platform != "win32":
        assert stat.S_IMODE(settings.SETUP_TOKEN_FILE.stat().st_mode) == 0o600


def test_a_waiting_token_is_kept_and_nothing_else_is_left_behind(settings):
    assert setup_token.issue() == setup_token.issue()
    assert os.listdir(settings.SETUP_TOKEN_FILE.parent) == [settings.SETUP_TOKEN_FILE.name]


def test_an_empty_file_is_no_token(settings):
    settings.SETUP_TOKEN_FILE.write_text("")

    assert not setup_token.matches("")
    assert setup_token.matches(setup_token.issue())


@pytest.mark.parametrize("guess", ["", "no", "見当違い", None])
def test_a_wrong_token_is_refused_and_uses_nothing_up(guess):
    token = setup_token.issue()

    assert not setup_token.matches(guess)
    assert not setup_token.claim(guess)
    assert setup_token.matches(token)


def test_a_token_can_be_claimed_once(settings):
    token = setup_token.issue()

    assert setup_token.claim(token)
    assert not setup_token.claim(token)
    assert not setup_token.matches(token)
    assert os.listdir(settings.SETUP_TOKEN_FILE.parent) == []


def test_of_many_claims_at_once_one_wins():
    token = setup_token.issue()

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda _: setup_token.claim(token), range(64)))

    assert won.count(True) == 1


def test_a_withdrawn_token_is_gone():
    token = setup_token.issue()

    setup_token.withdraw()
    setup_token.withdraw()

    assert not setup_token.matches(token)
