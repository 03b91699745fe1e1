"""What the tests of accounts share."""

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def english_after():
    """Requests leave their language to the thread; the next test starts without it."""
    yield
    translation.deactivate()
