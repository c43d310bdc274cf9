"""`regrade models`: which bundle is active, and what a change of it asks of a running service."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from regrade.models.errors import RegradeError
from regrade.models.registry.bundle import active_version, load_bundle, shipped_root
from regrade.models.registry.files import write_bundle
from tests.commands import run_command

NEW = "2099.1.1"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the shipped bundles with one more version of packaging, that differs in its card, and no past: which
    version was active before, and what this checkout has activated, is not these tests' affair."""
    past = shutil.ignore_patterns("PREVIOUS", "activations.jsonl")
    root = Path(shutil.copytree(shipped_root(), tmp_path / "bundles", ignore=past))
    old = load_bundle(root, "packaging")
    files = {n: (old.folder / n).read_bytes() for n in ("head.onnx", "calibration.json", "metrics.json", "card.md")}
    write_bundle(
        root,
        "packaging",
        NEW,
        files={**files, "card.md": files["card.md"] + b"\nnew\n"},
        backbones={p: old.backbone_path(p).read_bytes() for p in old.backbones},
        labels=old.labels,
        defects=old.defects,
        input_side=old.input_side,
    )
    return root


def run(*arguments: object, status: int = 0) -> str:
    """What the command prints on standard output; its errors are raised."""
    return run_command("models", *arguments, code=status).stdout


