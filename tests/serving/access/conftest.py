"""A database by itself, of either kind, and a clock."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regrade.serving.storage.database import Database
from tests.serving.access.clock import Clock


@pytest.fixture
def database(tmp_path: Path, new_database: Any) -> Iterator[Database]:
    """With the newest schema, and nothing in it."""
    opened = Database(new_database(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    """Stands still until a test sets it forward."""
    return Clock()
