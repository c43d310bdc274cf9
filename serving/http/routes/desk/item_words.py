"""What the item page shows, put together for its template: the looks, whose boxes there are, and the trail in words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from regrade.models.types import CONDITIONS, ItemResult
from regrade.serving.access.audit import AuditEntry
from regrade.serving.base.dispositions import Disposition
from regrade.serving.base.i18n import name_of, render, text
from regrade.serving.http.identity.shown import identity_json
from regrade.serving.http.pieces.shown import pieces_json
from regrade.serving.http.routes.desk.cards import defect_of, needed
from regrade.serving.inspections.examined import basis_words, examined_words
from regrade.serving.review import Dossier
from regrade.serving.rubric.grades import grade_in
from regrade.serving.runtime import Runtime
from regrade.serving.storage.adjudication import settled, votes_of
from regrade.serving.storage.asks import Ask
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.reviews import Review

View = dict[str, Any]

_KINDS: Final = ("unsure", "sample", "second", "third")
_SAID_OF: Final = {"ask": "ask", "regrade": "cause"}
"""Lines of the trail of which there are several kinds, and what in them says which."""


def stamp(moment: datetime) -> str:
    """A moment for people, until the page's script writes it in their own time zone: `2026-11-23 09:05 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def line(inspection: Inspection) -> View:
    """An item in a list of several."""
    call = inspection.result.category
    return {
        "id": inspection.id,
        "created_at": inspection.created_at,
        "status": inspection.status,
        "category": call.name if call else None,
        "erased": inspection.erased,
        **{name: inspection.item.get(name) for name in ("rma", "sku", "seller", "station")},
    }


def view(found: Dossier, runtime: Runtime, lang: str) -> View:
    """The values of `item.html`."""
    inspection = found.inspection
    review, decision = inspection.review, inspection.decision
    disposition = review.disposition if review else decision.disposition if decision else None
    call = inspection.result.category
    rubric = None if call is None else runtime.rubrics.of(call.name, inspection.item.get("seller"))
    looks = [_look(one, inspection, grade_in(rubric, one.seller_grade, lang)) for one in inspection.reviews]
    return {
        "one": line(inspection),
        "value": inspection.item.get("declared_value"),
        "answers": inspection.item.get("answers") or {},
        "blind": inspection.blind,
        "own": inspection.blind and bool(inspection.reviews),
        "retake": inspection.status == "retake",
        "condition": _stands(inspection),
        "tied": bool(inspection.reviews) and not inspection.blind and _tied(inspection),
        "review": review,
        "model": None if inspection.blind else _model(inspection, lang),
        "disposition": None if disposition is None or inspection.blind else _disposition(disposition, review, lang),
        "looks": looks,
        "owed": [kind for kind in _KINDS if kind in found.owed],
        "held_by": found.held_by,
        "free": found.free,
        "layers": _layers(inspection),
        "identity": identity_json(inspection, lang),
        "pieces": pieces_json(inspection, lang),
        "photos": [{"index": p.index, "width": p.width, "height": p.height} for p in inspection.photos],
        "trail": [{"at": entry.at, "words": _words(entry, lang)} for entry in found.trail],
        "undo_seconds": runtime.settings.undo_seconds,
        "revision": inspection.revision,
        "revisions": inspection.revisions,
        "former": _photos_of_former(inspection, runtime),
        "one_erased": inspection.erased is not None,
        "item_id": inspection.id,
        "asks": [one for one in inspection.asks if one.ended is None or one.ended.how != "undone"],
        "asked_views": {one.id: _views(one, inspection, lang) for one in inspection.asks},
    }


def _photos_of_former(inspection: Inspection, runtime: Runtime) -> dict[int, int]:
    """How many photos each earlier revision had."""
    numbers = [one.number for one in inspection.revisions[:-1]]
    return {number: len(runtime.revisions.revision(inspection, number).photos) for number in numbers}


def _views(ask: Ask, inspection: Inspection, lang: str) -> list[str]:
    """What was to be photographed, in words."""
    call = inspection.result.category
    return [name_of("view", view if call is None else f"{call.name}/{view}", lang) for view in ask.views]


