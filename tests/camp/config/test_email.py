"""EMAIL_URL as people write it, good and bad."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection

from camp.config import env as environment
from camp.config import urls

SECRET = "hunter2-very-secret"


@pytest.fixture
def mail(tmp_path, monkeypatch):
    """A function that returns what an env file with an EMAIL_URL makes of it."""
    monkeypatch.delenv("CAMP_ENV_FILES", raising=False)
    monkeypatch.delenv("EMAIL_URL", raising=False)

    def read(url):
        (tmp_path / ".env.local").write_text(f"EMAIL_URL={url}\n", encoding="utf-8")
        return urls.read_email(environment.load(tmp_path), "EMAIL_URL")

    return read


@pytest.mark.parametrize(
    ("scheme", "port", "starttls", "tls"),
    [
        ("smtp", 25, False, False),
        ("smtp+tls", 587, True, False),
        ("smtps", 465, False, True),
        ("smtp+ssl", 465, False, True),
        ("SMTPS", 465, False, True),
    ],
)
def test_the_scheme_says_how_it_is_encrypted(mail, scheme, port, starttls, tls):
    config = mail(f"{scheme}://camp:secret@smtp.example.org")
    assert (config["EMAIL_USE_TLS"], config["EMAIL_USE_SSL"]) == (starttls, tls)
    assert (config["EMAIL_HOST"], config["EMAIL_PORT"]) == ("smtp.example.org", port)
    assert mail(f"{scheme}://smtp.example.org:2525")["EMAIL_PORT"] == 2525


@pytest.mark.parametrize(
    "password", ["12#34", "12/34", "12?34", "1@2:3", "a+b", "100%", "12#3@4?5/"]
)
@pytest.mark.parametrize("user", ["m@example.org", "m", "m%40example.org"])
def test_user_and_password_of_any_characters(mail, user, password):
    config = mail(f"smtp+tls://{user}:{password}@smtp.example.org:587")
    assert (config["EMAIL_HOST"], config["EMAIL_PORT"]) == ("smtp.example.org", 587)
    assert config["EMAIL_HOST_USER"] == user.replace("%40", "@")
    assert config["EMAIL_HOST_PASSWORD"] == password


def test_percent_encoded(mail):
    config = mail("smtp://m%40example.org:12%2334%2F%3F%40@smtp.example.org:587")
    assert config["EMAIL_HOST_PASSWORD"] == "12#34/?@"


@pytest.mark.parametrize(
    "url",
    [
        f"pigeon://camp:{SECRET}@loft",
        SECRET,
        f"smtp:/camp:{SECRET}@loft",
        f"smtp+tls://camp:{SECRET}@",
        "smtp+tls://",
        f"smtp+tls://camp:{SECRET}@loft:5x7",
        f"smtp+tls://camp:{SECRET}@loft:70000",
        f"smtp+tls://camp:{SECRET}@loft/path",
        f"smtp+tls://camp:{SECRET}@loft#fragment",
        f"smtp+tls://m@example.org:25?x={SECRET}@smtp.example.org:587",
        f"smtp+tls://camp:{SECRET}@loft?EMAIL_USE_SSL=on",
        f"smtp+tls://camp:{SECRET}@loft?EMAIL_USE_TLS=maybe",
    ],
)
def test_what_is_not_understood_is_refused_without_showing_it(mail, url):
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL") as refused:
        mail(url)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_refusal_says_how_to_write_a_password(mail):
    with pytest.raises(ImproperlyConfigured, match=r"@ as %40, # as %23, / as %2F, . as %3F"):
        mail("smtp+tls://camp:12#34@smtp.example.org:port")


@pytest.mark.parametrize("port", [25, 587])
def test_tls_from_the_first_byte_on_a_port_that_begins_in_the_clear_is_refused(mail, port):
    with pytest.raises(ImproperlyConfigured, match=r"write smtp\+tls://"):
        mail(f"smtps://camp:secret@smtp.example.org:{port}")
    assert mail(f"smtp+ssl://smtp.example.org:{port}")["EMAIL_USE_SSL"]


def test_an_option_of_the_url_goes_before_its_scheme(mail):
    assert mail("smtp://smtp.example.org?EMAIL_USE_TLS=True")["EMAIL_USE_TLS"]


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("", "dummy"),
        ("consolemail://", "console"),
        ("memorymail://", "locmem"),
        ("dummymail://", "dummy"),
    ],
)
def test_without_a_server(mail, url, backend):
    config = mail(url)
    assert config["EMAIL_BACKEND"] == f"django.core.mail.backends.{backend}.EmailBackend"
    get_connection(config["EMAIL_BACKEND"])


def test_mail_into_files(mail, tmp_path):
    config = mail(f"filemail:///{tmp_path}/mail")
    assert config["EMAIL_FILE_PATH"] == f"{tmp_path}/mail"
    get_connection(config["EMAIL_BACKEND"], file_path=config["EMAIL_FILE_PATH"])
