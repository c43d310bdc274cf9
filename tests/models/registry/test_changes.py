"""The registry: what is active, what was before, and who changed it."""

import itertools
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from regrade.models.calibration import Calibration, Selective
from regrade.models.errors import BundleError
from regrade.models.registry.bundle import DefectType, active_version
from regrade.models.registry.changes import activate as switch
from regrade.models.registry.changes import diff, history, inventory, previous_version, rollback
from regrade.models.registry.files import point, write_bundle
from regrade.models.registry.store import BundleStore

pytestmark = pytest.mark.slow

CALIBRATION = Calibration(1.5, 1.0, 0.1, 0.4, Selective(0.05, 0.1, 0.9, 80, 0.7, "proven"), {"tear": 0.5})


def write(root: Path, version: str, *, f1: float = 0.8, calibration: Calibration = CALIBRATION) -> None:
    """A bundle whose networks are a few bytes; no test here runs them."""
    estimate = {"value": f1, "low": f1 - 0.1, "high": f1 + 0.1, "n": 79, "groups": 62}
    files = {
        "head.onnx": f"head {version}".encode(),
        "calibration.json": json.dumps(calibration.to_json()).encode(),
        "metrics.json": json.dumps({"test": {"macro_f1": estimate}, "seed": 0}).encode(),
        "card.md": b"# card\n",
    }
    write_bundle(
        root,
        "packaging",
        version,
        files=files,
        backbones={"int8": b"backbone"},
        labels=("unopened", "opened", "used", "damaged"),
        defects=(DefectType("tear", "major"),),
        input_side=320,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Versions 1 and 2 of packaging, nothing active."""
    root = tmp_path / "bundles"
    write(root, "1")
    write(root, "2", f1=0.85)
    return root


@pytest.fixture
def store(root: Path) -> BundleStore:
    """The same as a plain folder, in which everything is."""
    return BundleStore(root)


def spoil(root: Path, version: str) -> None:
    (root / "packaging" / version / "head.onnx").write_bytes(b"spoilt")


def test_an_activation_is_logged_with_who_and_why(store: BundleStore) -> None:
    first = switch(store, "packaging", "1", by="ann", reason="first")
    second = switch(store, "packaging", "2", by="bob", reason="better on scuffs")
    assert history(store) == (first, second)
    assert second is not None
    assert (second.before, second.after, second.by, second.reason) == ("1", "2", "bob", "better on scuffs")
    assert second.at.endswith("+00:00")


def test_the_login_name_is_logged_unless_another_is_given(store: BundleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "cleo")
    switch(store, "packaging", "1")
    assert history(store)[0].by == "cleo"


def test_activating_what_is_active_changes_nothing_and_keeps_the_way_back(store: BundleStore) -> None:
    switch(store, "packaging", "1")
    switch(store, "packaging", "2")
    assert switch(store, "packaging", "2") is None
    assert previous_version(store, "packaging") == "1"
    assert len(history(store)) == 2


def test_rolling_back_twice_comes_back(root: Path, store: BundleStore) -> None:
    switch(store, "packaging", "1")
    switch(store, "packaging", "2")
    assert rollback(store, "packaging").after == "1"
    assert active_version(root, "packaging") == "1"
    assert rollback(store, "packaging").after == "2"
    assert active_version(root, "packaging") == "2"
    assert [one.after for one in history(store, "packaging")] == ["1", "2", "1", "2"]


def test_without_a_version_before_there_is_no_rollback(store: BundleStore) -> None:
    switch(store, "packaging", "1")
    with pytest.raises(BundleError, match=r"nothing was active before 1\..*there are: 2"):
        rollback(store, "packaging")


def test_a_spoilt_bundle_is_neither_activated_nor_rolled_back_to(root: Path, store: BundleStore) -> None:
    switch(store, "packaging", "1")
    spoil(root, "2")
    with pytest.raises(BundleError, match=r"head\.onnx"):
        switch(store, "packaging", "2")
    write(root, "3")
    switch(store, "packaging", "3")
    spoil(root, "1")
    with pytest.raises(BundleError, match=r"head\.onnx"):
        rollback(store, "packaging")
    assert active_version(root, "packaging") == "3"
    assert [one.after for one in history(store)] == ["1", "3"]


@pytest.mark.parametrize(
    ("category", "version", "message"),
    [("packaging", "9", "it has 1, 2"), ("toys", "1", "there are packaging")],
)
def test_what_is_not_there_lists_what_is(store: BundleStore, category: str, version: str, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        switch(store, category, version)


def test_a_folder_that_is_not_there_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="none at all"):
        switch(BundleStore(tmp_path / "none"), "packaging", "1")
    with pytest.raises(BundleError, match="not a folder of bundles"):
        inventory(BundleStore(tmp_path / "none"))


def test_a_change_cut_short_between_the_pointers_still_finds_its_way_back(root: Path, store: BundleStore) -> None:
    write(root, "3")
    for version in ("1", "2"):
        switch(store, "packaging", version)
    # What is left on disk when the power fails after PREVIOUS was written and before ACTIVE was.
    (root / "packaging" / "PREVIOUS").write_text("2\n")
    assert active_version(root, "packaging") == "2"
    assert rollback(store, "packaging").after == "1"


def test_a_version_that_was_activated_without_the_log_can_be_rolled_back(root: Path, store: BundleStore) -> None:
    point(root, "packaging", "1", before=None)
    point(root, "packaging", "2", before="1")
    assert rollback(store, "packaging").after == "1"


def test_a_torn_line_of_the_log_spoils_no_other(root: Path, store: BundleStore) -> None:
    switch(store, "packaging", "1")
    with (root / "activations.jsonl").open("a") as file:
        file.write('{"at": "2026')
    switch(store, "packaging", "2")
    assert [one.after for one in history(store)] == ["1", "2"]


def test_a_folder_that_cannot_be_written_says_what_to_do(root: Path, store: BundleStore) -> None:
    (root / "packaging" / "ACTIVE.partial").mkdir()
    with pytest.raises(BundleError, match="must be writable"):
        switch(store, "packaging", "1")
    assert history(store) == ()


def test_the_inventory_shows_spoilt_bundles_with_their_fault(root: Path, store: BundleStore) -> None:
    switch(store, "packaging", "1")
    switch(store, "packaging", "2")
    spoil(root, "1")
    first, second = inventory(store)
    assert (first.version, first.previous, first.bundle) == ("1", True, None)
    assert "head.onnx" in (first.fault or "")
    assert (second.version, second.active, second.fault) == ("2", True, None)


def test_a_diff_names_scores_with_intervals_thresholds_and_hashes(root: Path, store: BundleStore) -> None:
    write(root, "3", f1=0.9, calibration=replace(CALIBRATION, temperature=2.0, defect_thresholds={"tear": 0.7}))
    found = {one.what: (one.a, one.b) for one in diff(store, "packaging", "1", "3")}
    assert found["metrics.test.macro_f1"] == ("0.800 [0.700, 0.900], n 79", "0.900 [0.800, 1.000], n 79")
    assert found["calibration.temperature"] == ("1.5", "2")
    assert found["calibration.defect_thresholds.tear"] == ("0.5", "0.7")
    assert "files.head.onnx" in found
    assert not {"labels", "defects", "backbones.int8", "metrics.seed"} & set(found)


def test_a_spoilt_bundle_is_not_compared(root: Path, store: BundleStore) -> None:
    spoil(root, "1")
    with pytest.raises(BundleError, match=r"head\.onnx"):
        diff(store, "packaging", "1", "2")


FLIP = """
import sys
from pathlib import Path
from regrade.models.registry.store import BundleStore
from regrade.models.registry.changes import activate
while True:
    for version in ("1", "2"):
        activate(BundleStore(Path(sys.argv[1])), "packaging", version, by="x")
        print(version, flush=True)
"""


@pytest.mark.parametrize("kill_after", [1, 4, 7])
def test_a_kill_in_the_midst_of_changes_leaves_a_bundle_active_and_a_way_back(
    root: Path, store: BundleStore, kill_after: int
) -> None:
    with subprocess.Popen([sys.executable, "-c", FLIP, root], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(kill_after):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    active = active_version(root, "packaging")
    assert active in ("1", "2")
    if kill_after > 1:
        assert rollback(store, "packaging").after != active


def test_two_processes_at_once_leave_an_unbroken_log(root: Path, store: BundleStore) -> None:
    count = """
import sys
from pathlib import Path
from regrade.models.registry.store import BundleStore
from regrade.models.registry.changes import activate
for k in range(20):
    activate(BundleStore(Path(sys.argv[1])), "packaging", str(1 + k % 2), by=sys.argv[2])
"""
    both = [subprocess.Popen([sys.executable, "-c", count, root, name]) for name in ("ann", "bob")]
    assert [process.wait(60) for process in both] == [0, 0]
    logged = history(store)
    assert all(one.after == two.before for one, two in itertools.pairwise(logged))
    assert logged[-1].after == active_version(root, "packaging")
