"""What a server of pages loads stays in memory for as long as it runs."""

import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


@pytest.mark.sqlite
def test_nothing_of_postgresql_is_loaded_for_sqlite(make_camp_server):
    server = make_camp_server().start()
    for pid in server.pids:
        assert "psycopg" not in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
