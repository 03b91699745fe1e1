"""Downloads that a real nginx sends for Camp (X-Accel-Redirect)."""

import getpass
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import time

import pytest

from tests.files.wire import Browser

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONFIG = """
daemon off; worker_processes 1; user {user}; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {camp}; proxy_set_header Host $http_host; proxy_request_buffering off;
    }}
    location /protected/ {{
      internal; alias {storage}/;
      add_header Content-Security-Policy $upstream_http_content_security_policy;
      add_header X-Content-Type-Options $upstream_http_x_content_type_options;
      add_header Repr-Digest $upstream_http_repr_digest;
    }}
  }}
}}
"""

pytestmark = [
    pytest.mark.fault,
    pytest.mark.machine,
    pytest.mark.skipif(not NGINX, reason="needs nginx"),
]


@pytest.fixture
def nginx(make_camp_server, tmp_path):
    """Camp with nginx in front of it; returns nginx's address."""
    server = make_camp_server(X_ACCEL_REDIRECT="/protected/").start()
    server.make_user("owner")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "nginx.conf"
    storage = server.folder / "data" / "files"
    values = {"folder": tmp_path, "port": port, "camp": server.base_url, "storage": storage}
    config.write_text(CONFIG.format(**values, user=getpass.getuser()))
    process = subprocess.Popen([NGINX, "-p", tmp_path, "-c", config], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def test_nginx_sends_the_bytes_and_their_parts(nginx):
    browser = Browser(nginx, "owner")
    content = os.urandom(3_000_000)
    status, said = browser.upload(("写真.bin", content))
    assert status == 201
    address = f"{said['files'][0]['url']}download/"

    status, headers, body = browser.request("GET", address)
    assert status == 200
    assert hashlib.sha256(body).digest() == hashlib.sha256(content).digest()
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Repr-Digest"].startswith("sha-256=:")
    assert "X-Accel-Redirect" not in headers

    status, headers, body = browser.request("GET", address, headers={"Range": "bytes=5-9"})
    assert (status, body) == (206, content[5:10])
    assert headers["Content-Range"] == "bytes 5-9/3000000"
    condition = {"If-None-Match": headers["ETag"]}
    assert browser.request("GET", address, headers=condition)[0] == 304
    status, headers, body = browser.request("HEAD", address)
    assert (status, headers["Content-Length"], body) == (200, "3000000", b"")

    # Nobody gets there by the address itself.
    assert browser.request("GET", f"/protected/{secrets.token_hex(8)}")[0] == 404
