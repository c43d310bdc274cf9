"""Items and policies to decide on. A policy here is the shipped one with what a test changes."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from regrade.datasets.category import load_categories
from regrade.models.types import CONDITIONS, CategoryCall, Defect, Grade, ItemResult
from regrade.serving.base import i18n
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.policy.load import DEFAULT_POLICY, Policy, load_policy, merge, parse_policy

# Hundreds of policies are written and read here; the loader and dumper in C are ten times as fast.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

MakePolicy = Callable[..., Policy]
MakeItem = Callable[..., ItemResult]


@pytest.fixture(autouse=True)
def _missing_texts_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "STRICT", True)


@pytest.fixture
def policy() -> Policy:
    """The shipped policy."""
    return load_policy(categories=load_categories())


@pytest.fixture
def make_policy() -> MakePolicy:
    """The shipped policy with some fields changed; `without` names top-level fields to leave out."""

    def make(changes: Mapping[str, Any] | None = None, *, without: tuple[str, ...] = ()) -> Policy:
        data = merge(yaml.load(DEFAULT_POLICY.read_text(encoding="utf-8"), LOADER), changes or {})
        for field in without:
            del data[field]
        return parse_policy(yaml.dump(data, Dumper=DUMPER, allow_unicode=True), categories=load_categories())

    return make


@pytest.fixture
def make_item() -> MakeItem:
    """A graded item: `make_item("electronics", damaged=0.97, used=0.03)`."""

    def make(
        category: str = "electronics",
        *,
        threshold: float | None = 0.9,
        source: str = "declared",
        sure: float = 0.98,
        guess: str | None = None,
        defects: tuple[str, ...] = (),
        **probabilities: float,
    ) -> ItemResult:
        shares = {c: probabilities.get(c, 0.0) for c in CONDITIONS}
        top = max(CONDITIONS, key=lambda c: shares[c])
        found = tuple(Defect(0, name, 0.9, (0.0, 0.0, 9.0, 9.0), "major") for name in defects)
        call = CategoryCall(category, source, sure, guess or category)
        return ItemResult(call, Grade(top, shares, (top,), shares[top], threshold), found, (), {}, {})

    return make


@pytest.fixture
def random_posterior() -> Callable[[random.Random], dict[str, float]]:
    """Draws probabilities over the conditions, spread or peaked, that sum to 1."""

    def draw(rng: random.Random) -> dict[str, float]:
        weights = [rng.random() ** rng.choice((1, 4, 16)) for _ in CONDITIONS]
        return {c: w / sum(weights) for c, w in zip(CONDITIONS, weights, strict=True)}

    return draw


@pytest.fixture
def random_changes() -> Callable[[random.Random], dict[str, Any]]:
    """Draws changes to a policy, wild but legal: any economics, thresholds and rules."""

    def draw(rng: random.Random) -> dict[str, Any]:
        def economics() -> dict[str, Any]:
            return {
                "rates": {c: {a: rng.uniform(0, 1.5) for a in ACTIONS} for c in CONDITIONS},
                "costs": {a: {"handling": rng.uniform(0, 20), "duty": {"share": rng.random()}} for a in ACTIONS},
                "review_cost": rng.choice([None, 0, 1e6]),
            }

        # Of six actions the shipped policy closes some to some goods; one must stay open to all.
        named = rng.sample(ACTIONS, rng.randint(0, 3))
        never = [
            {"action": a, "when": rng.choice([{}, {"condition_in": ["used"]}]), "because": "of a test"} for a in named
        ]
        return {
            "auto_relist_min_probability": rng.choice([None, 0.5, 0.9, 1.0]),
            "review": {"cost": 1e6, "declared_category_min_confidence": 0.0},
            "never": never,
            "categories": {name: economics() for name in ("electronics", "apparel", "footwear", "other")},
        }

    return draw
