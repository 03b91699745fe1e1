"""What a server of pages loads: it stays in memory for as long as the server runs."""

import pytest


@pytest.mark.sqlite
def test_nothing_of_postgresql_is_loaded_for_sqlite(make_camp_server):
    server = make_camp_server(migrated=False)
    code = "import sys, camp.wsgi; print([name for name in sys.modules if 'psycopg' in name])"
    assert server.manage("shell", "-v", "0", "-c", code).stdout.strip() == "[]"
