"""`kill -9` under work: of what was acknowledged, how much is lost?

    .venv/bin/python benchmarks/kills.py            # 200 kills, writes benchmarks/results/kills.json

Stations post items, reviewers decide on them, and an admin erases three of ten, all again and again until they are
answered; meanwhile the service is killed, and started again, and so are backups. What `kill_check` finds missing
afterwards is listed, and whether the backups are whole.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from kill_backups import Backups
from kill_check import check
from kill_rounds import Server, rounds
from rig import parser, write


def measure(folder: Path | None, kills: int) -> dict[str, Any]:
    """So many rounds in a data directory of their own under `folder`, and what is wrong afterwards."""
    with tempfile.TemporaryDirectory(prefix="regrade-benchmark-", dir=folder) as made:
        server, started = Server(Path(made) / "data", Path(made) / "log"), time.monotonic()
        backups = Backups(server.data_dir, Path(made) / "backups")
        told = rounds(server, kills, backups.run)
        counted = {"items": len(told.items), "decisions": len(told.decisions), "erasures": len(told.erased)}
        return {
            "kills": kills,
            "acknowledged": {"total": told.count, **counted},
            **check(server, told),
            "backups": backups.check(),
            "answers": dict(sorted(told.answers.items())),
            "minutes": round((time.monotonic() - started) / 60, 1),
        }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--kills", type=int, default=200)
    options = made.parse_args()
    found = measure(options.folder, 8 if options.quick else options.kills)
    write(found, "kills", out=options.out)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
