"""Databases to test on: SQLite always, and PostgreSQL where its server is installed.

A test of a folder in `DOUBLED` that uses a fixture with a database in it (they all go by `new_database`, see
`tests/serving/conftest.py`) runs on both by itself. One that is about SQLite's own file is marked `sqlite_only`. With a
whole service in it, it runs on PostgreSQL in `make test` where its folder is in `WITH_SERVICES`, and everywhere in
`make test-postgresql`.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

# The benchmarks are scripts in one folder and no package: their modules are found by that folder.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from postgres import MISSING, Cluster, programs

__all__ = ["DOUBLED", "KINDS", "MISSING", "WITH_SERVICES", "Cluster", "NewDatabase", "copy_of", "programs"]

SERVING = Path(__file__).parent / "serving"
_DOUBLED = (
    *("access", "candidates", "catalogue", "erasure", "events", "evidence", "inspections", "results", "review"),
    "storage",
)
DOUBLED = tuple(SERVING / name for name in _DOUBLED)
"""Folders whose tests run on both databases."""
WITH_SERVICES = (SERVING / "access", SERVING / "inspections")
KINDS = ("sqlite", "postgresql")


def copy_of(file: Path, folder: Path, name: str = "regrade.db") -> str:
    """The URL of a copy of a SQLite database in `folder`."""
    shutil.copy(file, folder / name)
    return f"sqlite:///{folder / name}"


NewDatabase = Callable[..., str]
"""Makes an empty database with the newest schema in a folder, or whatever stands for it, and returns its URL; with
`schema=False`, one without a schema."""
