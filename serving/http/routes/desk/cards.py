"""What the desk's page is told of one item, as JSON values in one language; of a blind look, nothing of the model's."""

from datetime import UTC, datetime
from typing import Any, Final

from regrade.models.errors import PolicyError
from regrade.models.types import CONDITIONS, Defect
from regrade.serving.base.dispositions import Disposition, Money
from regrade.serving.base.i18n import render
from regrade.serving.http.identity.shown import identity_json
from regrade.serving.http.pieces.shown import pieces_json
from regrade.serving.policy.stored import decide_stored
from regrade.serving.review import Claim
from regrade.serving.review.decisions import conditions_of
from regrade.serving.rubric.grades import grade_words
from regrade.serving.rubric.in_force import InForce
from regrade.serving.rubric.types import Rubric
from regrade.serving.runtime import Runtime
from regrade.serving.storage.asks import Ask
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.reviews import Review, ReviewedDefect

Json = dict[str, Any]

SUGGESTED: Final = ""
"""The key of the disposition that the policy suggests before the reviewer has said anything."""


def card(claim: Claim, runtime: Runtime, lang: str) -> Json:
    """A claimed item with the lease under which it may be decided."""
    left = (claim.expires_at - datetime.now(UTC)).total_seconds()
    return {
        **item(claim.inspection, runtime, lang),
        "task": {"id": claim.task.id, "blind": claim.task.blind},
        "lease": lease(claim.token, left, runtime),
    }


def lease(token: str, left: float, runtime: Runtime) -> Json:
    """A lease that lasts `left` seconds on."""
    return {"token": token, "seconds": runtime.settings.lease_minutes * 60, "seconds_left": round(left, 1)}


def item(inspection: Inspection, runtime: Runtime, lang: str) -> Json:
    """An item as it came, what the model says of it, what each condition would lead to, rubric and history."""
    in_force = runtime.in_force
    return {
        "inspection": _inspection(inspection, lang),
        "conditions": conditions_of(inspection, in_force),
        "dispositions": None if inspection.blind else dispositions(inspection, in_force, lang),
        "rubric": _rubric(inspection, in_force, lang),
        "history": [_entry(review) for review in inspection.reviews],
        "asks": [asked(one) for one in inspection.asks],
        "views": _views(inspection, in_force),
    }


def asked(one: Ask) -> Json:
    """What somebody asked, and what became of it."""
    ended = None if one.ended is None else {"how": one.ended.how, "who": one.ended.by, "note": one.ended.note}
    own = {"at": one.at.isoformat(), "who": one.by, "kind": one.kind, "note": one.note, "assignee": one.assignee}
    return {**own, "views": list(one.views), "ended": ended}


def _views(inspection: Inspection, in_force: InForce) -> list[str]:
    """What the category asks to be photographed, as the page's words name it: `toys/front`."""
    call = inspection.result.category
    category = None if call is None else in_force.categories.get(call.name)
    return [] if category is None else [f"{category.name}/{view.name}" for view in category.views]


def dispositions(inspection: Inspection, in_force: InForce, lang: str) -> Json | None:
    """The policy's disposition for each condition that the reviewer may find, and under `SUGGESTED` for the model's
    own view. None where the policy cannot say, such as for a currency that it no longer knows."""
    if inspection.result.grade is None or inspection.result.category is None:
        return None
    found: dict[str, Disposition] = {}
    try:
        for condition in (None, *conditions_of(inspection, in_force)):
            found[condition or SUGGESTED] = decide_stored(in_force.policy, inspection, condition).disposition
    except PolicyError:
        return None
    return {condition: _disposition(disposition, lang) for condition, disposition in found.items()}


def _inspection(inspection: Inspection, lang: str) -> Json:
    result, decision = inspection.result, inspection.decision
    grade, shown = result.grade, None
    if grade is not None and not inspection.blind:
        shown = {
            "condition": grade.condition,
            "probabilities": {c: grade.probabilities.get(c, 0.0) for c in CONDITIONS},
            "confidence": grade.confidence,
            "needed": needed(inspection),
        }
    return {
        "id": inspection.id,
        "revision": inspection.revision,
        "created_at": inspection.created_at.isoformat(),
        "age_seconds": max(0.0, (datetime.now(UTC) - inspection.created_at).total_seconds()),
        "item": dict(inspection.item),
        "category": None if result.category is None else {"name": result.category.name},
        "photos": [{"index": p.index, "width": p.width, "height": p.height} for p in inspection.photos],
        "grade": shown,
        "defects": [] if inspection.blind else [defect_of(defect) for defect in result.defects],
        "examined": None if result.examination is None else list(result.examination.everywhere),
        "identity": identity_json(inspection, lang),
        "pieces": pieces_json(inspection, lang),
        "based_on": [] if result.examination is None else list(result.examination.basis),
        "reasons": [] if decision is None or inspection.blind else [render(reason, lang) for reason in decision.review],
    }


def defect_of(defect: Defect | ReviewedDefect) -> Json:
    """A defect of the model's or of a reviewer's, who may have drawn no box."""
    box = None if defect.box is None else [round(side, 1) for side in defect.box]
    return {
        "photo": defect.photo,
        "type": defect.type,
        "severity": defect.severity,
        "score": round(min(1.0, max(0.0, defect.score)), 6),
        "box": box,
    }


def needed(inspection: Inspection) -> float | None:
    """The confidence from which this item would have gone without a human, where there is one."""
    for reason in inspection.decision.review if inspection.decision else ():
        if reason.code == "confidence_short":
            return float(reason.params["needed"])
    return inspection.result.grade.auto_threshold if inspection.result.grade else None


def _disposition(disposition: Disposition, lang: str) -> Json:
    return {
        "action": disposition.action,
        "expected_recovery": _money(disposition.expected_recovery),
        "reasons": [render(reason, lang) for reason in disposition.reasons],
        "alternatives": [
            {"action": option.action, "expected_recovery": _money(option.expected_recovery)}
            for option in disposition.alternatives
        ],
    }


def _money(money: Money) -> Json:
    return {"amount": money.amount, "currency": money.currency}


def _rubric(inspection: Inspection, in_force: InForce, lang: str) -> Json | None:
    call = inspection.result.category
    rubric = None if call is None else in_force.rubrics.of(call.name, inspection.item.get("seller"))
    if rubric is None:
        return None
    return {
        "label": rubric.label,
        "conditions": {
            condition: {
                "text": said.text.to(lang),
                "examples": list(said.examples),
                "grade": _grade(rubric, condition, lang),
            }
            for condition, said in rubric.conditions.items()
        },
        "defects": list(rubric.defects),
        "clarifications": [words.to(lang) for words in rubric.clarifications],
    }


def _grade(rubric: Rubric, condition: str, lang: str) -> str | None:
    words = grade_words(rubric, condition, ())
    return None if words is None else words.to(lang)


def _entry(review: Review) -> Json:
    return {
        "at": review.decided_at.isoformat(),
        "who": review.reviewer,
        "condition": review.condition,
        "disposition": review.disposition.action,
        "note": review.note,
        "undone": review.undone_at is not None,
    }
