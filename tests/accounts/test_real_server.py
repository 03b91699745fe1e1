"""E-mails of the real server, sent to a slow mail server."""

import http.cookiejar
import socketserver
import statistics
import threading
import time
import urllib.parse
import urllib.request

import pytest

pytestmark = [pytest.mark.fault, pytest.mark.machine]

SLOW = 1.5  # seconds that the mail server takes for a message


class MailServer(socketserver.StreamRequestHandler):
    """Takes messages by SMTP, slowly."""

    def handle(self):
        self.say("220 mail")
        for line in self.rfile:
            word = line.split()[0].upper()
            if word == b"DATA":
                self.say("354 go on")
                lines = []
                while (line := self.rfile.readline()) != b".\r\n":
                    lines.append(line)
                time.sleep(SLOW)
                self.server.messages.append(b"".join(lines).decode())
            self.say("221 bye" if word == b"QUIT" else "250 fine")
            if word == b"QUIT":
                return

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail_server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer) as server:
        server.messages = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(base, email):
    """Ask for a new password; returns the seconds that the answer took."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    address = f"{base}/accounts/password/reset/"
    browser.open(address).read()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = urllib.parse.urlencode({"email": email, "csrfmiddlewaretoken": token}).encode()
    begun = time.monotonic()
    assert "/done/" in browser.open(address, form).geturl()
    return time.monotonic() - begun


def test_the_answer_does_not_wait_and_a_stop_loses_no_e_mail(make_camp_server, mail_server):
    server = make_camp_server(EMAIL_URL=f"smtp://127.0.0.1:{mail_server.server_address[1]}")
    server.start()
    for name in ("known1", "known2", "known3"):
        server.make_user(name)
    known = [ask(server.base_url, f"known{number}@example.org") for number in (1, 2, 3)]
    assert statistics.median(known) < SLOW
    assert server.stop() == 0
    assert len(mail_server.messages) == 3
