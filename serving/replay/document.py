"""A replay as JSON: everything that was counted, with amounts in units of the policy's currency."""

from collections.abc import Mapping
from typing import Any

from regrade.serving.replay.outcome import Outcome
from regrade.serving.replay.past import Span
from regrade.serving.replay.policy import Group, Part, PolicyReplay
from regrade.serving.replay.rubric import RubricChange, RubricReplay


def span_document(span: Span) -> dict[str, str | None]:
    """What was asked for; `until` is exclusive."""
    return {
        "since": None if span.since is None else span.since.isoformat(),
        "until": None if span.until is None else span.until.isoformat(),
        "seller": span.seller,
    }


def item_url(base: str, inspection_id: str) -> str:
    """The desk's page of the inspection; `base` is the address of the service, or of its desk."""
    return f"{base.rstrip('/').removesuffix('/desk')}/desk/items/{inspection_id}"


def policy_document(replay: PolicyReplay, span: Span, base: str) -> dict[str, Any]:
    """A policy's replay."""
    days = len(replay.days)
    total = replay.total
    return {
        "kind": "policy",
        "policy": replay.policy.label,
        "currency": replay.policy.currency,
        **span_document(span),
        "items": {
            "graded": total.items,
            "decided_by_human": replay.by_human,
            "not_graded": replay.ungraded,
            **_left_out(replay),
            "undecidable": sum(group.items for group in replay.undecidable.values()),
        },
        "decided_under": _sorted(replay.decided_under),
        "total": _part(total),
        "actions": {old: _sorted(new) for old, new in sorted(replay.actions.items())},
        "review": {
            "per_day_before": round(total.review_before / days, 1) if days else None,
            "per_day_after": round(total.review_after / days, 1) if days else None,
            "newly_because": _sorted(replay.newly_because),
            "no_longer_because": _sorted(replay.no_longer_because),
            "by_day": [
                {"day": day.isoformat(), "before": before, "after": after}
                for day, (before, after) in sorted(replay.days.items())
            ],
        },
        "by_category": {name: _part(part) for name, part in sorted(replay.by_category.items())},
        "by_seller": {name: _part(part) for name, part in sorted(replay.by_seller.items())},
        "violations": [
            {
                "action": action,
                "because": {"en": words.en, "zh-CN": words.zh_cn},
                **_group(replay.violations[action, because]),
            }
            for (action, because), words in sorted(replay.words.items(), key=lambda pair: pair[0])
        ],
        "undecidable": [{"why": why, **_group(group)} for why, group in sorted(replay.undecidable.items())],
        "largest": [_outcome(outcome, base) for outcome in replay.largest],
    }


def rubric_document(replay: RubricReplay, span: Span, base: str) -> dict[str, Any]:
    """A rubric's replay."""
    return {
        "kind": "rubric",
        **span_document(span),
        "not_graded": replay.ungraded,
        **_left_out(replay),
        "untouched": replay.untouched,
        "rubrics": [_change(part, base) for _, part in sorted(replay.parts.items())],
    }


def _change(part: RubricChange, base: str) -> dict[str, Any]:
    return {
        "old": part.old.label,
        "new": part.new.label,
        "changes": [{"field": change.field, "how": change.how} for change in part.changes],
        "items": part.items,
        "decided_by_human": part.by_human,
        "decided_under": _sorted(part.decided_under),
        "grades": {old: _sorted(new) for old, new in sorted(part.grades.items())},
        "changed": part.changed,
        "changed_by_seller": {name: _group(group) for name, group in sorted(part.sellers.items())},
        "text": {
            "conditions": list(part.conditions),
            "decisions_in_doubt": _sorted(part.doubtful),
            "look_again": [
                {"id": look.id, "condition": look.condition, "rubric": look.rubric, "url": item_url(base, look.id)}
                for look in part.sample
            ],
            "share_at_most_if_none_changes": round(part.at_most, 4),
        },
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "items": part.items,
        "changed": part.changed,
        "review_before": part.review_before,
        "review_after": part.review_after,
        "newly_in_review": part.newly,
        "no_longer_in_review": part.no_longer,
        "without_comparable_amount": part.unpriced,
        "recovery_recorded": part.recorded / 100,
        "recovery_same_actions": part.repriced / 100,
        "recovery_new": part.recovery / 100,
        "difference": part.difference / 100,
        "difference_by_figures": part.by_figures / 100,
        "difference_by_actions": part.by_actions / 100,
    }


def _outcome(outcome: Outcome, base: str) -> dict[str, Any]:
    assert outcome.recorded is not None
    return {
        "id": outcome.id,
        "created_at": outcome.at.isoformat(),
        "category": outcome.category,
        "seller": outcome.seller,
        "old": outcome.old,
        "new": outcome.new,
        "recorded": outcome.recorded / 100,
        "recovery": outcome.recovery / 100,
        "difference": outcome.difference / 100,
        "url": item_url(base, outcome.id),
    }


def _group(group: Group) -> dict[str, Any]:
    return {"items": group.items, "examples": list(group.examples)}


def _left_out(replay: PolicyReplay | RubricReplay) -> dict[str, int]:
    """Items of which nothing can be told any more; not a word where there are none, as in reports of before."""
    return {"erased": replay.erased} if replay.erased else {}


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
