"""A new revision that was acknowledged survives `kill -9`; one that was not is there whole, or not at all."""

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from regrade.serving.base.settings import Settings
from regrade.serving.evidence.store_check import check_evidence
from regrade.serving.inspections.verify import verify_store
from regrade.serving.installation.data_dir import open_database
from regrade.serving.storage.photostore import LocalPhotoStore

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from kill_rounds import Server

pytestmark = pytest.mark.slow

DELAYS = (0.02, 0.15, 0.3, 0.6)
"""Seconds after which the service is killed: while photos come in, are graded, are stored, are answered."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A service in a process of its own."""
    made = Server(tmp_path / "data", tmp_path / "log")
    made.start()
    made.wait_until_ready()
    yield made
    with suppress(ProcessLookupError):
        made.end(signal.SIGKILL)


def test_a_revision_under_way_is_there_whole_or_not_at_all(server: Server, render_photo: Any) -> None:
    headers = {"Authorization": f"Bearer {server.key('station')}"}

    def post(path: str, photo: bytes, key: str, **data: str) -> httpx.Response:
        with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
            files = [("photos", ("0.jpg", photo, "image/jpeg"))]
            return client.post(path, files=files, data=data, headers={"Idempotency-Key": key})

    made = post("/v1/inspections", render_photo(0), "new", item=json.dumps({"rma": "1", "category": "footwear"})).json()
    path = f"/v1/inspections/{made['id']}/photos"
    for turn, delay in enumerate(DELAYS):
        acknowledged: list[int] = []

        def send(photo: bytes, key: str, told: list[int] = acknowledged) -> None:
            with suppress(httpx.TransportError):
                told.append(post(path, photo, key).json()["revision"])

        photo, key = render_photo(turn + 1), f"k{turn}"
        thread = threading.Thread(target=send, args=(photo, key))
        thread.start()
        time.sleep(delay)
        server.end(signal.SIGKILL)
        thread.join()
        server.start()
        server.wait_until_ready()
        again = post(path, photo, key)
        assert again.status_code in ((200,) if acknowledged else (200, 201))
        assert (again.json()["revision"], len(again.json()["photos"])) == (turn + 2, turn + 2)
    server.end(signal.SIGTERM)
    settings = Settings(_env_file=None, data_dir=server.data_dir)
    database = open_database(settings)
    found = verify_store(database, LocalPhotoStore(settings.data_dir / "photos"))
    assert (found.sound, found.inspections, found.photos) == (True, 1, len(DELAYS) + 1)
    assert check_evidence(database, settings.data_dir / "keys").findings == ()
    database.close()
