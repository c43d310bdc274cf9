"""What was acknowledged survives `kill -9`: a service is killed again and again under work, and nothing is lost.

Items, decisions and erasures are under way (`benchmarks/kill_rounds.py` says who does what, and where kills are aimed).
More of them, and backups as well:

    pytest tests/serving/storage/test_kill.py -m long
    REGRADE_KILLS=500 pytest tests/serving/storage/test_kill.py -m long

`benchmarks/kills.py` writes down what such a run has found.
"""

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from regrade.serving.access.keys import KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.installation.data_dir import open_database

# The benchmarks are scripts in one folder and no package: their modules are found by that folder.
sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from kill_backups import Backups
from kill_check import check
from kill_rounds import Server, rounds

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("REGRADE_KILLS", "50"))
FEW = 8
"""Each aim once."""


@pytest.mark.timeout(180 + 15 * KILLS)
@pytest.mark.parametrize("kills", [FEW, pytest.param(KILLS, marks=pytest.mark.long)])
def test_what_was_acknowledged_survives_every_kill(tmp_path: Path, kills: int) -> None:
    server = Server(tmp_path / "data", tmp_path / "log")
    backups = Backups(server.data_dir, tmp_path / "backups") if kills > FEW else None
    told = rounds(server, kills, backups.run if backups else None)
    found = check(server, told)
    for nothing in ("lost_items", "lost_decisions", "lost_erasures", "came_back", "left_of_erased"):
        assert found[nothing] == [], nothing
    assert found["stored_twice"] == 0
    assert found["exit_code"] in (0, -signal.SIGTERM)
    assert found["verify_exit_code"] == 0, found["verify"]
    if backups is not None:
        kept = backups.check()
        assert (kept["failed"], kept["verify_exit_code"], kept["restored_verify_exit_code"]) == (0, 0, 0), kept
        assert kept["made"] > 1
    # The kills must have hit something, or this has shown nothing.
    assert len(told.items) >= kills // 2
    assert min(len(told.decisions), len(told.erased)) > 0
    assert told.answers["ReadError"] + told.answers["RemoteProtocolError"] > 0


def test_a_first_start_that_was_killed_can_be_repeated(tmp_path: Path) -> None:
    """The schema is made in one transaction, so there is no state from which a start cannot go on."""
    server = Server(tmp_path / "data", tmp_path / "log")
    for _ in range(5):
        server.start()
        deadline = time.monotonic() + 30
        while not (server.data_dir / "regrade.db").exists():
            assert time.monotonic() < deadline, server.log.read_text()
            assert server.process is not None
            assert server.process.poll() is None, server.log.read_text()
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.1))
        server.end(signal.SIGKILL)
        database = open_database(Settings(_env_file=None, data_dir=server.data_dir))
        assert len(KeyStore(database).all_keys()) in (0, 1)
        database.close()
        shutil.rmtree(server.data_dir)
