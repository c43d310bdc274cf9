"""How photos come from the station: made smaller on the device, or as the camera made them where the policy says so."""

import datetime
from pathlib import Path

import pytest

from regrade.datasets.category import load_categories
from regrade.models.errors import PolicyError
from regrade.serving.policy.check import check
from regrade.serving.policy.load import DEFAULT_POLICY, Policy, load_policy

CATEGORIES = load_categories()


def with_photos(folder: Path, written: str) -> Policy:
    file = folder / "mine.yaml"
    file.write_text(DEFAULT_POLICY.read_text(encoding="utf-8") + f"\nphotos: {written}\n", encoding="utf-8")
    return load_policy(file, CATEGORIES)


def test_nothing_asks_for_originals_where_nobody_says_so() -> None:
    assert load_policy(categories=CATEGORIES).photos.original(CATEGORIES) == []


def test_all_or_some_categories_ask_for_originals(tmp_path: Path) -> None:
    assert with_photos(tmp_path, "{originals: true}").photos.original(["a", "b"]) == ["a", "b"]
    one, *_ = CATEGORIES
    assert with_photos(tmp_path, f"{{originals: [{one}]}}").photos.original(CATEGORIES) == [one]


@pytest.mark.parametrize("written", ["{originals: 'yes'}", "{original: true}", "{originals: [Not A Name]}"])
def test_what_is_mistyped_is_a_fault(tmp_path: Path, written: str) -> None:
    with pytest.raises(PolicyError, match="photos"):
        with_photos(tmp_path, written)


def test_a_category_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = check(with_photos(tmp_path, "{originals: [tyos]}"), datetime.date(2026, 1, 1))
    assert [one.path for one in found if "misspelling" in one.message] == ["photos.originals: tyos"]


def test_no_seller_has_photos_of_their_own(tmp_path: Path) -> None:
    """The station does not know whose goods it has before it."""
    file = tmp_path / "mine.yaml"
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    file.write_text(text.replace("sellers: {}", "sellers: {acme: {photos: {originals: true}}}"), encoding="utf-8")
    with pytest.raises(PolicyError, match="photos"):
        load_policy(file, CATEGORIES)
