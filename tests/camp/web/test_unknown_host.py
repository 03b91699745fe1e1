"""The page for a host name that is not in ALLOWED_HOSTS."""

import pytest

LINE = "ALLOWED_HOSTS=localhost,camp.local"


@pytest.fixture(autouse=True)
def hosts(settings):
    settings.ALLOWED_HOSTS = ["localhost"]


def ask(client, host="camp.local:8000", **extra):
    """Return the response to somebody who opened `host`."""
    return client.get("/", HTTP_HOST=host, **extra)


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.1.20", "10.0.0.7", "::1", "fe80::1"])
def test_a_reader_of_the_network_learns_what_to_write(client, address):
    response = ask(client, REMOTE_ADDR=address)
    assert response.status_code == 400
    assert "“camp.local”" in response.text
    assert LINE in response.text


def test_the_sentence_is_in_the_readers_language(client):
    response = ask(client, HTTP_ACCEPT_LANGUAGE="ja")
    assert "「camp.local」" in response.text
    assert LINE in response.text


@pytest.mark.parametrize(
    "extra",
    [
        {"REMOTE_ADDR": "93.184.216.34"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "93.184.216.34"},
    ],
)
def test_strangers_learn_nothing(client, extra):
    response = ask(client, **extra)
    assert response.status_code == 400
    assert "ALLOWED_HOSTS" not in response.text


def test_a_visitor_behind_the_proxy_is_judged_by_the_forwarded_address(client, settings):
    settings.CAMP_HTTPS = True
    forwarded = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "93.184.216.34"}
    assert "ALLOWED_HOSTS" not in ask(client, **forwarded).text
    assert LINE in ask(client, **forwarded | {"HTTP_X_FORWARDED_FOR": "192.168.1.2"}).text


@pytest.mark.parametrize("host", ["<script>", "a b", "camp_local/x", "", "x" * 300])
def test_a_name_that_is_none_is_not_repeated(client, host):
    response = ask(client, host)
    assert response.status_code == 400
    assert "<script>" not in response.text


def test_a_program_gets_the_sentence_as_json(client):
    response = ask(client, HTTP_ACCEPT="application/json")
    assert LINE in response.json()["error"]
