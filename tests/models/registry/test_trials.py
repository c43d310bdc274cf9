"""A candidate on trial is written beside what is active: wholly or not at all, one change at a time."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from regrade.models.errors import BundleError
from regrade.models.registry import trials
from regrade.models.registry.bundle import shipped_root
from regrade.models.registry.changes import activate
from regrade.models.registry.store import BundleStore

OLDER, ACTIVE = "2026.11.5", "2026.11.6"


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    """A site's own bundles over the shipped ones."""
    return BundleStore(site=tmp_path / "bundles", base=shipped_root())


def test_what_is_begun_is_read_again_and_lies_beside_what_is_active(store: BundleStore) -> None:
    begun = trials.begin(store, "packaging", OLDER, by="ann", reason="try it")
    assert begun is not None
    assert (begun.phase, begun.active, begun.by) == ("shadow", ACTIVE, "ann")
    assert store.site is not None
    assert json.loads((store.site / "packaging" / "TRIAL").read_text())["version"] == OLDER
    assert trials.trial_of(store, "packaging") == begun
    assert trials.trials(store) == {"packaging": begun}
    assert store.active("packaging") == ACTIVE
    assert store.has_own("packaging", OLDER)  # an upgrade of the package takes it away no more


def test_beginning_again_changes_nothing_and_another_version_takes_its_place(store: BundleStore) -> None:
    trials.begin(store, "packaging", OLDER, by="ann")
    assert trials.begin(store, "packaging", OLDER, by="bob") is None
    trials.begin(store, "packaging", "2026.11.4", by="bob")
    found = trials.trial_of(store, "packaging")
    assert found is not None
    assert found.version == "2026.11.4"


@pytest.mark.parametrize(
    ("category", "version", "said"),
    [
        ("packaging", ACTIVE, "is active"),
        ("packaging", "2001.1.1", "has no version"),
        ("toys", OLDER, "has no version"),
        ("_router", "2026.11.1", "tells categories apart"),
    ],
)
def test_what_cannot_be_compared_is_refused(store: BundleStore, category: str, version: str, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        trials.begin(store, category, version, by="ann")
    assert trials.trials(store) == {}


def test_a_plain_folder_of_the_package_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="never changed"):
        trials.begin(BundleStore(base=shipped_root()), "packaging", OLDER, by="ann")


def test_who_changes_it_sees_what_is_there_and_may_leave_it(store: BundleStore) -> None:
    assert trials.change(store, "packaging", lambda trial: trial) is None
    trials.begin(store, "packaging", OLDER, by="ann")
    moved = trials.change(store, "packaging", lambda trial: replace(trial, phase="canary"))
    assert trials.trial_of(store, "packaging") == moved
    assert trials.change(store, "packaging", lambda _: None) is None
    assert trials.trial_of(store, "packaging") == moved


def test_what_is_stopped_says_why_until_it_is_ended(store: BundleStore) -> None:
    trials.begin(store, "packaging", OLDER, by="ann")
    stopped = trials.stop(store, "packaging", by="rule", reason="it failed")
    assert stopped is not None
    assert (stopped.running, stopped.reason) == (False, "it failed")
    assert trials.stop(store, "packaging", by="rule", reason="again") is None
    assert trials.end(store, "packaging") == stopped
    assert trials.end(store, "packaging") is None


def test_a_spoilt_file_is_told_of_and_can_be_ended(store: BundleStore) -> None:
    trials.begin(store, "packaging", OLDER, by="ann")
    assert store.site is not None
    (store.site / "packaging" / "TRIAL").write_text("{")
    with pytest.raises(BundleError, match="--off"):
        trials.trial_of(store, "packaging")
    assert trials.trials(store) == {}
    trials.end(store, "packaging")
    assert trials.trial_of(store, "packaging") is None


def test_activating_leaves_the_trial_to_whoever_loads_next(store: BundleStore) -> None:
    trials.begin(store, "packaging", OLDER, by="ann")
    activate(store, "packaging", OLDER, by="ann")
    assert trials.trial_of(store, "packaging") is not None
    shutil.rmtree(store.site or "")
