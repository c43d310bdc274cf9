"""Is everything so that was acknowledged? Asks the service, then looks at the disk without it."""

import hashlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from kill_rounds import Acknowledged, Server, post
from photos import photo_of
from rig import REGRADE
from sqlalchemy import select

from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import evidence_disclosures

REPEATED = 20
"""Erased items that are posted once more under their keys."""


def check(server: Server, told: Acknowledged) -> dict[str, Any]:
    """Ends the service. What was lost, stored twice, left or came back should be nothing, and exit codes 0."""
    headers = {"Authorization": f"Bearer {server.key('admin')}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
        listed = list(_listed(client))
        found = {
            "stored_twice": len(listed) - len(told.items),
            "lost_items": [rma for rma in told.items if rma not in told.erased and not _is_there(client, told, rma)],
            "lost_decisions": [one for one in told.decisions if not _is_decided(client, one, told.decisions[one])],
            "lost_erasures": [rma for rma in told.erased if not _is_erased(client, told.erased[rma])],
            "came_back": _came_back(server.url, told),
        }
    found["exit_code"] = server.end(signal.SIGTERM)
    command: list[str | Path] = [REGRADE, "store", "verify", "--data-dir", server.data_dir]
    environment = os.environ | server.settings
    verified = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    found |= {"verify_exit_code": verified.returncode, "verify": verified.stdout.splitlines()}
    return found | {"left_of_erased": sorted(_left(server, told))}


def _listed(client: httpx.Client) -> Iterator[Mapping[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/inspections", params={"limit": "200"} | cursor).json()
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def _is_there(client: httpx.Client, told: Acknowledged, rma: str) -> bool:
    """Whether an item is as it was posted, every byte of its photos."""
    inspection, hashes = told.items[rma]
    found = client.get(f"/v1/inspections/{inspection}")
    if found.status_code != 200 or found.json()["item"]["rma"] != rma:
        return False
    photos = [
        client.get(f"/v1/inspections/{inspection}/photos/{index}", params={"original": "true"}).content
        for index in range(len(hashes))
    ]
    return [hashlib.sha256(photo).hexdigest() for photo in photos] == hashes


def _is_decided(client: httpx.Client, decision: str, condition: str) -> bool:
    """Whether the evidence tells of a reviewer's decision, and the database says the same."""
    inspection, key_id = decision.split()
    evidence = client.get(f"/v1/inspections/{inspection}/evidence").json()
    made = [(one["condition"], one["by"]["key_id"]) for one in evidence["payload"]["reviews"]]
    return (condition, key_id) in made and bool(evidence["consistent"])


def _is_erased(client: httpx.Client, inspection: str) -> bool:
    """Whether an item is marked as erased, its photo gone, and its evidence a record of that."""
    found = client.get(f"/v1/inspections/{inspection}").json()
    photo = client.get(f"/v1/inspections/{inspection}/photos/0").status_code
    evidence = client.get(f"/v1/inspections/{inspection}/evidence").json()
    last = evidence["payload"]["steps"][-1]["kind"]
    return found.get("erased") is not None and photo == 410 and last == "erased" and bool(evidence["consistent"])


def _came_back(url: str, told: Acknowledged) -> list[str]:
    """Erased items whose request, repeated by the station that sent it, is answered otherwise than that it is gone."""
    back, photo = [], photo_of(0, 320, 240)
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        for rma in list(told.erased)[:REPEATED]:
            client.headers["Authorization"] = f"Bearer {told.stations[rma.rpartition('-')[0]]}"
            if post(partial(client.post, "/v1/inspections"), rma, [photo]).status_code != 410:
                back.append(rma)
    return back


def _left(server: Server, told: Acknowledged) -> set[str]:
    """Erased RMAs that are still to be found: in a photo's comment, a row, a note, the log, or a disclosure."""
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    found = {one.decode() for path in files for one in re.findall(rb"rma-\w{6}-\d+x", path.read_bytes())}
    database = Database(server.settings.get("REGRADE_DATABASE_URL", f"sqlite:///{server.data_dir / 'regrade.db'}"))
    with database.read() as connection:
        rma = evidence_disclosures.c.path == "item.rma"
        kept = set(connection.execute(select(evidence_disclosures.c.inspection_id).where(rma)).scalars())
    database.close()
    undisclosed = set(told.erased.values()) & kept
    return (found & set(told.erased)) | undisclosed
