"""Whether the rows of an inspection still say what was signed. What they should be is made of its steps alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import Connection, Table, select

from regrade.models.pieces.stored import PIECES
from regrade.models.pieces.types import in_short, lacking, missing_column
from regrade.serving.evidence.history import (
    ERASED,
    asks_and_ends,
    changes_of,
    latest,
    left,
    photos_of,
    whole_erasures,
)
from regrade.serving.evidence.statements import REVIEW, moment
from regrade.serving.evidence.steps import FIRST, Finding, Step
from regrade.serving.storage.adjudication import standing, votes_of
from regrade.serving.storage.reviews import FOUND
from regrade.serving.storage.tables import (
    ask_ends,
    asks,
    erasures,
    inspection_photos,
    inspections,
    review_undos,
    reviews,
    revision_photos,
    revisions,
)

Row = Mapping[Any, Any]

_CHANGES: Final = ("regraded", "reviewed", "undone", "asked", "answered")
"""Kinds of steps after which an inspection counts as changed."""


@dataclass(slots=True)
class Rows:
    """What is stored of one inspection; photos by position, decisions and what was undone by the decision's id, its
    erasure by its own, revisions by number and `former` photos by theirs and position, asks and their ends by id."""

    inspection: Row | None = None
    photos: dict[Any, Row] = field(default_factory=dict)
    reviews: dict[Any, Row] = field(default_factory=dict)
    undos: dict[Any, Row] = field(default_factory=dict)
    erasures: dict[Any, Row] = field(default_factory=dict)
    revisions: dict[Any, Row] = field(default_factory=dict)
    former: dict[Any, Row] = field(default_factory=dict)
    asks: dict[Any, Row] = field(default_factory=dict)
    ask_ends: dict[Any, Row] = field(default_factory=dict)


def rows_of(connection: Connection, ids: Sequence[str]) -> dict[str, Rows]:
    """The rows of some inspections, by inspection."""
    found = {one: Rows() for one in ids}
    for row in _read(connection, inspections, inspections.c.id.in_(ids)):
        found[row["id"]].inspection = row
    for row in _read(connection, inspection_photos, inspection_photos.c.inspection_id.in_(ids)):
        found[row["inspection_id"]].photos[row["position"]] = row
    of = {row["id"]: row for row in _read(connection, reviews, reviews.c.inspection_id.in_(ids))}
    for row in of.values():
        found[row["inspection_id"]].reviews[row["id"]] = row
    for row in _read(connection, review_undos, review_undos.c.review_id.in_(list(of))):
        found[of[row["review_id"]]["inspection_id"]].undos[row["review_id"]] = row
    for row in _read(connection, erasures, erasures.c.inspection_id.in_(ids)):
        found[row["inspection_id"]].erasures[row["inspection_id"]] = row
    for row in _read(connection, revisions, revisions.c.inspection_id.in_(ids)):
        found[row["inspection_id"]].revisions[row["number"]] = row
    for row in _read(connection, revision_photos, revision_photos.c.inspection_id.in_(ids)):
        found[row["inspection_id"]].former[row["revision"], row["position"]] = row
    asked = {row["id"]: row for row in _read(connection, asks, asks.c.inspection_id.in_(ids))}
    for row in asked.values():
        found[row["inspection_id"]].asks[row["id"]] = row
    for row in _read(connection, ask_ends, ask_ends.c.ask_id.in_(list(asked))):
        found[asked[row["ask_id"]]["inspection_id"]].ask_ends[row["ask_id"]] = row
    return found


def compare(inspection_id: str, steps: Sequence[Step], rows: Rows) -> list[Finding]:
    """What differs between the `steps` of an inspection, which are sound, and its `rows`."""
    first = next((step for step in steps if step.kind in FIRST), None)
    if first is None:
        return []
    if rows.inspection is None:
        return [Finding("row-missing", "it was signed, and is not in the database any more", inspection_id)]
    erased = any(step.kind == "erased" for step in steps)
    work = _Comparison(inspection_id, erased, {sha for step in steps for sha in step.body.get("photos_erased", ())})
    work.one("inspection", _inspection(first, steps, erased), rows.inspection)
    work.many("photo", photos_of(steps), rows.photos)
    signed, undone = _reviews(steps)
    work.many("review", signed, rows.reviews)
    work.many("undo of review", undone, rows.undos)
    work.many("erasure of", _erasures(steps), rows.erasures)
    changed, former = changes_of(steps)
    work.many("revision", changed, rows.revisions)
    work.many("photo of revision", former, rows.former)
    asked, ended = asks_and_ends(steps)
    work.many("ask", asked, rows.asks)
    work.many("end of ask", ended, rows.ask_ends)
    return work.findings


@dataclass(slots=True)
class _Comparison:
    inspection: str
    erased: bool
    photos: set[str]
    findings: list[Finding] = field(default_factory=list)

    def one(self, what: str, signed: Row, stored: Row) -> None:
        differs = sorted(name for name in signed if not self._same(name, signed[name], stored[name]))
        if differs:
            fields = tuple(f"{what}.{name}" for name in differs)
            message = f"{what} differs from what was signed: {', '.join(differs)}"
            self.findings.append(Finding("changed-row", message, self.inspection, fields))

    def many(self, what: str, signed: Mapping[Any, Row], stored: Mapping[Any, Row]) -> None:
        for key in sorted(signed.keys() | stored.keys(), key=str):
            name = f"{what} {key}"
            if key not in stored:
                if signed[key].get("sha256") not in self.photos:
                    self._add("row-missing", name, f"{name} was signed, and is not in the database any more")
            elif key not in signed:
                self._add("unsigned-row", name, f"{name} is in the database, and no step tells of it")
            else:
                self.one(name, signed[key], stored[key])

    def _add(self, code: Any, name: str, message: str) -> None:
        self.findings.append(Finding(code, message, self.inspection, (name,)))

    def _same(self, name: str, signed: Any, stored: Any) -> bool:
        if signed is ERASED:
            return True
        if self.erased and name in ("item", "decision", "disposition", "identity", "pieces"):
            return _same_left(signed, stored, whole=name != "item")
        return bool((moment(stored) if isinstance(stored, datetime) else stored) == signed)


def _same_left(signed: Any, stored: Any, *, whole: bool) -> bool:
    """Whether a row says of what was erased in part what is left of it in the steps; `whole`: no less."""
    if not isinstance(signed, dict) or not isinstance(stored, dict):
        return bool(signed == stored)
    there = [name for name in signed if whole or name in stored]
    return all(name in stored and _same_left(signed[name], stored[name], whole=whole) for name in there)


def _inspection(first: Step, steps: Sequence[Step], erased: bool) -> dict[str, Any]:
    now, body = latest(steps), first.body
    item, output = now.item, now.result
    request, grade, category = body["request"], output.get("grade"), output.get("category")
    told = {
        "id": first.inspection,
        "created_at": body["received"]["at"],
        "status": now.status,
        "revision": now.number,
        "key_id": body["received"]["by"]["key_id"],
        "item": item,
        "result": output,
        "decision": now.decision,
        "sample_share": now.sample_share,
        "identity": now.identity,
        "pieces": now.pieces,
        "category": category["name"] if category else None,
        "model_condition": grade["condition"] if grade else None,
        "model_confidence": grade["confidence"] if grade else None,
        "erased_at": next((step.at for step in whole_erasures(steps)), None),
    }
    copies = {name: left(item, name, first) for name in ("rma", "seller", "sku", "station")}
    asked = {name: left(request, name, first) for name in ("idempotency_key", "body_digest")}
    return {**told, **copies, **asked, **_standing(told, steps)}


def _standing(told: Row, steps: Sequence[Step]) -> dict[str, Any]:
    """What lists are narrowed by: the condition and the action that stand by the steps, what that recovers, who decided
    last, and when it last changed."""
    signed, undone = _reviews(steps)
    in_order = sorted(signed.values(), key=lambda one: (one["decided_at"], one["id"]))
    votes: Any = [SimpleNamespace(**one, undone_at=undone.get(one["id"])) for one in in_order]
    stands: Any = standing(told["model_condition"], votes)
    condition = None if told["status"] == "retake" else told["model_condition"]
    graded = told["decision"]["disposition"] if told["decision"] else {}
    disposition = graded
    if stands is not None:
        condition, disposition = stands.condition, stands.disposition
    newest = next(reversed(votes_of(votes).values()), None)
    return {
        "condition": condition,
        "disposition": disposition.get("action"),
        "suggested": graded.get("action"),
        "decided_by": None if newest is None else newest.key_id,
        "missing_pieces": _missing(told, votes),
        "updated_at": _changed(told, steps),
        **_recovered(disposition, erased=told["erased_at"] is not None),
    }


def _missing(told: Row, votes: Sequence[Any]) -> Any:
    """What is missing by the newest count."""
    if told["erased_at"] is not None or told["pieces"] is None:
        return None
    pieces = PIECES.validate_python(told["pieces"])
    newest = next((one.pieces for one in reversed(votes) if one.undone_at is None and one.pieces is not None), None)
    if newest is None:
        return missing_column(pieces)
    return in_short(lacking(pieces.expected, FOUND.validate_python(newest)))


def _recovered(disposition: Row, *, erased: bool) -> dict[str, Any]:
    """What an action recovers, and what the policy's own would: by the alternatives, while they are told."""
    own = policy = disposition.get("expected_recovery") or {}
    options = None if erased else disposition.get("alternatives")
    if options and [reason["code"] for reason in disposition["reasons"]] == ["reviewer_chose"]:
        policy = options[0]["expected_recovery"]
    amounts = {"recovery": own.get("amount"), "policy_recovery": policy.get("amount")}
    return {**amounts, "currency": own.get("currency")}


