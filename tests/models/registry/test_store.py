"""A site's own bundles over those of the release: what grades, what an upgrade changes, and what it never does."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from regrade.models.errors import BundleError
from regrade.models.registry.changes import activate, history, install, inventory, previous_version, reset, rollback
from regrade.models.registry.files import point
from regrade.models.registry.release_defaults import follow_defaults
from regrade.models.registry.store import BundleStore, named_store, site_store

MakeBundle = Callable[..., None]


@pytest.fixture
def store(tmp_path: Path, release: Path) -> BundleStore:
    """A site that has chosen nothing yet."""
    return BundleStore(tmp_path / "data" / "bundles", release)


@pytest.fixture
def upgraded(store: BundleStore, release: Path, make_bundle: MakeBundle) -> Callable[[], None]:
    """Puts another release in the place of the first: packaging 3 alone, which is its default, and no footwear."""

    def upgrade() -> None:
        shutil.rmtree(release)
        make_bundle(release, "packaging", "3", active=True)

    return upgrade


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_release_grades_where_nothing_was_chosen(store: BundleStore) -> None:
    assert store.active_versions() == {"packaging": "2", "footwear": "1"}
    assert (store.chosen("packaging"), store.default("packaging")) == (None, "2")
    assert store.load("packaging").version == "2"


def test_looking_writes_nothing(store: BundleStore) -> None:
    inventory(store)
    previous_version(store, "packaging")
    assert not (store.site or Path()).exists()


def test_a_choice_is_kept_with_the_site_and_the_release_stays_as_it_is(store: BundleStore, release: Path) -> None:
    before = contents(release)
    activate(store, "packaging", "1", by="ann")
    assert (store.active("packaging"), store.default("packaging")) == ("1", "2")
    assert contents(release) == before


def test_two_sites_on_one_release_choose_for_themselves(store: BundleStore, tmp_path: Path) -> None:
    other = BundleStore(tmp_path / "elsewhere" / "bundles", store.base)
    activate(store, "packaging", "1")
    assert (store.active("packaging"), other.active("packaging")) == ("1", "2")
    assert history(other) == ()


def test_what_grades_and_what_did_before_survive_an_upgrade_that_has_neither(
    store: BundleStore, upgraded: Callable[[], None]
) -> None:
    activate(store, "packaging", "1")
    upgraded()
    assert store.load("packaging").version == "1"
    assert rollback(store, "packaging").after == "2"
    assert store.load("packaging").version == "2"


def test_a_default_follows_the_release_and_the_history_says_so(
    store: BundleStore, upgraded: Callable[[], None]
) -> None:
    assert follow_defaults(store) == ()
    upgraded()
    told = " ".join(follow_defaults(store))
    assert "packaging is graded with 3 from now on, before 2" in told
    assert "footwear is not graded any more" in told
    assert [(one.before, one.after, one.by) for one in history(store)] == [("2", "3", "regrade")]
    assert follow_defaults(store) == ()


def test_a_default_that_was_chosen_stays(store: BundleStore, upgraded: Callable[[], None]) -> None:
    follow_defaults(store)
    kept = activate(store, "packaging", "2")
    assert kept is not None
    assert (kept.before, kept.after) == ("2", "2")
    upgraded()
    assert "packaging stays 2, which this site chose" in " ".join(follow_defaults(store))
    assert store.load("packaging").version == "2"
    assert len(history(store, "packaging")) == 1


def test_a_choice_can_be_forgotten_and_rolled_back_to(store: BundleStore, upgraded: Callable[[], None]) -> None:
    activate(store, "packaging", "1")
    done = reset(store, "packaging")
    assert done is not None
    assert (done.before, done.after, store.chosen("packaging")) == ("1", "2", None)
    upgraded()
    assert store.active("packaging") == "3"
    assert rollback(store, "packaging").after == "1"


def test_there_is_nothing_to_forget_where_nothing_was_chosen(store: BundleStore) -> None:
    assert reset(store, "packaging") is None
    with pytest.raises(BundleError, match="no default of 'toys'"):
        reset(store, "toys")


def test_on_a_fresh_site_a_rollback_goes_to_what_the_release_had_before(store: BundleStore, release: Path) -> None:
    point(release, "packaging", "2", before="1")
    assert rollback(store, "packaging").after == "1"
    assert store.active("packaging") == "1"


def test_a_choice_that_is_gone_says_how_to_choose(store: BundleStore, upgraded: Callable[[], None]) -> None:
    activate(store, "packaging", "1")
    shutil.rmtree((store.site or Path()) / "packaging" / "1")
    upgraded()
    with pytest.raises(BundleError, match=r"chose packaging 1, .*there are: 2, 3.*activate packaging VERSION.*reset"):
        store.load("packaging")
    activate(store, "packaging", "3")
    assert store.load("packaging").version == "3"


def test_a_category_of_the_sites_own_grades_beside_those_of_the_release(
    store: BundleStore, tmp_path: Path, make_bundle: MakeBundle
) -> None:
    make_bundle(tmp_path / "run", "toys", "1")
    install(store, tmp_path / "run", "toys", "1")
    assert store.categories() == ("footwear", "packaging")
    activate(store, "toys", "1")
    assert store.categories() == ("footwear", "packaging", "toys")


def test_another_bundle_of_a_name_that_the_release_has_is_not_installed(
    store: BundleStore, tmp_path: Path, make_bundle: MakeBundle
) -> None:
    make_bundle(tmp_path / "run", "packaging", "2", content="other")
    with pytest.raises(BundleError, match=r"packaging/2 exists"):
        install(store, tmp_path / "run", "packaging", "2")


@pytest.fixture
def clashing(store: BundleStore, release: Path, make_bundle: MakeBundle, tmp_path: Path) -> BundleStore:
    """The site has installed a packaging 3 of its own, and a newer release ships another one, as its default."""
    make_bundle(tmp_path / "run", "packaging", "3", content="trained here")
    install(store, tmp_path / "run", "packaging", "3")
    make_bundle(release, "packaging", "3", active=True)
    return store


def test_of_two_bundles_with_one_name_neither_is_activated(clashing: BundleStore) -> None:
    with pytest.raises(BundleError, match=r"Two different bundles are called packaging/3: .*remove"):
        activate(clashing, "packaging", "3")
    assert clashing.chosen("packaging") is None


def test_a_default_is_the_releases_even_if_the_site_has_one_of_that_name(clashing: BundleStore, release: Path) -> None:
    assert clashing.load("packaging").folder == release / "packaging" / "3"
    assert clashing.clashes("packaging", "3")


def test_a_choice_is_the_sites_even_if_a_newer_release_has_one_of_that_name(
    store: BundleStore, release: Path, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    make_bundle(tmp_path / "run", "packaging", "3", content="trained here")
    install(store, tmp_path / "run", "packaging", "3")
    activate(store, "packaging", "3")
    make_bundle(release, "packaging", "3", active=True)
    assert store.load("packaging").folder == (store.site or Path()) / "packaging" / "3"
    assert activate(store, "packaging", "3") is None


def test_the_same_bundle_in_both_is_no_clash(store: BundleStore) -> None:
    activate(store, "packaging", "1")
    assert not store.clashes("packaging", "1")


def test_a_spoilt_bundle_of_the_release_is_not_taken_and_nothing_changes(store: BundleStore, release: Path) -> None:
    (release / "packaging" / "1" / "head.onnx").write_bytes(b"spoilt")
    with pytest.raises(BundleError, match=r"head\.onnx"):
        activate(store, "packaging", "1")
    assert (store.active("packaging"), history(store)) == ("2", ())


def test_one_gets_away_from_a_default_that_is_spoilt(store: BundleStore, release: Path) -> None:
    (release / "packaging" / "2" / "head.onnx").write_bytes(b"spoilt")
    activate(store, "packaging", "1")
    assert store.load("packaging").version == "1"


def test_a_sites_own_copy_is_checked_like_every_bundle(store: BundleStore) -> None:
    activate(store, "packaging", "1")
    ((store.site or Path()) / "packaging" / "1" / "head.onnx").write_bytes(b"spoilt")
    with pytest.raises(BundleError, match=r"head\.onnx is not the file"):
        store.load("packaging")


def test_what_a_crash_left_of_a_copy_is_no_version_and_is_in_nobodys_way(store: BundleStore) -> None:
    left = (store.site or Path()) / "packaging" / ".1.partial"
    left.mkdir(parents=True)
    for name in ("manifest.json", "left-over"):
        (left / name).write_text("{}")
    assert store.versions("packaging") == ("1", "2")
    activate(store, "packaging", "1")
    assert not (store.load("packaging").folder / "left-over").exists()


def test_what_a_site_keeps_is_for_its_owner_alone(store: BundleStore) -> None:
    follow_defaults(store)
    activate(store, "packaging", "1")
    assert store.site is not None
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (store.site, *store.site.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_the_bundles_that_came_with_the_package_are_never_changed(tmp_path: Path) -> None:
    shipped = site_store(tmp_path).base
    before = contents(shipped or Path())
    for store in (BundleStore(site=shipped), BundleStore(base=shipped)):
        with pytest.raises(BundleError, match="never changed"):
            activate(store, "packaging", "2026.11.1")
    assert contents(shipped or Path()) == before


def test_a_command_line_means_the_service_unless_it_names_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_DATA_DIR", "warehouse")
    monkeypatch.setenv("REGRADE_BUNDLES_DIR", "central")
    assert named_store() == BundleStore(Path("warehouse/bundles"), Path("central"))
    assert named_store(tmp_path) == BundleStore(tmp_path / "bundles", Path("central"))
    assert named_store(bundles=tmp_path) == BundleStore(tmp_path)
    assert named_store(Path("here"), tmp_path) == BundleStore(Path("here/bundles"), tmp_path)
