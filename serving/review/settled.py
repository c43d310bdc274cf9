"""What reviewers decided, as plain JSON values, for whoever makes training data of it.

Found through the entry point `local` of the group `regrade.decisions`, so that no other room imports this one. Who
takes decisions out of the installation tells `note_export`, who fits a head by them `note_adaptation`; these stand
beside `decisions` for that, as `erased` and `recoveries` do.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, exists, func, select

from regrade.models.category.economics import ACTIONS
from regrade.models.types import CONDITIONS
from regrade.serving.access.audit import Action, record_command
from regrade.serving.base.errors import BucketError, DataDirError
from regrade.serving.base.settings import Settings, load_settings
from regrade.serving.inspections.store import load
from regrade.serving.installation.data_dir import open_database, user_name
from regrade.serving.installation.photos import open_photos
from regrade.serving.policy.terms import economics_of
from regrade.serving.rubric.in_force import in_force
from regrade.serving.storage.adjudication import settled, votes_of
from regrade.serving.storage.database import Database
from regrade.serving.storage.photostore import PhotoStore
from regrade.serving.storage.records import RESULT, Inspection
from regrade.serving.storage.reviews import DEFECTS, Remarks, Review, ReviewedDefect
from regrade.serving.storage.tables import inspections, review_undos, reviews, tasks

ROWS = 200
"""Inspections read at once."""


def decisions(data_dir: Path, since: datetime | None = None) -> Iterator[dict[str, Any]]:
    """One dict an inspection that a human has decided on, the oldest inspection first; those that were erased are left
    out, and `erased` counts them.

    With `since`, only those whose newest decision was made then or later. Undone decisions do not count. Keys:

    - `id`, `created_at` (RFC 3339), `status`, `category`, `item` (as it was posted);
    - `photos`: each with `index`, `sha256` (hex), `media_type`, `size` (bytes), `width` and `height` (pixels of the
      upright photo) and `path` (of its file);
    - `model`: `condition`, `probabilities`, `prediction_set`, `confidence`, `auto_threshold`, `versions` (category to
      bundle) and `defects` (`photo`, `type`, `score`, `box` (x1, y1, x2, y2 in pixels of the upright photo),
      `severity`);
    - `looks`, oldest first: `kind` (`unsure`, `sample`, `second`, `third`), `blind`, `condition`, `key_id`,
      `reviewer`, `decided_at`, `defects` (as of the model, `box` may be null; empty where the reviewer saw none, null
      where nothing was said of them, as by a reviewer who let the model's stand),
      `note`, `rubric`, `seller_grade`, `seconds`;
    - `condition`: the adjudicated one, null while a tie is not broken;
    - `open`: the kinds of looks that are still owed;
    - `defects` and `rubric` of the newest look that found this condition: of those that recorded defects, else of those
      that say that there are none, else of the others; null where there is none;
    - `decided_at` of the newest look.

    Of photos in a bucket the files are copies, made for this.

    Raises `DataDirError` where there is no installation in `data_dir`, and `BucketError` where its photos are elsewhere
    than the settings say, or more than may be copied.
    """
    settings = _settings(data_dir)
    # Their paths are told to others, who may work elsewhere.
    photos = open_photos(settings.model_copy(update={"data_dir": settings.data_dir.absolute()}))
    database = open_database(settings)
    try:
        room = None if settings.photos_bucket is None else settings.photos_cache_bytes
        for one in _all(database, photos, since):
            if room is not None and (room := room - sum(photo["size"] for photo in one["photos"])) < 0:
                raise BucketError(
                    "The photos that were decided on are more than are kept here of those in the bucket. Raise "
                    "REGRADE_PHOTOS_CACHE_BYTES, so that all of them can be read."
                )
            yield one
    finally:
        photos.close()
        database.close()


def erased(data_dir: Path) -> int:
    """How many inspections `decisions` leaves out because they were erased.

    Raises `DataDirError` where there is no installation in `data_dir`.
    """
    database = open_database(_settings(data_dir))
    try:
        with database.read() as connection:
            query = select(func.count()).where(inspections.c.id.in_(_decided()), inspections.c.erased_at.is_not(None))
            return connection.execute(query).scalar_one()
    finally:
        database.close()


def note_export(data_dir: Path, detail: Mapping[str, Any]) -> None:
    """Put a line into the audit trail: this account took out what `detail` says (JSON values; how many, whereto).

    Raises `DataDirError` where there is no installation in `data_dir`.
    """
    _note(data_dir, "export", detail)


def note_adaptation(data_dir: Path, detail: Mapping[str, Any]) -> None:
    """Put a line into the audit trail: what came of fitting a head anew, as `detail` says (JSON values).

    Raises `DataDirError` where there is no installation in `data_dir`.
    """
    _note(data_dir, "adapt", detail)


def note_command(data_dir: Path, action: Action, detail: Mapping[str, Any]) -> None:
    """Put a line into the audit trail: what a command did, as `detail` says (JSON values); nothing where there is no
    installation in `data_dir` yet."""
    with suppress(DataDirError):
        _note(data_dir, action, detail)


def recoveries(data_dir: Path, category: str) -> dict[str, Any]:
    """What each action brings in by condition, for an item of the default value, by the policy in force:
    `currency`, and `recoveries`, condition → action → amount. Rules that close an action are left out.

    Raises `PolicyError` where the policy is wrong.
    """
    settings = _settings(data_dir)
    policy = in_force(settings.bundle_store, settings.policy_file, settings.rubric_dir).policy
    economics, _ = economics_of(policy.terms(None), category)
    value = economics.default_value
    told = {c: {a: round(economics.recovery(c, a, value), 4) for a in ACTIONS} for c in CONDITIONS}
    return {"currency": policy.currency, "recoveries": told}


def _note(data_dir: Path, action: Action, detail: Mapping[str, Any]) -> None:
    database = open_database(_settings(data_dir))
    try:
        with database.write() as connection:
            record_command(connection, datetime.now(UTC), user_name(), action, detail)
    finally:
        database.close()


def _settings(data_dir: Path) -> Settings:
    settings = load_settings(data_dir=data_dir)
    if settings.database_url is None and not (settings.data_dir / "regrade.db").is_file():
        raise DataDirError(f"There is no installation in {settings.data_dir}. Name its directory.")
    return settings


def _all(database: Database, photos: PhotoStore, since: datetime | None) -> Iterator[dict[str, Any]]:
    counted = _decided()
    if since is not None:
        counted = counted.having(func.max(reviews.c.decided_at) >= since)
    wanted = select(inspections).where(inspections.c.id.in_(counted), inspections.c.erased_at.is_(None))
    # One transaction: what is decided meanwhile comes next time, and nothing twice.
    with database.read() as connection:
        ordered = wanted.order_by(inspections.c.created_at, inspections.c.id).execution_options(yield_per=ROWS)
        for rows in connection.execute(ordered).partitions():
            found = load(connection, rows)
            owed = _open(connection, [inspection.id for inspection in found])
            for inspection in found:
                yield _decision(inspection, owed.get(inspection.id, []), photos)


def _decided() -> Select[str]:
    """The inspections that a human has decided on, a group each."""
    undone = exists().where(review_undos.c.review_id == reviews.c.id)
    return select(reviews.c.inspection_id).where(~undone).group_by(reviews.c.inspection_id)


def _open(connection: Connection, ids: list[str]) -> dict[str, list[str]]:
    query = select(tasks.c.inspection_id, tasks.c.kind).where(tasks.c.state == "open", tasks.c.inspection_id.in_(ids))
    owed: dict[str, list[str]] = {}
    for inspection_id, kind in connection.execute(query.order_by(tasks.c.created_at, tasks.c.id)):
        owed.setdefault(inspection_id, []).append(kind)
    return owed


def _decision(inspection: Inspection, owed: list[str], photos: PhotoStore) -> dict[str, Any]:
    looks = [review for review in inspection.reviews if review.undone_at is None]
    condition = settled(inspection.model_condition, votes_of(looks))
    agreeing = [look for look in reversed(looks) if look.condition == condition]
    # A look that found the same but drew nothing must not hide the boxes of one that did; and that there are none is
    # said by a reviewer who was asked, not by one who left it open.
    settling = min(agreeing, key=lambda look: (look.defects is None, not look.defects), default=None)
    call = inspection.result.category
    return {
        "id": inspection.id,
        "created_at": inspection.created_at.isoformat(),
        "status": inspection.status,
        "category": call.name if call else None,
        "item": dict(inspection.item),
        "photos": [{**asdict(photo), "path": str(photos.copy_here(photo.sha256))} for photo in inspection.photos],
        "model": _model(inspection),
        "looks": [_look(review) for review in looks],
        "condition": condition,
        "open": owed,
        "defects": None if settling is None else _defects(settling.defects),
        "rubric": None if settling is None else settling.rubric,
        "decided_at": looks[-1].decided_at.isoformat(),
    }


def _model(inspection: Inspection) -> dict[str, Any] | None:
    if inspection.result.grade is None:
        return None
    result = RESULT.dump_python(inspection.result, mode="json")
    return {**result["grade"], "versions": result["models"], "defects": result["defects"]}


def _look(review: Review) -> dict[str, Any]:
    return {
        "kind": review.kind,
        "blind": review.blind,
        "condition": review.condition,
        "key_id": review.key_id,
        "reviewer": review.reviewer,
        "decided_at": review.decided_at.isoformat(),
        "defects": _defects(review.defects),
        **Remarks.of(review),
    }


def _defects(defects: tuple[ReviewedDefect, ...] | None) -> list[dict[str, Any]] | None:
    return None if defects is None else list(DEFECTS.dump_python(defects, mode="json"))
