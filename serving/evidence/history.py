"""The rows that there should be of revisions of an inspection, and of what was asked, by its steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from regrade.serving.evidence.statements import ASK, MEASURES, PHOTO
from regrade.serving.evidence.steps import FIRST, Step
from regrade.serving.evidence.view import item_of

Row = Mapping[Any, Any]


class _Erased:
    """Stands for what was personal and is erased."""


ERASED: Final = _Erased()


def left(values: Row, name: str, step: Step) -> Any:
    """A personal value; `ERASED` where it may be among those of the step that were erased."""
    return values.get(name, ERASED if step.withheld else None)


def whole_erasures(steps: Sequence[Step]) -> list[Step]:
    """Those after which the inspection counts as erased: its photos went, and not a field alone."""
    return [step for step in steps if step.kind == "erased" and "photos_erased" in step.body]


@dataclass(frozen=True, slots=True)
class Graded:
    """What an inspection was after one of its steps: which revision, its status, item and what was made of it.

    `told` is the step that says what the category of its item is, `body` that of the step that graded it.
    """

    number: int
    status: str
    item: Row
    body: Row
    told: Step

    @property
    def result(self) -> Row:
        """The model's output."""
        found: Row = self.body["model_output"]
        return found

    @property
    def decision(self) -> Any:
        """The policy's, or None."""
        return self.body["decision"]

    @property
    def identity(self) -> Any:
        """What was said of it being the right item; None where nobody looked."""
        return self.body.get("identity")

    @property
    def pieces(self) -> Any:
        """What was said of its pieces; None where none are expected."""
        return self.body.get("pieces")

    @property
    def sample_share(self) -> Any:
        """The chance of a blind look that it had."""
        return self.body["sample_share"]


def latest(steps: Sequence[Step]) -> Graded:
    """The inspection after the last of its `steps`, which are sound."""
    *_, (_, found) = _graded(steps)
    return found


def _graded(steps: Sequence[Step]) -> Iterator[tuple[Step, Graded]]:
    """The inspection after each step that changes its status or revision."""
    now: Graded | None = None
    for step in steps:
        body = step.body
        if step.kind in FIRST:
            now = Graded(1, body["status"], item_of(body), body, step)
        elif now is not None and step.kind == "regraded":
            named = body["cause"] == "category"
            now = Graded(
                body["revision"], body["status"], {**now.item, **body["item"]}, body, step if named else now.told
            )
        elif now is not None and "status" in body:
            now = Graded(now.number, body["status"], now.item, now.body, now.told)
        else:
            continue
        yield step, now


def photos_of(steps: Sequence[Step]) -> dict[Any, Row]:
    """The rows of `inspection_photos`, by position."""
    return {photo["position"]: photo for photo in _photos(steps[0].inspection, latest(steps).body)}


def changes_of(steps: Sequence[Step]) -> tuple[dict[Any, Row], dict[Any, Row]]:
    """The rows of `revisions` by number, and those of `revision_photos` by their revision and position."""
    changed: dict[Any, Row] = {}
    photos: dict[Any, Row] = {}
    before: Graded | None = None
    for step, now in _graded(steps):
        if step.kind == "regraded" and before is not None:
            changed[now.number] = _revision(step, now, before)
            for photo in _photos(step.inspection, before.body):
                photos[before.number, photo["position"]] = {**photo, "revision": before.number}
        before = now
    return changed, photos


def _revision(step: Step, now: Graded, before: Graded) -> Row:
    request = step.body["request"]
    return {
        "inspection_id": step.inspection,
        "number": now.number,
        "at": step.at,
        "key_id": step.body["by"]["key_id"],
        "cause": step.body["cause"],
        **{name: left(request, name, step) for name in ("idempotency_key", "body_digest")},
        "status": before.status,
        "declared": left(before.item, "category", before.told),
        "result": before.result,
        "decision": before.decision,
        "sample_share": before.sample_share,
        "identity": before.identity,
        "pieces": before.pieces,
    }


def asks_and_ends(steps: Sequence[Step]) -> tuple[dict[Any, Row], dict[Any, Row]]:
    """The rows of `asks`, and those of `ask_ends`, by the ask's id."""
    asked: dict[Any, Row] = {}
    ended: dict[Any, Row] = {}
    for step in steps:
        if step.kind == "asked":
            asked[step.body["ask"]["id"]] = _ask(step, step.body["ask"])
        elif step.kind == "answered":
            note = left(step.body, "note", step)
            ended[step.body["ask"]] = _end(step, step.body["ask"], step.body["how"], note)
        elif step.kind == "regraded":
            ended |= {one: _end(step, one, "photos", None) for one in step.body["asks"]}
    return asked, ended


def _ask(step: Step, ask: Row) -> Row:
    by = ask["by"]
    own = {"id": ask["id"], "inspection_id": step.inspection, "at": ask["at"], "key_id": by["key_id"]}
    clear = {name: ask[name] for name in ASK}
    return {**own, **clear, "name": left(by, "name", step), "note": left(ask, "note", step)}


def _end(step: Step, ask_id: str, how: str, note: Any) -> Row:
    by = step.body["by"]
    own = {"ask_id": ask_id, "at": step.at, "key_id": by["key_id"], "how": how, "note": note}
    return {**own, "name": left(by, "name", step)}


def _photos(inspection: str | None, body: Row) -> Iterator[dict[str, Any]]:
    for photo in body["photos"]:
        yield {
            "inspection_id": inspection,
            "position": photo["index"],
            **{name: photo[name] for name in PHOTO},
            **{name: photo["measures"][name] for name in MEASURES},
        }
