"""Where the links lead that Camp sends, and what its answers tell browsers."""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from camp.web import addresses

ROOT = Path(__file__).resolve().parents[3]
FORGED = "testserver:6666"


@pytest.fixture
def person(client, django_user_model):
    """Somebody with a log-in."""
    user = django_user_model.objects.create_user("ann", "ann@example.org", "a good long password")
    client.force_login(user)
    return user


def links_of_new_password(client, host, **environ):
    """Return the links in the e-mail for a new password."""
    client.logout()
    form = {"email": "ann@example.org"}
    client.post(reverse("accounts:password_reset"), form, headers={"host": host}, **environ)
    [letter] = mail.outbox
    return re.findall(r"https?://[^/]+/", letter.body)


@pytest.mark.django_db
class TestPort:
    def test_a_forged_one_is_in_no_e_mail(self, client, person):
        assert links_of_new_password(client, FORGED) == ["http://testserver/"]
        assert "6666" not in mail.outbox[0].body

    def test_a_forged_one_becomes_that_of_the_server(self, client, person):
        links = links_of_new_password(client, FORGED, SERVER_PORT="8000")
        assert links == ["http://testserver:8000/"]

    def test_that_of_the_server_is_kept(self, client, person):
        links = links_of_new_password(client, "testserver:8000", SERVER_PORT="8000")
        assert links == ["http://testserver:8000/"]

    def test_that_of_the_settings_is_kept(self, client, person, settings):
        settings.ALLOWED_HOSTS_WITH_PORT = ["testserver:8443"]
        assert links_of_new_password(client, "testserver:8443") == ["http://testserver:8443/"]

    def test_behind_a_proxy_that_of_the_server_is_not_believed(self, client, person, settings):
        settings.CAMP_HTTPS = True
        links = links_of_new_password(client, "testserver:8000", SERVER_PORT="8000")
        assert links == ["http://testserver/"]

    @pytest.mark.parametrize("name", ["testserver:6666", "testserver"])
    def test_shared_links_have_no_forged_one(self, client, person, name):
        upload = {"files": SimpleUploadedFile("a.txt", b"x")}
        headers = {"accept": "application/json"}
        answer = client.post(reverse("files:upload"), upload, headers=headers).json()
        form = {"id": answer["files"][0]["id"], "days": "7"}
        client.post(reverse("files:link_new"), form, headers={"host": name})
        page = client.get(reverse("files:links"), headers={"host": name}).content.decode()

        assert "http://testserver/s/" in page
        assert "6666" not in page

    def test_an_upload_has_no_forged_one(self, client, person):
        headers = {"tus-resumable": "1.0.0", "upload-length": "5", "host": FORGED}
        response = client.post(reverse("uploads:uploads"), headers=headers)

        assert response.status_code == 201
        assert response["Location"].startswith("/uploads/")


def test_a_port_in_the_settings_is_no_part_of_the_name():
    code = (
        "from django.conf import settings as s; print(s.ALLOWED_HOSTS, s.ALLOWED_HOSTS_WITH_PORT)"
    )
    output = settings_with(code, ALLOWED_HOSTS="camp.example.org:8443,[::1]:80,[::1],localhost")

    names = "['camp.example.org', '[::1]', '[::1]', 'localhost']"
    assert output == f"{names} ['camp.example.org:8443', '[::1]:80']"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/", "/health/live", "/accounts/login/", "/nothing/", "/s/wrong/", "/files/"]
)
def test_every_answer_says_what_pages_may_not_do(client, path):
    response = client.get(path)

    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]


@pytest.mark.fault
def test_static_files_say_it_as_well(camp_server):
    page = urlopen(f"{camp_server.base_url}/accounts/login/").read().decode()
    style = re.search(r'href="(/static/[^"]+\.css)"', page)[1]
    headers = urlopen(camp_server.base_url + style).headers

    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


class TestStrictTransportSecurity:
    CODE = (
        "from django.conf import settings as s;"
        "print(s.SECURE_HSTS_SECONDS, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD)"
    )

    def test_it_is_for_the_own_name_alone(self):
        assert settings_with(self.CODE, CAMP_HTTPS="on") == "31536000 False False"

    def test_more_can_be_chosen(self):
        chosen = {"HSTS_SUBDOMAINS": "on", "HSTS_PRELOAD": "on"}
        assert settings_with(self.CODE, CAMP_HTTPS="on", **chosen) == "31536000 True True"


def settings_with(code, **variables):
    """Return what `code` prints in a process with these settings."""
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            "CAMP_ENV_FILES": "",
            "SECRET_KEY": secrets.token_urlsafe(50),
            **variables,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ALLOWED_HOSTS": ["localhost"]}, "http://localhost:8000"),
        ({"ALLOWED_HOSTS": ["localhost", "camp.example"]}, "http://camp.example:8000"),
        ({"ALLOWED_HOSTS": ["camp.example"], "CAMP_HTTPS": True}, "https://camp.example"),
        ({"SITE_URL": "https://other.example"}, "https://other.example"),
    ],
)
def test_links_that_no_request_asks_for_lead_to_this_camp(settings, changes, expected):
    settings.PORT, settings.SITE_URL, settings.CAMP_HTTPS = 8000, "", False
    for name, value in changes.items():
        setattr(settings, name, value)
    assert addresses.site_url() == expected