def _stands(inspection: Inspection) -> str | None:
    """The condition that the item has now."""
    review = inspection.review
    return review.condition if review is not None else inspection.model_condition


def _tied(inspection: Inspection) -> bool:
    votes = votes_of(inspection.reviews)
    return bool(votes) and settled(inspection.model_condition, votes) is None


def _model(inspection: Inspection, lang: str) -> View | None:
    result, decision = inspection.result, inspection.decision
    if result.grade is None:
        return None
    return {
        "condition": result.grade.condition,
        "confidence": result.grade.confidence,
        "needed": needed(inspection),
        "probabilities": {name: result.grade.probabilities.get(name, 0.0) for name in CONDITIONS},
        "reasons": [render(reason, lang) for reason in decision.review] if decision and not inspection.erased else [],
        "versions": dict(result.models),
        "defects": len(result.defects),
        "told": [words for words in _told(result, lang) if words],
    }


def _told(result: ItemResult, lang: str) -> tuple[str, str]:
    seen = result.examination
    types, basis = (None, None) if seen is None else (seen.everywhere, seen.basis)
    return examined_words(types, found=[one.type for one in result.defects], lang=lang), basis_words(basis, lang)


def _disposition(disposition: Disposition, review: Review | None, lang: str) -> View:
    return {
        "action": disposition.action,
        "recovery": disposition.expected_recovery,
        "reasons": [render(reason, lang) for reason in disposition.reasons],
        "alternatives": [(option.action, option.expected_recovery) for option in disposition.alternatives],
        "policy": disposition.policy,
        "by": None if review is None else review.disposition_source,
    }


def _look(review: Review, inspection: Inspection, grade: str | None) -> View:
    standing = inspection.review
    return {
        "review": review,
        "grade": grade,
        "stands": not inspection.blind and standing is not None and standing.id == review.id,
        "defects": None if review.defects is None else [defect.type for defect in review.defects],
    }


def _layers(inspection: Inspection) -> list[View]:
    """Whose boxes can be shown, the model's first; `chosen` are those that count now."""
    standing = inspection.review
    made: list[View] = []
    if not inspection.blind and inspection.result.grade is not None:
        counts = standing is None or standing.defects is None
        defects = [defect_of(defect) for defect in inspection.result.defects]
        made.append({"who": None, "kind": None, "undone": None, "defects": defects, "chosen": counts})
    for review in inspection.reviews:
        if review.defects is not None:
            said = {"who": review.reviewer, "kind": review.kind, "undone": review.undone_at}
            counts = standing is not None and standing.id == review.id
            made.append({**said, "defects": [defect_of(defect) for defect in review.defects], "chosen": counts})
    return made


def _words(entry: AuditEntry, lang: str) -> str:
    """A line of the audit trail as a sentence."""
    detail, key = entry.detail, entry.action
    if key == "claim" and detail.get("renewed"):
        key = "claim_again"
    elif key == "decide":
        key = "decide_own" if detail.get("source") == "reviewer" else "decide"
    elif key == "undo" and "ask" in detail:
        key = "undo_ask"
    elif key in _SAID_OF:
        key = f"{key}_{detail.get(_SAID_OF[key])}"
    who = entry.name or entry.key_id or "–"
    told = {**_said(detail), "revision": str(detail.get("revision") or "–")}
    words = text(f"desk.trail_{key}", lang, who=who, look=_look_name(detail, lang), **told)
    if detail.get("second_drawn"):
        words += " " + text("desk.trail_drawn", lang)
    return words


def _look_name(detail: Mapping[str, Any], lang: str) -> str:
    kind = detail.get("kind")
    return text(f"desk.look_{kind}", lang) if kind in _KINDS else "–"


def _said(detail: Mapping[str, Any]) -> dict[str, str]:
    names: Sequence[tuple[str, str]] = (("condition", "condition"), ("action", "action"), ("name", "holder"))
    return {parameter: str(detail.get(name) or "–") for name, parameter in names}
