"""A simulated history of a site, as a data directory holds it: what the desk and its quality page look like in use.

Nothing in it happened. What it says of items, light and people is drawn from `regrade.serving.demo.site`. What the
models say is not: every grade is one that the shipped models gave to the photos shown (`regrade.serving.demo.grades`).
Nor is what becomes of them: the policy decides who must look, the lot draws the blind looks, and every blind look is
claimed and decided through the desk, at its hour. First looks that the model asked for are written straight into the
tables, for there are thousands of them.
"""

import hashlib
import heapq
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from PIL import Image
from sqlalchemy import Table, insert, select

from regrade.models.errors import RegradeError
from regrade.models.types import ItemResult, Quality
from regrade.serving.access.keys import ApiKey, KeyStore
from regrade.serving.base.dispositions import Disposition, Money
from regrade.serving.base.settings import Settings
from regrade.serving.demo.grades import Graded, Progress, grade_all
from regrade.serving.demo.site import PEOPLE, STATIONS, Arrival, Person, Subject, arrivals, seen
from regrade.serving.evidence import Signer
from regrade.serving.inspections.store import InspectionStore, rows_of, standing_columns
from regrade.serving.installation.data_dir import open_database
from regrade.serving.installation.simulated import HISTORY_KEY
from regrade.serving.policy.decide import decide
from regrade.serving.review import Desk, Filters, FirstLooks, Lottery, Verdict
from regrade.serving.review.sampling import Lot
from regrade.serving.rubric.grades import seller_grade
from regrade.serving.rubric.in_force import in_force
from regrade.serving.storage.database import Database
from regrade.serving.storage.photostore import LocalPhotoStore
from regrade.serving.storage.records import Inspection, StoredPhoto
from regrade.serving.storage.reviews import Review, row_of
from regrade.serving.storage.tables import inspections, reviews, tasks

SEED: Final = 10
WAITING: Final = timedelta(hours=3)
"""Items that came in since then still wait for their first look."""
AT_THE_BENCH: Final = 0.6
"""Of the items on which inspectors may decide, the share on which they do; the others they leave to the desk."""
ROWS: Final = 2000
"""Inspections that are written at once."""


@dataclass(frozen=True, slots=True)
class History:
    """What was written: how many inspections, how many of them the model was sure of, how many decisions, and the names
    of the reviewers."""

    inspections: int
    automatic: int
    decisions: int
    reviewers: tuple[str, ...]


def write_history(
    settings: Settings, now: datetime, weeks: int, seed: int = SEED, progress: Progress | None = None
) -> History:
    """Write the `weeks` before `now` into the data directory of `settings`, which no service may be using.

    The same `now`, `weeks` and `seed` make the same history, but for the ids of keys and decisions. `progress` is shown
    the grading of the photos, which takes the longest. Raises
    `RegradeError` where the directory has inspections already: what is made up must not mix with what happened.
    """
    database = open_database(settings)
    try:
        if InspectionStore(database).count():
            raise RegradeError(
                f"{settings.data_dir} has inspections already. A simulated history needs a data directory of its own."
            )
        graded = grade_all(settings.data_dir, seed, progress)
        return _Writer(settings, database, now, seed, graded).write(weeks)
    finally:
        database.close()


class _Lot(Lottery):
    """Draws by what of an id is drawn by lot itself, and not by its moment: a history looks the same every day."""

    def drawn(self, inspection_id: str, kind: Lot, share: float) -> bool:
        return super().drawn(inspection_id[14:], kind, share)