def _changed(told: Row, steps: Sequence[Step]) -> Any:
    """When it was last graded, decided or asked about, or that undone, else when it came in."""
    if any(step.kind == "erased" for step in steps):
        return ERASED  # a moment before that step, or after it
    before = (one.get("undone", one)["at"] for step in steps for one in step.body.get("reviews", ()))
    return max([told["created_at"], *before, *(step.at for step in steps if step.kind in _CHANGES)])


def _reviews(steps: Sequence[Step]) -> tuple[dict[Any, Row], dict[Any, Row]]:
    """The rows of `reviews` and of `review_undos` that the steps tell of, by the decision's id."""
    signed: dict[Any, Row] = {}
    undone: dict[Any, Row] = {}
    for step in steps:
        told = [step.body["review"]] if step.kind == "reviewed" else step.body.get("reviews", ())
        for review in told:
            signed[review["id"]] = _review(step, review)
            if "undone" in review:
                undone[review["id"]] = _undo(review["id"], review["undone"]["at"], review["undone"]["by"])
        if step.kind == "undone":
            undone[step.body["review"]] = _undo(step.body["review"], step.at, step.body["by"])
    return signed, undone


def _review(step: Step, review: Row) -> Row:
    clear = {name: left(review, name, step) for name in REVIEW}
    by = review["by"]
    own = {"id": review["id"], "inspection_id": step.inspection, "decided_at": review["at"], "key_id": by["key_id"]}
    told = {name: left(review, name, step) for name in ("note", "pieces")}
    return {**own, **clear, **told, "reviewer": left(by, "name", step)}


def _erasures(steps: Sequence[Step]) -> dict[Any, Row]:
    return {
        step.inspection: {
            "inspection_id": step.inspection,
            "at": step.at,
            "key_id": step.body["by"]["key_id"],
            "name": left(step.body["by"], "name", step),
            "reason": step.body["reason"],
            "seq": step.seq,
        }
        for step in whole_erasures(steps)
    }


def _undo(review_id: str, at: str, by: Row) -> Row:
    return {"review_id": review_id, "undone_at": at, "key_id": by["key_id"]}


def _read(connection: Connection, table: Table, where: Any) -> Iterable[Row]:
    return connection.execute(select(table).where(where)).mappings().all()
