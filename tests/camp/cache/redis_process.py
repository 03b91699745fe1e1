"""A Redis-protocol server of one test, to be stopped, hung, killed and started again."""

import contextlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
import redis

from tests import servers

PASSWORD = "the-password-of-redis"


class RedisProcess:
    """A server on a port that stays the same from start to start."""

    def __init__(self, folder):
        binaries = list(servers.redis_binaries())
        if not binaries and sys.platform == "win32":
            pytest.skip("No Redis-protocol server exists for Windows.")
        self.binary, self.folder, self.port = binaries[0], folder, servers.free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self.process = None

    def start(self):
        """Start the server, with the entries of its last snapshot, and wait for it."""
        options = {"port": self.port, "bind": "127.0.0.1", "requirepass": PASSWORD, "save": ""}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen(
            [self.binary, *words], cwd=self.folder, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(redis.RedisError):
                return self.client().ping()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def client(self):
        """Return a client that is not Camp's."""
        return redis.Redis.from_url(self.url)

    def kill(self):
        """End the server as a power cut would."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def hang(self):
        """Stop the server from answering, with its connections open."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self):
        """Let it go on where it hung."""
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        """Remove what there is of it."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