class _Writer:
    """Writes one history. `time` is what the desk's clock says."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        now: datetime,
        seed: int,
        graded: Mapping[Subject, Sequence[Graded]],
    ) -> None:
        self.database = database
        self.graded = graded
        rules = in_force(settings.bundle_store, settings.policy_file, settings.rubric_dir)
        self.policy, self.rubrics = rules.policy, rules.rubrics
        # Not the directory's own secret, so that the same looks are drawn each time.
        lottery = _Lot(hashlib.sha256(f"simulated {seed}".encode()).digest())
        self.lottery = lottery
        self.first_looks = FirstLooks(lambda: rules.policy, lottery)
        self.now = self.time = now
        self.seed = seed
        self.random = np.random.default_rng((seed, 20_000))
        self.desk = Desk(
            database,
            lambda: rules,
            lottery,
            lease=timedelta(minutes=settings.lease_minutes),
            undo=timedelta(seconds=settings.undo_seconds),
            signer=Signer.load(settings.data_dir / "keys"),
            now=lambda: self.time,
        )
        keys = KeyStore(database)
        self.station = keys.create("station", HISTORY_KEY)[1]
        self.benches = {name: keys.create("station", name)[1] for name in STATIONS}
        self.people = [(person, keys.create("reviewer", person.name)[1]) for person in PEOPLE]
        self.photos = _store_photos(LocalPhotoStore(settings.data_dir / "photos"), graded)
        self.truth: dict[str, Arrival] = {}
        self.looks: list[tuple[datetime, str, str]] = []
        """A heap of the blind looks to come: when, of which inspection, of which kind."""
        self.dispositions: dict[tuple[str, str, float, str, str], Disposition] = {}
        self.expected: set[tuple[str, str]] = set()
        self.decided = self.automatic = 0

    def write(self, weeks: int) -> History:
        count, rows = 0, defaultdict[Table, list[dict[str, Any]]](list)
        with self.database.write() as connection:
            for count, arrival in enumerate(arrivals(self.now, weeks, self.seed), 1):
                for table, values in self._rows(arrival).items():
                    rows[table] += values
                if count % ROWS == 0:
                    _flush(connection, rows)
            _flush(connection, rows)
        while self.looks and self.looks[0][0] < self.now:
            self._look(*heapq.heappop(self.looks))
        return History(count, self.automatic, self.decided, tuple(person.name for person in PEOPLE))

    def _rows(self, arrival: Arrival) -> Mapping[Table, list[dict[str, Any]]]:
        """What is stored of one item up to the first look that the model asks for."""
        inspection = self._inspection(arrival)
        first = self.first_looks(inspection)
        rows = rows_of(inspection, first)
        self.automatic += inspection.status == "graded"
        self.truth[inspection.id] = arrival
        for task in rows.get(tasks, ()):
            task["done_at"] = None  # rows that are written together have the same columns
        if first.kind == "sample":
            self._expect(inspection.id, "sample", arrival.at)
        elif first.kind == "unsure" and arrival.at < self.now - WAITING:
            self._first_look(inspection, arrival, rows)
        return rows

    def _first_look(self, inspection: Inspection, arrival: Arrival, rows: dict[Table, list[dict[str, Any]]]) -> None:
        """A decision of somebody who sees the model's grade, or of the inspector at once, by lot before they see it;
        and the second look if the lot falls on the item."""
        (task,) = rows[tasks]
        terms = self.policy.terms(arrival.seller)
        share = terms.quality_control.second_share
        person, key = self.people[self.random.integers(len(self.people))]
        at, blind = arrival.at + timedelta(minutes=float(self.random.uniform(5, 170))), False
        decision = inspection.decision
        if terms.bench and decision and decision.who == "bench" and self.random.random() < AT_THE_BENCH:
            key, at = self.benches[arrival.station], arrival.at + timedelta(seconds=self._seconds(person))
            blind = self.lottery.drawn(inspection.id, "first", terms.bench.first_share)
        condition = seen(self.random, arrival.truth, person, None if blind else inspection.model_condition)
        review = replace(self._review(inspection, task["id"], key, condition, at, person), blind=blind)
        rows[reviews] = [row_of(review)]
        stands = standing_columns(replace(inspection, reviews=(review,)))
        rows[inspections][0] |= {"status": "reviewed", "updated_at": at, **stands}
        task |= {"state": "done", "done_at": at}
        self.decided += 1
        if self.lottery.drawn(inspection.id, "second", share):
            own = {"id": self._id(at), "kind": "second", "state": "open", "created_at": at, "share": share}
            rows[tasks] = [task, {**task, **own, "reason": None, "done_at": None}]
            self._expect(inspection.id, "second", at)

    def _review(
        self, inspection: Inspection, task_id: str, key: ApiKey, condition: str, at: datetime, person: Person
    ) -> Review:
        category, seller, value = (inspection.item[name] for name in ("category", "seller", "declared_value"))
        rubric = self.rubrics.of(category, seller)
        found = ",".join(sorted({defect.type for defect in inspection.result.defects}))
        like = (category, seller, value["amount"], condition, found)
        if like not in self.dispositions:  # once a human has said what it is, little else of the item counts
            declared = Money(value["amount"], value["currency"])
            decision = decide(
                self.policy, inspection.result, declared_value=declared, seller=seller, human_condition=condition
            )
            self.dispositions[like] = decision.disposition
        return Review(
            id=self._id(at),
            inspection_id=inspection.id,
            decided_at=at,
            key_id=key.id,
            reviewer=key.name,
            model_condition=inspection.model_condition,
            condition=condition,
            disposition=self.dispositions[like],
            disposition_source="policy",
            defects=None,
            note=None,
            role=key.role,
            task_id=task_id,
            rubric=None if rubric is None else rubric.label,
            seller_grade=None if rubric is None else seller_grade(rubric, condition, inspection.result.defects),
            seconds=self._seconds(person),
        )

    def _look(self, at: datetime, inspection_id: str, kind: str) -> None:
        """One blind look, through the desk, by somebody who has not decided on the item."""
        self.time = at
        arrival = self.truth[inspection_id]
        filters = Filters(inspection_id=inspection_id)
        for place in self.random.permutation(len(self.people)):
            person, key = self.people[place]
            claimed = self.desk.claim(key, filters)
            if claimed is not None:
                break
        else:
            raise RegradeError(f"Nobody is left for the {kind} look at {inspection_id}.")
        seconds = self._seconds(person)
        self.time = at + timedelta(seconds=seconds)
        verdict = Verdict(seen(self.random, arrival.truth, person, None), seconds=seconds)
        self.desk.decide(inspection_id, claimed.token, key, verdict)
        self.decided += 1
        with self.database.read() as connection:
            opened = select(tasks.c.kind).where(tasks.c.inspection_id == inspection_id, tasks.c.state == "open")
            for following in connection.execute(opened.order_by(tasks.c.kind)).scalars():
                self._expect(inspection_id, following, self.time)

    def _expect(self, inspection_id: str, kind: str, since: datetime) -> None:
        if (inspection_id, kind) in self.expected:
            return
        self.expected.add((inspection_id, kind))
        hours = self.random.uniform(24, 240) if kind == "third" else self.random.uniform(2, 30)
        heapq.heappush(self.looks, (since + timedelta(hours=float(hours)), inspection_id, kind))

    def _seconds(self, person: Person) -> float:
        return float(np.round(person.seconds * self.random.lognormal(0.0, 0.35), 1))

    def _id(self, at: datetime) -> str:
        """A UUID of version 7, as `new_id` makes them, of another moment and the history's own chance."""
        value = int(at.timestamp() * 1000) << 80 | int.from_bytes(self.random.bytes(10))
        value = value & ~(0xF << 76) | 0x7 << 76
        return str(UUID(int=value & ~(0x3 << 62) | 0x2 << 62))

    def _inspection(self, arrival: Arrival) -> Inspection:
        variations = self.graded[arrival.subject]
        shown = variations[int(arrival.variation * len(variations))]
        result = _result(shown, arrival)
        declared = Money(arrival.value, self.policy.currency)
        decision = decide(self.policy, result, declared_value=declared, seller=arrival.seller)
        return Inspection(
            id=self._id(arrival.at),
            created_at=arrival.at,
            status="needs_review" if decision.needs_review else "graded",
            key_id=self.station.id,
            idempotency_key=None,
            body_digest="0" * 64,
            item={
                "rma": f"SIM-{arrival.number:05}",
                "seller": arrival.seller,
                "category": arrival.goods.category,
                "declared_value": {"amount": arrival.value, "currency": self.policy.currency},
                "station": arrival.station,
            },
            result=result,
            decision=decision,
            photos=tuple(replace(self.photos[data], index=at) for at, data in enumerate(shown.photos)),
        )


def _result(shown: Graded, arrival: Arrival) -> ItemResult:
    """What the models say of the item, in the light of its station."""
    return replace(
        shown.result, quality=tuple(Quality(True, (), light) for light in arrival.light[: len(shown.photos)])
    )


def _store_photos(store: LocalPhotoStore, graded: Mapping[Subject, Sequence[Graded]]) -> dict[bytes, StoredPhoto]:
    """Keep the photos that were graded in `store`; the file to what an inspection has of it in the first place."""
    found: dict[bytes, StoredPhoto] = {}
    for data in {data for variations in graded.values() for one in variations for data in one.photos}:
        digest = hashlib.sha256(data).hexdigest()
        with Image.open(io.BytesIO(data)) as photo:
            width, height = photo.size
        store.publish(store.stage([(data, digest)]))
        found[data] = StoredPhoto(0, digest, "image/jpeg", len(data), width, height)
    return found


def _flush(connection: Any, rows: Mapping[Table, list[dict[str, Any]]]) -> None:
    for table, values in rows.items():
        if values:
            connection.execute(insert(table), values)
            values.clear()
