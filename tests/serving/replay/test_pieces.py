"""What another policy would have done with items of which something is missing."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import yaml

from regrade.models.pieces.types import Count, ExpectedPiece, Piece, Pieces
from regrade.models.types import CONDITIONS, CategoryCall, Grade, ItemResult
from regrade.serving.policy.load import DEFAULT_POLICY, Policy, parse_policy
from regrade.serving.policy.stored import decide_stored
from regrade.serving.replay.outcome import replay
from regrade.serving.storage.records import Inspection

NOW = datetime(2026, 11, 30, tzinfo=UTC)
EXPECTED = Pieces("unknown", (ExpectedPiece("charger"), ExpectedPiece("cable", 2)))


def policy(**changes: Any) -> Policy:
    data = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8")) | {"version": 2} | changes
    return parse_policy(yaml.safe_dump(data, allow_unicode=True))


def item(was: Policy, condition: str, *found: Piece) -> Inspection:
    """One that `was` decided by a policy, counted."""
    likely = {name: float(name == condition) for name in CONDITIONS}
    result = ItemResult(
        category=CategoryCall("toys", "declared", 0.99, "toys"),
        grade=Grade(condition, likely, (condition,), 1.0, 0.9),
        defects=(),
        quality=(),
        models={},
        timings_ms={},
    )
    pieces = EXPECTED.counted(Count(found, "bench 3", "k", "station", NOW))
    told = {"rma": "R-1", "declared_value": {"amount": 100.0, "currency": "USD"}}
    plain = Inspection("i", NOW, "graded", "k", None, "d", told, result, None, (), pieces=pieces)
    return replace(plain, decision=decide_stored(was, plain))


def test_dearer_pieces_take_more_off() -> None:
    free, dear = policy(pieces={}), policy(pieces={"any": 5.0})
    found = replay(dear, item(free, "used", Piece("charger")))
    assert found is not None
    assert found.old == found.new
    assert found.difference == -1000  # two cables, $5 each, in cents


def test_a_new_rule_forbids_what_was_done_with_it() -> None:
    lax = policy(never=[])
    was = item(lax, "unopened", Piece("cable", 2))
    assert was.decision is not None
    assert was.decision.disposition.action == "relist"
    found = replay(policy(), was)
    assert found is not None
    assert (found.old, found.new != "relist") == ("relist", True)
    assert found.forbidden is not None
    assert found.forbidden.en == "something that belongs to it is missing"
