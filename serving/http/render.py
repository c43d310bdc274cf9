"""A stored inspection in the words of one language, as it goes over the wire."""

from collections.abc import Mapping, Sequence

from regrade.models.types import CONDITIONS, ItemResult
from regrade.serving.base.dispositions import Disposition, Money
from regrade.serving.base.i18n import render, text
from regrade.serving.http.identity.shown import identity_out
from regrade.serving.http.now import now_of
from regrade.serving.http.pieces.shown import pieces_out
from regrade.serving.http.schemas import (
    AskedOut,
    AskOut,
    CategoryOut,
    DecidedOut,
    DecisionOut,
    DefectOut,
    DispositionOut,
    ErasedOut,
    ExaminedOut,
    GradeOut,
    InspectionOut,
    MoneyOut,
    OptionOut,
    PhotoOut,
    QualityOut,
    RetakeOut,
    ReviewOut,
    RevisionOut,
    TimingsOut,
)
from regrade.serving.policy.terms import Policy
from regrade.serving.rubric.grades import grade_in, grade_words
from regrade.serving.rubric.types import Rubrics
from regrade.serving.storage.records import Inspection, Revision
from regrade.serving.storage.reviews import Review
from regrade.serving.telemetry.timings import PARTS

NO_RUBRICS = Rubrics({})


def inspection_out(
    inspection: Inspection,
    lang: str,
    rubrics: Rubrics = NO_RUBRICS,
    *,
    first: bool = False,
    policy: Policy | None = None,
) -> InspectionOut:
    """The inspection as it stands: a human decision takes the place of the machine's. `rubrics` name the grade; `first`
    is whether the inspector is to decide before the model's word is shown; `policy`, if given, names the bin."""
    result, review = inspection.result, inspection.review
    disposition = inspection.decision.disposition if inspection.decision else None
    if review is not None:
        disposition = review.disposition
    call = result.category
    retaken = inspection.status == "retake"
    return InspectionOut(
        id=inspection.id,
        status=inspection.status,
        created_at=inspection.created_at,
        item=dict(inspection.item),
        category=None
        if call is None
        else CategoryOut.model_validate(
            {
                "name": call.name,
                "source": call.source,
                "confidence": None if inspection.blind else _share(call.confidence),
                "guess": None if inspection.blind or call.best_guess == call.name else call.best_guess,
            }
        ),
        grade=None if retaken else _grade(result, review, _name(inspection, rubrics, lang)),
        defects=[] if retaken else _defects(result, review),
        defects_examined=_examined(result, [photo.index for photo in inspection.photos]),
        disposition=None if disposition is None else _disposition(disposition, lang),
        review=_review(inspection, lang, first),
        now=None if policy is None else now_of(inspection, policy, lang),
        photos=[
            PhotoOut(
                index=photo.index,
                sha256=photo.sha256,
                width=photo.width,
                height=photo.height,
                quality=QualityOut(ok=quality.ok, issues=list(quality.issues)),
            )
            for photo, quality in zip(inspection.photos, result.quality, strict=inspection.erased is None)
        ],
        models=dict(result.models),
        timings_ms=timings_out(result.timings_ms),
        retake=_retake(result, lang) if retaken and inspection.erased is None else None,
        decision=None if review is None else _decision_out(review, inspection),
        erased=None if inspection.erased is None else ErasedOut.model_validate(inspection.erased, from_attributes=True),
        identity=None if inspection.erased is not None else identity_out(inspection.identity, lang),
        pieces=None if inspection.erased is not None else pieces_out(inspection.pieces_now, lang),
        revision=inspection.revision,
        revisions=[_revision(inspection.id, one) for one in inspection.revisions] or None,
        ask=None if inspection.ask is None else AskOut.model_validate(inspection.ask, from_attributes=True),
        asks=[AskedOut.model_validate(one, from_attributes=True) for one in inspection.asks] or None,
    )


def _revision(inspection_id: str, one: Revision) -> RevisionOut:
    return RevisionOut(
        revision=one.number,
        at=one.at,
        cause=one.cause,
        status=one.status,
        condition=one.condition,
        href=f"/v1/inspections/{inspection_id}?revision={one.number}",
    )


def _name(inspection: Inspection, rubrics: Rubrics, lang: str) -> str | None:
    """What the item is called by the scale of its rubric: as it was decided, else as the model graded it."""
    call, grade, review = inspection.result.category, inspection.result.grade, inspection.review
    rubric = None if call is None else rubrics.of(call.name, inspection.item.get("seller"))
    if review is not None:
        return grade_in(rubric, review.seller_grade, lang)
    if rubric is None or grade is None:
        return None
    words = grade_words(rubric, grade.condition, inspection.result.defects)
    return None if words is None else words.to(lang)


