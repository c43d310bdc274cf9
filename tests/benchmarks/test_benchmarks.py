"""A benchmark runs from its command to its files."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_throughput_writes_the_share_of_the_ceiling_with_its_rounds(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "throughput.py"), "--quick", "--out", str(tmp_path)]
    command += ["--folder", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr
    result = json.loads((tmp_path / "throughput.json").read_text())
    assert result["machine"]["cores"] >= 1
    (size,) = result["megapixels"].values()
    assert len(size["rounds"]) == 2
    for one in size["rounds"]:
        assert one["http"] > 0
        assert one["not_stored"] == 0
        assert one["server_cpu_s_per_photo"] > 0
    for share in ("share_raw", "share_after_client_cpu", "share_of_cpu"):
        assert 0 < size[share]["low"] <= size[share]["median"] <= size[share]["high"]
    assert size["ceiling_by"] in ("processes", "threads")
    assert (tmp_path / "throughput.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("regrade-benchmark-*"))


def test_stalled_clients_keep_neither_health_nor_items_from_their_answers(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "stalled_clients.py"), "--quick", "--out", str(tmp_path)]
    command += ["--folder", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr
    result = json.loads((tmp_path / "stalled_clients.json").read_text())
    assert result["beside"]["opened"] >= result["connections"] == 100
    for one in ("alone", "beside"):
        assert set(result[one]["health"]["statuses"]) == {"200"}
        assert set(result[one]["items"]["statuses"]) == {"201"}
