"""Where items go: the bins that a policy names."""

from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.category import load_categories
from regrade.models.errors import PolicyError
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.policy.load import DEFAULT_POLICY, Policy, load_policy
from regrade.serving.policy.schema import SHIPPED_BINS

SHIPPED = DEFAULT_POLICY.read_text(encoding="utf-8")
BINS = SHIPPED[SHIPPED.index("bins:\n") : SHIPPED.index("# What is true of one category alone")]


@pytest.fixture
def with_bins(tmp_path: Path) -> Any:
    """The shipped policy with other bins, and what else is replaced: `with_bins(text, old, new)`."""

    def load(bins: str, old: str = "", new: str = "") -> Policy:
        file = tmp_path / "mine.yaml"
        file.write_text(SHIPPED.replace(BINS, bins).replace(old, new, 1), encoding="utf-8")
        return load_policy(file, load_categories())

    return load


def test_every_action_has_a_bin_and_so_has_what_the_desk_decides() -> None:
    bins = load_policy(categories=load_categories()).base.bins
    assert {place: bins.of(place, "apparel") for place in (*ACTIONS, "aside")} == SHIPPED_BINS
    assert bins.of("relist", None).name.to("zh-CN") == "新品货架"


def test_a_policy_without_bins_has_those_that_ship(with_bins: Any) -> None:
    assert with_bins("").base.bins.of("destroy", "apparel") == SHIPPED_BINS["destroy"]


def test_a_bin_that_is_written_stands_alone_over_the_others(with_bins: Any) -> None:
    bins = with_bins("bins: {relist: {colour: orange, name: A1}}\n").base.bins
    assert (bins.of("relist", "apparel").name.to("zh-CN"), bins.of("relist", "apparel").colour) == ("A1", "orange")
    assert bins.of("aside", "apparel") == SHIPPED_BINS["aside"]


def test_a_category_may_have_bins_of_its_own(with_bins: Any) -> None:
    bins = with_bins("bins: {categories: {apparel: {relist: {colour: green, name: Rail 3}}}}\n").base.bins
    assert bins.of("relist", "apparel").name.to("en") == "Rail 3"
    assert bins.of("relist", "footwear") == SHIPPED_BINS["relist"]


def test_a_seller_may_have_bins_of_their_own(with_bins: Any) -> None:
    own = "sellers: {acme: {bins: {clearance: {colour: red, name: Acme cage}}}}"
    policy = with_bins(BINS, "sellers: {}", own)
    assert policy.terms("acme").bins.of("clearance", "apparel").name.to("en") == "Acme cage"
    assert policy.terms("other").bins.of("clearance", "apparel") == SHIPPED_BINS["clearance"]


@pytest.mark.parametrize(
    ("bins", "fault"),
    [
        ("{relist: {colour: pink, name: A}}", "bins.relist.colour: 'pink' is not legal. Legal values: green, blue"),
        ("{relist: {name: A}}", "bins.relist.colour: missing; it must be set."),
        ("{relist: {colour: red, name: {en: A}}}", "bins.relist.name.zh-CN: missing; it must be set."),
        ("{resell: {colour: red, name: A}}", "bins.resell: no such field. Legal fields: relist, repackage"),
        ("{relist: A}", "bins.relist: it must be a mapping of fields to values (it is 'A')."),
        (f"{{relist: {{colour: red, name: {'A' * 65}}}}}", "bins.relist.name: it must be of at most 64 letters."),
        ('{relist: {colour: red, name: "A\\u202eB"}}', "bins.relist.name: it must be one line, without letters"),
    ],
)
def test_a_bin_that_is_wrong_is_told_with_what_would_be_right(with_bins: Any, bins: str, fault: str) -> None:
    with pytest.raises(PolicyError) as caught:
        with_bins(f"bins: {bins}\n")
    assert fault in str(caught.value)
