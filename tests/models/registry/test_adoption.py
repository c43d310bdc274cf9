"""What an older release wrote into the folder of the package is taken over once, and what grades stays the same."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from regrade.models.errors import BundleError
from regrade.models.registry import site_folder
from regrade.models.registry.activations import LOG_NAME, Activation
from regrade.models.registry.adoption import MARKER, Shipped, shipped_bundles
from regrade.models.registry.bundle import active_version, shipped_root, versions
from regrade.models.registry.changes import history, reset, rollback
from regrade.models.registry.files import point
from regrade.models.registry.site_folder import prepare
from regrade.models.registry.store import BundleStore

MakeBundle = Callable[..., None]
SHIPPED = {"packaging": Shipped("2", ("1", "2")), "footwear": Shipped("1", ("1",))}


@pytest.fixture
def store(tmp_path: Path, release: Path, monkeypatch: pytest.MonkeyPatch) -> BundleStore:
    """A site that starts a newer release on this folder for the first time."""
    monkeypatch.setattr("regrade.models.registry.store.shipped_root", lambda: release)
    monkeypatch.setattr(site_folder, "shipped_bundles", lambda: SHIPPED)
    return BundleStore(tmp_path / "data" / "bundles", release)


def changed_by_an_older_release(root: Path, category: str, before: str | None, after: str) -> None:
    """What `regrade models activate` did until then."""
    point(root, category, after, before)
    change = Activation("2026-11-24T08:00:00+00:00", category, before, after, "ann", "fewer false tears")
    with (root / LOG_NAME).open("a") as file:
        file.write(json.dumps(asdict(change)) + "\n")


def pristine(release: Path) -> None:
    """`pip install --upgrade` puts back what it shipped; what it does not know, it leaves."""
    point(release, "packaging", "2", before=None)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_nothing_is_chosen_where_nobody_had_chosen(store: BundleStore) -> None:
    prepare(store)
    assert (store.chosen("packaging"), store.active("packaging")) == (None, "2")
    assert [path.name for path in (store.site or Path()).iterdir()] == [MARKER]


def test_a_choice_stays_with_its_past_and_the_folder_of_the_package_is_only_read(
    store: BundleStore, release: Path
) -> None:
    changed_by_an_older_release(release, "packaging", "2", "1")
    before = contents(release)
    prepare(store)
    assert (store.chosen("packaging"), store.chosen("footwear")) == ("1", None)
    assert [(one.by, one.after) for one in history(store)] == [("ann", "1")]
    assert contents(release) == before
    assert rollback(store, "packaging").after == "2"


def test_a_choice_outlasts_the_folder_of_the_package(store: BundleStore, release: Path) -> None:
    changed_by_an_older_release(release, "packaging", "2", "1")
    prepare(store)
    shutil.rmtree(release)
    assert store.load("packaging").version == "1"


def test_a_choice_that_an_upgrade_has_written_over_is_read_from_the_log(store: BundleStore, release: Path) -> None:
    changed_by_an_older_release(release, "packaging", "2", "1")
    pristine(release)
    prepare(store)
    assert store.load("packaging").version == "1"


def test_a_choice_that_no_log_knows_is_read_from_the_pointer(store: BundleStore, release: Path) -> None:
    point(release, "packaging", "1", before="2")
    prepare(store)
    pristine(release)
    assert store.load("packaging").version == "1"


def test_a_choice_that_the_upgrade_took_away_is_not_passed_over_in_silence(store: BundleStore, release: Path) -> None:
    changed_by_an_older_release(release, "packaging", "2", "1")
    pristine(release)
    shutil.rmtree(release / "packaging" / "1")
    prepare(store)
    with pytest.raises(BundleError, match="This site chose packaging 1, which is nowhere"):
        store.load("packaging")


def test_a_choice_that_the_release_has_sealed_anew_follows_it(
    store: BundleStore, release: Path, make_bundle: MakeBundle
) -> None:
    changed_by_an_older_release(release, "packaging", "2", "1")
    pristine(release)
    for version in ("1", "2"):
        shutil.rmtree(release / "packaging" / version)
    make_bundle(release, "packaging", "2", resealed_from={"version": "1", "manifest_sha256": "0"})
    prepare(store)
    assert (store.chosen("packaging"), store.active("packaging")) == (None, "2")


def test_bundles_that_a_site_trained_are_taken_over_active_or_not(
    store: BundleStore, release: Path, make_bundle: MakeBundle
) -> None:
    make_bundle(release, "toys", "9")
    make_bundle(release, "packaging", "9")
    changed_by_an_older_release(release, "toys", None, "9")
    prepare(store)
    shutil.rmtree(release)
    assert store.names() == (("packaging", "9"), ("toys", "9"))
    assert store.load("toys").version == "9"


def test_it_happens_once(store: BundleStore, release: Path) -> None:
    changed_by_an_older_release(release, "packaging", "2", "1")
    prepare(store)
    reset(store, "packaging")
    prepare(store)
    assert store.chosen("packaging") is None
    assert len(history(store)) == 2


def test_what_a_crash_cut_short_is_done_again(store: BundleStore, release: Path) -> None:
    changed_by_an_older_release(release, "packaging", "2", "1")
    prepare(store)
    before = contents(store.site or Path())
    ((store.site or Path()) / MARKER).unlink()
    prepare(store)
    assert contents(store.site or Path()).keys() == before.keys()
    assert (store.active("packaging"), len(history(store))) == ("1", 1)


def test_a_spoilt_bundle_is_left_and_the_rest_taken_over(
    store: BundleStore, release: Path, make_bundle: MakeBundle
) -> None:
    for version in ("8", "9"):
        make_bundle(release, "packaging", version)
    (release / "packaging" / "8" / "head.onnx").write_bytes(b"spoilt")
    prepare(store)
    assert BundleStore(store.site).versions("packaging") == ("9",)


def test_a_folder_that_the_site_named_itself_is_not_taken_over(
    tmp_path: Path, release: Path, make_bundle: MakeBundle
) -> None:
    central = BundleStore(tmp_path / "data" / "bundles", release)
    changed_by_an_older_release(release, "packaging", "2", "1")
    prepare(central)
    assert (central.chosen("packaging"), central.active("packaging")) == (None, "1")
    assert [one.after for one in history(central)] == ["1"]


def test_the_list_of_what_is_shipped_is_that_of_the_folder() -> None:
    for category, entry in shipped_bundles().items():
        assert active_version(shipped_root(), category) == entry.active, (
            "bring models/registry/shipped_bundles.json up to date"
        )
        assert set(entry.versions) <= set(versions(shipped_root(), category))
    pointers = {path.parent.name for path in shipped_root().glob("*/ACTIVE")}
    assert pointers == set(shipped_bundles())