def listed(root: Path, status: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    rows = json.loads(run("list", "--json", "--bundles", root, status=status))
    return {(row["category"], row["version"]): row for row in rows}


def test_an_activation_says_what_a_running_service_needs(root: Path) -> None:
    before = active_version(root, "packaging")
    said = run("activate", "packaging", NEW, "--bundles", root, "--by", "ann", "--reason", "better [on] scuffs")
    assert f"packaging {NEW} is active in {root} (before: {before})" in said
    assert "send SIGHUP to `regrade serve`" in said
    assert listed(root)["packaging", NEW]["active"]
    assert listed(root)["packaging", before]["previous"]
    assert "better [on] scuffs" in run("history", "packaging", "--bundles", root)


def test_activating_what_is_active_says_so(root: Path) -> None:
    run("activate", "packaging", NEW, "--bundles", root)
    assert "active already" in run("activate", "packaging", NEW, "--bundles", root)


def test_a_rollback_goes_back_and_is_in_the_history(root: Path) -> None:
    before = active_version(root, "packaging")
    run("activate", "packaging", NEW, "--bundles", root)
    run("rollback", "packaging", "--bundles", root, "--by", "bob", "--reason", "complaints")
    assert active_version(root, "packaging") == before
    changes = json.loads(run("history", "--json", "--bundles", root))
    assert [(one["after"], one["reason"]) for one in changes] == [(NEW, ""), (before, "complaints")]


def test_without_a_version_before_a_rollback_names_what_can_be_activated(root: Path) -> None:
    with pytest.raises(RegradeError, match=NEW):
        run("rollback", "packaging", "--bundles", root)


def test_the_bundles_of_the_service_are_meant_unless_others_are_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = active_version(root, "packaging")
    monkeypatch.setenv("REGRADE_BUNDLES_DIR", str(root))
    monkeypatch.setenv("REGRADE_DATA_DIR", "warehouse")
    run("activate", "packaging", NEW)
    assert active_version(Path("warehouse/bundles"), "packaging") == NEW
    assert active_version(root, "packaging") == before


def test_a_diff_defaults_to_what_was_active_before_and_what_is(root: Path) -> None:
    before = active_version(root, "packaging")
    with pytest.raises(RegradeError, match="Name two"):
        run("diff", "packaging", "--bundles", root)
    run("activate", "packaging", NEW, "--bundles", root)
    found = json.loads(run("diff", "packaging", "--json", "--bundles", root))
    assert (found["a"], found["b"]) == (before, NEW)
    assert "files.card.md" in [one["what"] for one in found["differences"]]
    assert "files.card.md" in run("diff", "packaging", before, NEW, "--bundles", root)


def test_a_version_does_not_differ_from_itself(root: Path) -> None:
    assert "do not differ" in run("diff", "packaging", NEW, NEW, "--bundles", root)


def test_a_spoilt_version_is_listed_as_such_and_fails_the_command(root: Path) -> None:
    (root / "packaging" / NEW / "card.md").write_bytes(b"spoilt")
    assert "card.md" in listed(root, status=1)["packaging", NEW]["fault"]
    assert "spoilt" in run("list", "--bundles", root, status=1)


def test_no_history_is_said_to_be_none(root: Path) -> None:
    assert "No change is logged" in run("history", "--bundles", root)


def test_a_bundle_from_another_folder_is_installed_and_not_activated(root: Path, tmp_path: Path) -> None:
    empty = tmp_path / "warehouse"
    assert "not active" in run("install", root, "packaging", NEW, "--bundles", empty)
    assert load_bundle(empty, "packaging", NEW).version == NEW
    assert not (empty / "packaging" / "ACTIVE").exists()


def test_a_data_directory_has_its_own_choice_over_the_folder_that_stays_as_it_is(root: Path, tmp_path: Path) -> None:
    before = active_version(root, "packaging")
    run("activate", "packaging", NEW, "--data-dir", tmp_path / "site", "--bundles", root)
    rows = json.loads(run("list", "--json", "--data-dir", tmp_path / "site", "--bundles", root))
    told = {r["version"]: (r["active"], r["chosen"], r["default"]) for r in rows if r["category"] == "packaging"}
    assert told[NEW] == (True, True, False)
    assert told[before] == (False, False, True)
    assert active_version(root, "packaging") == before


def test_activating_the_default_says_that_it_is_kept(tmp_path: Path) -> None:
    default = active_version(shipped_root(), "packaging")
    said = run("activate", "packaging", default, "--data-dir", tmp_path / "site")
    assert f"packaging {default} stays active for the service on {tmp_path / 'site'} whatever a newer" in said
    assert "active already" in run("activate", "packaging", default, "--data-dir", tmp_path / "site")


def test_a_reset_goes_by_the_release_again(tmp_path: Path) -> None:
    site = ("--data-dir", tmp_path / "site")
    assert "goes by the release's default already" in run("reset", "packaging", *site)
    run("activate", "packaging", "2026.11.1", *site)
    default = active_version(shipped_root(), "packaging")
    said = run("reset", "packaging", *site)
    assert f"by the release's default, {default}, for the service on {tmp_path / 'site'} (before: 2026.11.1)" in said
    assert [one["after"] for one in json.loads(run("history", "--json", *site))] == ["2026.11.1", default]


def test_a_bundle_is_installed_for_the_service_on_a_data_directory(root: Path, tmp_path: Path) -> None:
    run("install", root, "packaging", NEW, "--data-dir", tmp_path / "site")
    assert load_bundle(tmp_path / "site" / "bundles", "packaging", NEW).version == NEW
    with pytest.raises(RegradeError, match=r"packaging/2026\.11\.1 exists"):
        run("install", root, "packaging", "2026.11.1", "--data-dir", tmp_path / "site")


def test_the_bundles_of_the_package_are_not_changed_by_name_either() -> None:
    with pytest.raises(RegradeError, match="never changed"):
        run("activate", "packaging", "2026.11.1", "--bundles", shipped_root())


def test_a_folder_that_holds_no_version_name_is_told_and_not_taken_for_none(tmp_path: Path) -> None:
    run("activate", "packaging", "2026.11.1", "--data-dir", tmp_path / "site")
    (tmp_path / "site" / "bundles" / "packaging" / "ACTIVE").write_text("../elsewhere\n")
    with pytest.raises(RegradeError, match="does not hold a version name"):
        run("list", "--data-dir", tmp_path / "site")


def test_a_version_is_tried_in_shadow_and_the_audit_trail_says_by_whom(
    root: Path, tmp_path: Path, migrated: Path
) -> None:
    where = ("--data-dir", tmp_path / "data", "--bundles", root)
    (tmp_path / "data").mkdir(0o700)
    shutil.copy(migrated, tmp_path / "data" / "regrade.db")
    assert "has no version on trial" in run("shadow", "packaging", *where)
    begun = run("shadow", "packaging", NEW, *where, "--by", "ann", "--reason", "newer")
    assert f"packaging {NEW} is in the shadow of" in begun
    assert "SIGHUP" in begun
    assert "nothing changed" in run("shadow", "packaging", NEW, *where)
    assert "shadow since" in (told := run("shadow", "packaging", *where))
    assert "by ann: newer" in told
    assert "is over" in run("shadow", "packaging", "--off", *where)
    assert "nothing changed" in run("shadow", "packaging", "--off", *where)
    trail = [
        json.loads(line) for line in run_command("audit", "--json", "--data-dir", tmp_path / "data").stdout.splitlines()
    ]
    assert [(line["action"], line["detail"].get("ended")) for line in trail] == [("shadow", None), ("shadow", "shadow")]


def test_a_version_to_try_is_one_that_is_there_and_not_active(root: Path, tmp_path: Path) -> None:
    for version, said in ((active_version(root, "packaging"), "own shadow"), ("2001.1.1", "has no version")):
        with pytest.raises(RegradeError, match=said):
            run("shadow", "packaging", version, "--bundles", root)
    run("shadow", "packaging", NEW, "--off", "--bundles", root, status=2)
