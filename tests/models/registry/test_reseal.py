"""A bundle sealed anew with an edited definition grades as before, under another version."""

from pathlib import Path

import pytest
import yaml

from regrade.models.errors import BundleError, DatasetError
from regrade.models.registry.bundle import load_bundle, shipped_root
from regrade.models.registry.reseal import reseal
from regrade.models.registry.store import BundleStore


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(site=tmp_path / "site", base=shipped_root())


def edited(folder: Path, **fields: object) -> Path:
    sealed = load_bundle(shipped_root(), "footwear").folder / "category.yaml"
    document = yaml.safe_load(sealed.read_text(encoding="utf-8"))
    (folder / "footwear.yaml").write_text(yaml.safe_dump(document | fields, allow_unicode=True), encoding="utf-8")
    return folder / "footwear.yaml"


def test_what_items_are_worth_changes_and_the_networks_stay(store: BundleStore, tmp_path: Path) -> None:
    folder = reseal(store, edited(tmp_path, policy={"default_value": 3}), "2099.1.1")
    old, new = load_bundle(shipped_root(), "footwear"), store.load("footwear", "2099.1.1")
    assert new.definition is not None
    assert new.definition.policy is not None
    assert (new.folder, new.definition.policy.default_value) == (folder, 3)
    assert (new.networks, new.calibration) == (old.networks, old.calibration)
    assert old.version in new.card
    assert store.active("footwear") == old.version


def test_other_conditions_need_another_training(store: BundleStore, tmp_path: Path) -> None:
    path = tmp_path / "footwear.yaml"
    path.write_text("name: footwear\nconditions: [used, damaged]\n")
    with pytest.raises(BundleError, match=r"grades unopened, opened, used, damaged, .* regrade train footwear"):
        reseal(store, path, "2099.1.1")


def test_a_defect_that_the_networks_find_must_stay(store: BundleStore, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="finds scuff, wear, dirt, which the definition lacks"):
        reseal(store, edited(tmp_path, defect_types=["hole"]), "2099.1.1")


def test_what_reviewers_judge_by_changes_only_with_its_version(store: BundleStore, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"version: grades changed since footwear@1\. Set version to 2"):
        reseal(store, edited(tmp_path, grades=[]), "2099.1.1")
    reseal(store, edited(tmp_path, grades=[], version=2), "2099.1.1")


def test_a_version_that_is_there_and_a_file_that_is_not_are_refused(store: BundleStore, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="exists and is immutable"):
        reseal(store, edited(tmp_path), load_bundle(shipped_root(), "footwear").version)
    with pytest.raises(BundleError, match="cannot be read"):
        reseal(store, tmp_path / "none.yaml", "2099.1.1")
    assert not (tmp_path / "site").exists()
