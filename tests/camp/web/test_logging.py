"""What gets into the log, and what does not."""

import json
import logging

import pytest
from django.conf import settings as camp_settings

from camp.web.logging import JsonFormatter, LineFormatter, logging_config, redact, request_id


def record(message, *args, error=None, **extra):
    """Return a log record, as the logging module makes them."""
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("camp.test", logging.INFO, __file__, 1, message, args, info)
    made.__dict__.update(extra)
    return made


def raised(error):
    """Return `error` as it is after it was raised."""
    try:
        raise error
    except type(error) as caught:
        return caught


SECRETS = [
    ("mail to bob.o+x@example.co.jp failed", "bob"),
    ("mail to 山田@例え.jp failed", "山田"),
    ("?email=bob%40example.org&x=1", "bob"),
    ('Key (email)=("bob@example.org") exists', "bob"),
    ("password=hunter2", "hunter2"),
    ("password = 'hunter2 and more'", "more"),
    ('{"new_password1": "hunter2", "a": 1}', "hunter2"),
    ("{'password': 'it\\'s hunter2'}", "hunter2"),
    ("<QueryDict: {'password': ['hunter2 and more']}>", "more"),
    ("PGPASSWORD: hunter2", "hunter2"),
    ("token=hunter2&x=1", "hunter2"),
    ("csrftoken=hunter2; camp_session=other2", "other2"),
    ("SECRET_KEY='hunter2'", "hunter2"),
    ("Authorization: Bearer hunter2hunter2", "hunter2"),
    ("sent Basic aHVudGVyMjpodW50ZXIy to", "aHVudGVyMjpodW50ZXIy"),
    ("postgresql://camp:hunter2@db:5432/camp is away", "hunter2"),
    ("redis://:hunter2@[::1]:6379/0", "hunter2"),
    ("smtp://bob:hun/t@er2?x@mail.example.org", "hun/t"),
    ("(1, argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA, t)", "aGFzaA"),
    ("row holds $2b$12$abcdefghijklmnopqrstuv.wxyz", "abcdefghij"),
]
HARMLESS = [
    "GET /files/3/ 200 12B 1.2ms user=7",
    "CSRF token missing.",
    "Two people @ noon, 5 $ each",
    "http://localhost:8000/files/?q=x",
    "8 migrations are not applied.",
]


class TestRedaction:
    @pytest.mark.parametrize(("text", "secret"), SECRETS)
    def test_secrets_are_taken_out(self, text, secret):
        assert secret in text
        assert secret not in redact(text)

    @pytest.mark.parametrize("text", HARMLESS)
    def test_the_rest_stays(self, text):
        assert redact(text) == text

    @pytest.mark.parametrize("text", [text for text, _ in SECRETS])
    def test_the_name_of_what_was_hidden_stays(self, text):
        assert "[hidden]" in redact(text) or "[e-mail]" in redact(text)

    @pytest.mark.parametrize(
        "piece", ["a", "a.", "a@", "://", "a://b@", "password", "password=", "$", "'", "%40", "-"]
    )
    def test_long_text_costs_no_more_than_its_length(self, piece):
        # With the square of it, this would not end.
        assert redact(piece * 200_000)

    @pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()])
    @pytest.mark.parametrize(("text", "secret"), SECRETS)
    def test_every_part_of_a_record_is_redacted(self, formatter, text, secret):
        assert secret not in formatter.format(record(text))
        assert secret not in formatter.format(record("%s", text))
        assert secret not in formatter.format(record("x", error=raised(ValueError(text))))
        assert secret not in formatter.format(record("x", access={"path": text}))


class TestLine:
    def test_it_has_time_level_logger_number_and_message(self):
        with request_id("abc"):
            line = LineFormatter().format(record("Hello %s", "there"))
        time_, rest = line.split(" ", 1)
        assert time_.endswith("+00:00")
        assert rest == "INFO camp.test [abc] Hello there"

    def test_outside_of_a_request_there_is_no_number(self):
        assert "[-]" in LineFormatter().format(record("Hello"))

    def test_the_number_ends_with_the_request(self):
        with request_id("outer"):
            with request_id("inner"):
                pass
            assert "[outer]" in LineFormatter().format(record("Hello"))

    def test_a_message_cannot_begin_a_line_of_its_own(self):
        line = LineFormatter().format(record("a\r\n2026 INFO forged\x1b[2J\u2028x"))
        assert len(line.splitlines()) == 1
        assert "\x1b" not in line

    def test_a_traceback_follows_indented(self):
        error = raised(ValueError("first\n2026 INFO forged"))
        first, *rest = LineFormatter().format(record("Failed", error=error)).splitlines()
        assert first.endswith("Failed")
        assert rest[0] == "    Traceback (most recent call last):"
        assert all(line.startswith("    ") for line in rest)


class TestJson:
    def test_it_is_one_object_on_one_line(self):
        with request_id("abc"):
            line = JsonFormatter().format(record("Hello %s\nthere", "you"))
        entry = json.loads(line)
        assert "\n" not in line
        assert entry.pop("time").endswith("+00:00")
        assert entry == {
            "level": "info",
            "logger": "camp.test",
            "request_id": "abc",
            "message": "Hello you\\x0athere",
        }

    def test_a_traceback_is_a_field(self):
        entry = json.loads(JsonFormatter().format(record("x", error=raised(KeyError("k")))))
        assert entry["exception"].endswith("KeyError: 'k'")


class TestConfiguration:
    @pytest.mark.parametrize(("as_json", "name"), [(True, "Json"), (False, "Line")])
    def test_the_form_is_chosen(self, as_json, name):
        config = logging_config(level="INFO", as_json=as_json)
        assert config["formatters"]["camp"]["()"] == f"camp.web.logging.{name}Formatter"

    def test_the_settings_use_it(self):
        expected = logging_config(level=camp_settings.LOG_LEVEL, as_json=camp_settings.LOG_JSON)
        assert expected == camp_settings.LOGGING

    @pytest.mark.parametrize("name", ["axes", "axes.handlers.database", "axes.attempts"])
    def test_axes_says_nothing_since_it_would_say_names(self, name):
        assert not logging.getLogger(name).isEnabledFor(logging.ERROR)

    def test_only_our_own_code_may_chatter(self):
        # Libraries chatter about the values of queries and the text of messages.
        config = logging_config(level="DEBUG", as_json=False)
        levels = {name: logger["level"] for name, logger in config["loggers"].items()}
        assert config["root"]["level"] == "INFO"
        assert {name for name, level in levels.items() if level == "DEBUG"} == {
            *("accounts", "camp", "files", "sessions_app")
        }

    def test_a_higher_level_is_everybodys(self):
        config = logging_config(level="ERROR", as_json=False)
        levels = {config["root"]["level"], *(each["level"] for each in config["loggers"].values())}
        assert levels == {"ERROR", "CRITICAL"}

    def test_what_the_access_log_has_is_not_logged_twice(self):
        assert not logging.getLogger("django.request").isEnabledFor(logging.WARNING)
        assert not logging.getLogger("django.server").isEnabledFor(logging.WARNING)
