"""Rules act on what blind looks show, once, and every step is told of: proposed, canary, promoted, taken back."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from regrade.models.grader import Grader
from regrade.models.types import CONDITIONS
from regrade.serving.access.audit import since
from regrade.serving.storage.records import new_id
from regrade.serving.storage.tables import inspections, reviews, shadow_grades

pytestmark = pytest.mark.slow

NEW = "2099.2.2"
PACKAGING = {"rma": "1", "category": "packaging", "station": "LA-01"}
Serve = Callable[..., Any]


@pytest.fixture
def begin(serve: Serve, with_candidate: Path, grader: Grader, photo: bytes) -> Serve:
    """Starts a service on bundles with a candidate, and puts it in shadow unless told otherwise."""

    def start(*, shadow: bool = True, **settings: Any) -> Any:
        service = serve(grader=Grader.load(with_candidate, reuse=grader), bundles_dir=with_candidate, **settings)
        service.post([photo], PACKAGING)
        if shadow:
            assert service.client.post("/v1/models/packaging/shadow", json={"version": NEW}).status_code == 200
        return service

    return start


def put(
    service: Any, n: int, graded_by: str, beside: str | None, said: str, truth: str, other: str | None = None
) -> None:
    """`n` items that went alone as `said`, of which `beside` thinks `other`, and that turned out as `truth`, blind."""
    now = datetime.now(UTC)
    likely = {c: 0.97 if c == said else 0.01 for c in CONDITIONS}
    with service.runtime.database.write() as connection:
        like = dict(connection.execute(select(inspections).order_by(inspections.c.created_at)).first()._mapping)
        result = json.loads(json.dumps(like["result"]))
        result["models"], result["defects"] = {"packaging": graded_by}, []
        result["grade"] |= {"condition": said, "probabilities": likely, "promised_error": 0.05}
        rows = [
            like
            | {"id": new_id(), "created_at": now + timedelta(microseconds=i), "status": "graded", "sample_share": 1.0}
            | {"result": result, "model_condition": said, "idempotency_key": None}
            for i in range(n)
        ]
        connection.execute(insert(inspections), rows)
        if beside is not None:
            opinion = {c: 0.97 if c == (other or said) else 0.01 for c in CONDITIONS}
            told = {"version": beside, "category": "packaging", "condition": other or said, "probabilities": opinion}
            more = {"defects": [], "action": "refurbish", "alone": True, "loss": 0.1, "closer_missed": False}
            values = [told | more | {"inspection_id": row["id"], "at": row["created_at"]} for row in rows]
            connection.execute(insert(shadow_grades), values)
        look = {"key_id": like["key_id"], "reviewer": "Ann", "model_condition": said, "condition": truth}
        look |= {"disposition": {}, "disposition_source": "policy", "kind": "sample", "blind": True}
        looks = [
            look | {"id": new_id(), "inspection_id": row["id"], "decided_at": now + timedelta(microseconds=i)}
            for i, row in enumerate(rows)
        ]
        connection.execute(insert(reviews), looks)
        if truth != said:  # the tie is broken
            third = [one | {"id": new_id(), "kind": "third"} for one in looks]
            connection.execute(insert(reviews), third)


def step(service: Any) -> None:
    runtime = service.runtime
    runtime.candidates._undo = timedelta(seconds=-60)
    done = asyncio.run_coroutine_threadsafe(runtime.candidates.step(runtime.call), runtime._loop)
    done.result(60)


def trial(service: Any) -> Any:
    answer = service.client.get("/v1/models/packaging/shadow")
    return answer.json() if answer.status_code == 200 else None


def trail(service: Any) -> list[tuple[str, str]]:
    wanted = ("propose", "canary", "activate", "return", "shadow")
    with service.runtime.database.read() as connection:
        found = [entry for entry in since(connection, None) if entry.action in wanted]
    return [(entry.action, entry.name or "") for entry in found if (entry.name or "").startswith("by rule")]


def grading(service: Any) -> str:
    return str(service.runtime.grader.versions["packaging"])


def test_a_candidate_that_is_no_worse_is_proposed_once_and_nothing_else(begin: Serve) -> None:
    service = begin()
    active = grading(service)
    put(service, 20, active, NEW, "opened", "opened")
    step(service)
    assert trial(service)["proposed"] is None
    put(service, 400, active, NEW, "opened", "opened")
    step(service)
    step(service)
    assert (trial(service)["phase"], trial(service)["proposed"] is None) == ("shadow", False)
    assert trail(service) == [("propose", "by rule candidate.no_worse")]
    assert grading(service) == active
    assert 'regrade_trials_total{category="packaging",step="proposed"} 1.0' in service.client.get("/metrics").text


def test_a_worse_one_is_never_proposed(begin: Serve) -> None:
    service = begin()
    put(service, 400, grading(service), NEW, "opened", "opened", other="unopened")
    step(service)
    assert (trial(service)["proposed"], trail(service)) == (None, [])


def test_it_grades_at_the_canarys_stations_and_then_everywhere(begin: Serve, photo: bytes) -> None:
    service = begin(promotion="canary", canary_stations="LA-07, LA-08")
    active = grading(service)
    put(service, 420, active, NEW, "opened", "opened")
    step(service)
    assert trial(service)["phase"] == "canary"
    at = {
        s: service.post([photo], PACKAGING | {"station": s}).json()["models"]["packaging"] for s in ("LA-07", "LA-01")
    }
    assert at == {"LA-07": NEW, "LA-01": active}
    assert service.runtime.shadow.settle()
    with service.runtime.database.read() as connection:
        beside = {row.version for row in connection.execute(select(shadow_grades).where(shadow_grades.c.loss != 0.1))}
    assert beside == {active, NEW}  # each in the other's shadow
    step(service)
    assert grading(service) == active  # what was seen in shadow counts no more
    put(service, 420, NEW, active, "opened", "opened")
    step(service)
    assert (grading(service), trial(service)) == (NEW, None)
    assert [action for action, _ in trail(service)] == ["propose", "canary", "activate"]
    log = service.runtime.graders.store.site / "activations.jsonl"
    assert '"by": "by rule candidate.no_worse"' in log.read_text()


def test_a_canary_that_breaks_a_promise_is_stopped(begin: Serve, photo: bytes) -> None:
    service = begin(promotion="canary", canary_stations="LA-07")
    active = grading(service)
    put(service, 420, active, NEW, "opened", "opened")
    step(service)
    put(service, 40, NEW, active, "opened", "damaged")
    step(service)
    assert trial(service)["phase"] == "stopped"
    assert "promised" in trial(service)["reason"]
    answer = service.post([photo], PACKAGING | {"station": "LA-07"}).json()
    assert answer["models"]["packaging"] == active


def test_an_adapted_bundle_that_breaks_a_promise_gives_way_to_the_one_before(begin: Serve) -> None:
    service = begin(shadow=False)
    before = grading(service)
    service.client.post("/v1/models/packaging/activate", json={"version": NEW})
    put(service, 40, NEW, None, "opened", "opened")
    step(service)
    assert grading(service) == NEW
    put(service, 40, NEW, None, "opened", "damaged")
    step(service)
    assert grading(service) == before
    assert trail(service) == [("return", "by rule promise.broken")]
    assert 'regrade_trials_total{category="packaging",step="returned"} 1.0' in service.client.get("/metrics").text
    (found,) = service.runtime.candidates.returned(datetime(2026, 1, 1, tzinfo=UTC))
    assert (found.version, found.to) == (NEW, before)
    step(service)  # what grades now was trained, and nobody's adaptation
    assert len(trail(service)) == 1


def test_nothing_is_taken_back_where_the_setting_says_so_or_a_promise_holds(begin: Serve) -> None:
    service = begin(shadow=False, auto_return=False)
    service.client.post("/v1/models/packaging/activate", json={"version": NEW})
    put(service, 40, NEW, None, "opened", "damaged")
    step(service)
    assert (grading(service), trail(service)) == (NEW, [])


def test_there_may_be_none_to_go_back_to_and_that_is_said_once(begin: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    service = begin(shadow=False)
    service.client.post("/v1/models/packaging/activate", json={"version": NEW})
    monkeypatch.setattr(service.runtime.candidates, "_back", lambda *_: None)
    put(service, 40, NEW, None, "opened", "damaged")
    step(service)
    step(service)
    assert (grading(service), trail(service)) == (NEW, [("return", "by rule promise.broken")])
