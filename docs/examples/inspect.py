"""Has one item graded with httpx: REGRADE_KEY=rg_… python inspect.py PHOTO [PHOTO…]

The same Idempotency-Key makes a retry safe: the item is graded and stored once.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx

URL = os.environ.get("REGRADE_URL", "http://127.0.0.1:8080")
RMA = os.environ.get("RMA", "RMA-1")
HEADERS = {"Authorization": f"Bearer {os.environ['REGRADE_KEY']}", "Idempotency-Key": RMA, "Prefer": "wait=10"}


def inspect(paths: list[str]) -> Any:
    """The inspection, as stored. A service that is busy says when to come back."""
    with httpx.Client(base_url=URL, headers=HEADERS, timeout=60) as client:
        for _ in range(5):
            photos = [("photos", (Path(path).name, Path(path).read_bytes())) for path in paths]
            answer = client.post("/v1/inspections", files=photos, data={"item": json.dumps({"rma": RMA})})
            if answer.status_code not in (429, 503):
                break
            time.sleep(int(answer.headers.get("retry-after", "1")))
    if answer.is_error:
        sys.exit(f"{answer.status_code}: {answer.json()['detail']}")
    return answer.json()


if __name__ == "__main__":
    print(json.dumps(inspect(sys.argv[1:])))
