"""`regrade adapt` on what a desk decided: what it installs, what it says, and what it leaves alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from regrade.labeling.adapt import adapting
from regrade.models.adaptation.feature_cache import FOLDER, FeatureCache
from regrade.models.adaptation.head_file import read_head
from regrade.models.errors import BundleError, DatasetError
from regrade.models.registry.bundle import shipped_root
from regrade.models.registry.store import BundleStore

Adapt = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def adapt(app: typer.Typer, desk: Any) -> Adapt:
    """Run `regrade adapt --json …` on the desk's data folder."""

    def run(*words: str) -> list[dict[str, Any]]:
        said = CliRunner().invoke(
            app, ["adapt", "--json", "--data-dir", str(desk.folder), *words], catch_exceptions=False
        )
        assert said.exit_code == 0, said.output
        found: list[dict[str, Any]] = json.loads(said.stdout)
        return found

    return run


@pytest.fixture
def store(desk: Any) -> BundleStore:
    return BundleStore(site=desk.folder / "bundles", base=shipped_root())


@pytest.fixture
def decided(desk: Any, store: BundleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighty items, whose features say plainly what they are, though the shipped head takes it for something else."""
    bundle = store.load("packaging")
    head, luck = read_head(bundle.head_path.read_bytes()), np.random.default_rng(0)
    centres = luck.gamma(0.5, 1.0, (4, head.weights.shape[1]))
    seen = {}
    for n in range(80):
        desk.decide(bundle.labels[n % 4])
        desk.rows[-1]["looks"][0]["blind"] = n % 2 == 0
        sha256 = desk.rows[-1]["photos"][0]["sha256"]
        seen[sha256] = (centres[n % 4] + luck.gamma(0.5, 0.3, centres.shape[1])).astype(np.float32)
    monkeypatch.setattr(FeatureCache, "of", lambda _, bundle, photos, progress: {name: seen[name] for name in photos})


@pytest.mark.usefixtures("decided")
def test_a_candidate_is_installed_and_the_active_bundle_stays(adapt: Adapt, store: BundleStore) -> None:
    active = store.active("packaging")
    (found,) = adapt("packaging")
    assert (found["kind"], store.active("packaging")) == ("installed", active)
    made = store.load("packaging", found["version"])
    origin = made.metrics["adapted"]
    assert (origin["prior"]["version"], origin["dataset"]) == (active, found["dataset"])
    assert (origin["fitted_groups"], origin["judged_groups"], origin["blind_groups"]) == (64, 16, 40)
    assert origin["judgement"]["difference"]["macro_f1"]["low"] > 0
    assert made.networks == store.load("packaging").networks
    assert "adapted to what this site's reviewers decided" in made.card
    assert made.calibration.selective.threshold is None


@pytest.mark.usefixtures("decided")
def test_the_same_decisions_are_not_taken_up_twice(adapt: Adapt, desk: Any, store: BundleStore) -> None:
    first, again = adapt("packaging")[0], adapt("packaging")[0]
    assert (again["kind"], again["version"]) == ("nothing_new", first["version"])
    desk.decide("used", photos=[1000])
    assert adapt("packaging", "--dry-run")[0]["kind"] != "nothing_new"


@pytest.mark.usefixtures("decided")
def test_a_dry_run_leaves_nothing(adapt: Adapt, desk: Any, store: BundleStore) -> None:
    before = store.versions("packaging")
    assert adapt("packaging", "--dry-run")[0]["kind"] == "installed"
    assert store.versions("packaging") == before
    assert not (desk.folder / "adaptations.json").exists()


@pytest.mark.usefixtures("decided")
def test_an_interrupted_run_leaves_nothing_and_the_next_one_goes_on(
    adapt: Adapt, desk: Any, store: BundleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = desk.folder / FOLDER / "candidate.torn"
    left.mkdir(parents=True)
    before = store.versions("packaging")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(adapting, "install_candidate", killed)
        with pytest.raises(KeyboardInterrupt):
            adapting.adapt_site(adapting.installation(desk.folder, store), ["packaging"])
    assert store.versions("packaging") == before
    assert adapt("packaging")[0]["kind"] == "installed"
    assert not left.exists()


def test_without_decisions_it_says_so(adapt: Adapt) -> None:
    assert {one["category"]: one["told"] for one in adapt("--all")} == dict.fromkeys(
        ("apparel", "electronics", "footwear", "packaging"), "nothing has been decided yet that can be learnt from"
    )


def test_a_category_that_is_gone_is_named_with_those_there_are(adapt: Adapt) -> None:
    with pytest.raises(BundleError, match=r"No bundle of 'toys' is active .* there are apparel, "):
        adapt("toys")


@pytest.mark.parametrize("words", [(), ("packaging", "--all")])
def test_either_a_category_or_all_are_named(adapt: Adapt, words: tuple[str, ...]) -> None:
    with pytest.raises(DatasetError, match="name a category, or --all"):
        adapt(*words)


def test_what_was_seen_of_a_photo_is_forgotten_with_it(tmp_path: Path, desk: Any, store: BundleStore) -> None:
    photo = desk.photo(1)
    cache = FeatureCache(tmp_path / "cache")
    bundle = store.load("packaging")
    row = cache.of(bundle, {photo["sha256"]: Path(photo["path"])})[photo["sha256"]]
    assert row.shape == (read_head(bundle.head_path.read_bytes()).weights.shape[1],)
    cache.forget([photo["sha256"]])
    assert cache.of(bundle, {photo["sha256"]: tmp_path / "gone"}) == {}
