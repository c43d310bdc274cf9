"""Is everything that was answered 201 still there, whole? Asks the service, and then the disk without it."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
from photos import stamped
from rig import REGRADE, Service


def check_kept(
    service: Service, bodies: Sequence[bytes], stored: Mapping[int, int], sample: int = 50, seed: int = 0
) -> dict[str, Any]:
    """Stops the `service`. `stored` maps the stamp of each item that was answered 201 to the index of its body.

    `lost` counts those that the service does not list any more, `photos_differing` those of a random `sample` of
    items that do not come back byte by byte, `store_verify_exit_code` is 0 where all photos on disk are whole.
    """
    with httpx.Client(base_url=service.url, headers=service.headers, timeout=60, trust_env=False) as client:
        listed = _listed(client)
        differing = read = 0
        known = sorted(stamp for stamp in stored if stamp in listed)
        chosen = np.random.default_rng(seed).permutation(known)[:sample].tolist()
        for stamp in chosen:
            inspection = listed[stamp]
            sent = stamped(bodies[stored[stamp]], stamp)
            for photo in inspection["photos"]:
                answer = client.get(f"/v1/inspections/{inspection['id']}/photos/{photo['index']}")
                read += 1
                differing += answer.status_code != 200 or answer.content not in sent
    exit_code = service.stop()
    verify = subprocess.run(
        [REGRADE, "store", "verify", "--data-dir", service.data_dir], capture_output=True, text=True, check=False
    )
    return {
        "answered_201": len(stored),
        "listed": len(listed),
        "lost": len(stored) - len(known),
        "listed_without_an_answer": len(listed) - len(known),
        "statuses": _counted([inspection["status"] for inspection in listed.values()]),
        "photos_read_back": read,
        "photos_differing": differing,
        "service_exit_code": exit_code,
        "store_verify_exit_code": verify.returncode,
        "store_verify": (verify.stdout + verify.stderr).strip().splitlines()[:20],
    }


def _listed(client: httpx.Client) -> dict[int, Any]:
    """Every inspection of the service by the stamp in its RMA number."""
    found: dict[int, Any] = {}
    cursor: dict[str, str] = {}
    while True:
        answer = client.get("/v1/inspections", params={"limit": "200"} | cursor)
        answer.raise_for_status()
        page = answer.json()
        found |= {int(one["item"]["rma"].removeprefix("stamp-")): one for one in page["items"]}
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def _counted(values: Sequence[str]) -> dict[str, int]:
    return {value: values.count(value) for value in sorted(set(values))}