def _grade(result: ItemResult, review: Review | None, name: str | None) -> GradeOut | None:
    if review is not None:
        return GradeOut.model_validate(
            {
                "condition": review.condition,
                "name": name,
                "probabilities": {c: float(c == review.condition) for c in CONDITIONS},
                "prediction_set": [review.condition],
                "confidence": 1.0,
                "based_on": ["review"],
            }
        )
    grade = result.grade
    if grade is None:
        return None
    return GradeOut.model_validate(
        {
            "condition": grade.condition,
            "name": name,
            "probabilities": {c: _share(grade.probabilities.get(c, 0.0)) for c in CONDITIONS},
            "prediction_set": list(grade.prediction_set),
            "confidence": _share(grade.confidence),
            "based_on": None if result.examination is None else list(result.examination.basis),
        }
    )


def _examined(result: ItemResult, photos: Sequence[int]) -> list[ExaminedOut] | None:
    if result.examination is None:
        return None
    by_photo = zip(photos, result.examination.defect_types, strict=False)  # the photos of an erased item are gone
    return [ExaminedOut(photo=index, types=list(types)) for index, types in by_photo]


def _defects(result: ItemResult, review: Review | None) -> list[DefectOut]:
    if review is not None and review.defects is not None:
        return [
            DefectOut(photo=d.photo, type=d.type, score=_share(d.score), box=d.box, severity=d.severity)
            for d in review.defects
        ]
    return [
        DefectOut(photo=d.photo, type=d.type, score=_share(d.score), box=_pixels(d.box), severity=d.severity)
        for d in result.defects
    ]


def _disposition(disposition: Disposition, lang: str) -> DispositionOut:
    return DispositionOut.model_validate(
        {
            "action": disposition.action,
            "expected_recovery": _money(disposition.expected_recovery),
            "reasons": [render(reason, lang) for reason in disposition.reasons],
            "alternatives": [
                OptionOut.model_validate(
                    {"action": option.action, "expected_recovery": _money(option.expected_recovery)}
                )
                for option in disposition.alternatives
            ],
            "policy": disposition.policy,
        }
    )


def _decision_out(review: Review, inspection: Inspection) -> DecisionOut:
    # Whoever decided blind and could still take it back is told nothing of the model's.
    told = review.model_condition is not None and not inspection.blind
    return DecisionOut(
        by=review.reviewer,
        role=review.role or "reviewer",
        blind=review.blind,
        at=review.decided_at,
        agreed=review.condition == review.model_condition if told else None,
    )


def _review(inspection: Inspection, lang: str, first: bool) -> ReviewOut:
    # Of an erased item the figures are gone that reasons speak of.
    reasons = inspection.decision.review if inspection.decision and inspection.erased is None else ()
    review = inspection.review
    required = inspection.status == "needs_review" and inspection.erased is None
    decided = None
    if review is not None:
        decided = DecidedOut(
            by=review.reviewer,
            at=review.decided_at,
            model_condition=review.model_condition,
            disposition_source=review.disposition_source,
            note=review.note,
        )
    return ReviewOut(
        required=required,
        who=inspection.who if required else "nobody",
        first=first and required,
        reasons=[render(reason, lang) for reason in reasons],
        decided=decided,
    )


def _retake(result: ItemResult, lang: str) -> list[RetakeOut]:
    return [
        RetakeOut(photo=index, issue=issue, advice=text(f"advice.{issue}", lang))
        for index, quality in enumerate(result.quality)
        if not quality.ok
        for issue in quality.issues
    ]


def _money(money: Money) -> MoneyOut:
    return MoneyOut(amount=money.amount, currency=money.currency)


def timings_out(milliseconds: Mapping[str, float]) -> TimingsOut:
    """All parts of what was stored, and `total`."""
    parts = {name: milliseconds.get(name, 0.0) for name in PARTS}
    total = milliseconds.get("total", 0.0)
    # What was stored before all parts were told apart, or graded without a server, says nothing of some.
    if "other" not in milliseconds:
        parts["other"] = round(max(0.0, total - sum(parts.values())), 1)
    return TimingsOut(**parts, total=total)


def _share(value: float) -> float:
    # Rounding keeps what a person can use; sums of floats may be off 1 by a hair.
    return round(min(1.0, max(0.0, value)), 6)


def _pixels(box: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(side, 1) for side in box)
    return x1, y1, x2, y2
