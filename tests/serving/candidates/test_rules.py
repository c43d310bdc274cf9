"""Rules act on what blind looks show, once, and every step is told of: proposed, canary, promoted, taken back."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from regrade.models.grader import Grader
from regrade.serving.access.audit import since
from regrade.serving.storage.tables import shadow_grades

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


def test_a_candidate_that_is_no_worse_is_proposed_once_and_nothing_else(begin: Serve, put_judged: Any) -> None:
    service = begin()
    active = grading(service)
    put_judged(service, 20, active, NEW, "opened", "opened")
    step(service)
    assert trial(service)["proposed"] is None
    put_judged(service, 400, active, NEW, "opened", "opened")
    step(service)
    step(service)
    assert (trial(service)["phase"], trial(service)["proposed"] is None) == ("shadow", False)
    assert trail(service) == [("propose", "by rule candidate.no_worse")]
    assert grading(service) == active
    assert 'regrade_trials_total{category="packaging",step="proposed"} 1.0' in service.client.get("/metrics").text


def test_a_worse_one_is_never_proposed(begin: Serve, put_judged: Any) -> None:
    service = begin()
    put_judged(service, 400, grading(service), NEW, "opened", "opened", other="unopened")
    step(service)
    assert (trial(service)["proposed"], trail(service)) == (None, [])


def test_it_grades_at_the_canarys_stations_and_then_everywhere(begin: Serve, photo: bytes, put_judged: Any) -> None:
    service = begin(promotion="canary", canary_stations="LA-07, LA-08")
    active = grading(service)
    put_judged(service, 420, active, NEW, "opened", "opened")
    step(service)
    assert trial(service)["phase"] == "canary"
    at = {
        s: service.post([photo], PACKAGING | {"station": s}).json()["models"]["packaging"] for s in ("LA-07", "LA-01")
    }
    assert at == {"LA-07": NEW, "LA-01": active}
    assert service.runtime.shadow.settle(180)
    with service.runtime.database.read() as connection:
        beside = {row.version for row in connection.execute(select(shadow_grades).where(shadow_grades.c.loss != 0.1))}
    assert beside == {active, NEW}  # each in the other's shadow
    step(service)
    assert grading(service) == active  # what was seen in shadow counts no more
    put_judged(service, 420, NEW, active, "opened", "opened")
    step(service)
    assert (grading(service), trial(service)) == (NEW, None)
    assert [action for action, _ in trail(service)] == ["propose", "canary", "activate"]
    log = service.runtime.graders.store.site / "activations.jsonl"
    assert '"by": "by rule candidate.no_worse"' in log.read_text()


def test_a_canary_that_breaks_a_promise_is_stopped(begin: Serve, photo: bytes, put_judged: Any) -> None:
    service = begin(promotion="canary", canary_stations="LA-07")
    active = grading(service)
    put_judged(service, 420, active, NEW, "opened", "opened")
    step(service)
    put_judged(service, 40, NEW, active, "opened", "damaged")
    step(service)
    assert trial(service)["phase"] == "stopped"
    assert "promised" in trial(service)["reason"]
    answer = service.post([photo], PACKAGING | {"station": "LA-07"}).json()
    assert answer["models"]["packaging"] == active


def test_an_adapted_bundle_that_breaks_a_promise_gives_way_to_the_one_before(begin: Serve, put_judged: Any) -> None:
    service = begin(shadow=False)
    before = grading(service)
    service.client.post("/v1/models/packaging/activate", json={"version": NEW})
    put_judged(service, 40, NEW, None, "opened", "opened")
    step(service)
    assert grading(service) == NEW
    put_judged(service, 40, NEW, None, "opened", "damaged")
    step(service)
    assert grading(service) == before
    assert trail(service) == [("return", "by rule promise.broken")]
    assert 'regrade_trials_total{category="packaging",step="returned"} 1.0' in service.client.get("/metrics").text
    (found,) = service.runtime.candidates.returned(datetime(2026, 1, 1, tzinfo=UTC))
    assert (found.version, found.to) == (NEW, before)
    step(service)  # what grades now was trained, and nobody's adaptation
    assert len(trail(service)) == 1


def test_nothing_is_taken_back_where_the_setting_says_so_or_a_promise_holds(begin: Serve, put_judged: Any) -> None:
    service = begin(shadow=False, auto_return=False)
    service.client.post("/v1/models/packaging/activate", json={"version": NEW})
    put_judged(service, 40, NEW, None, "opened", "damaged")
    step(service)
    assert (grading(service), trail(service)) == (NEW, [])


def test_a_broken_promise_is_told_of_once_whoever_acts_on_it(begin: Serve, put_judged: Any) -> None:
    service = begin(shadow=False, auto_return=False)
    active = grading(service)
    put_judged(service, 40, active, None, "opened", "damaged")
    for _ in range(2):
        service.runtime.candidates._all_at = 0.0  # an hour later
        step(service)
    told = service.client.get("/v1/events", params={"type": "promise.broken"}).json()["items"]
    assert told
    promises = [(one["data"]["category"], one["data"]["version"], one["data"]["promise"]) for one in told]
    assert len(promises) == len(set(promises))
    assert {one[:2] for one in promises} == {("packaging", active)}
    assert all(one["data"]["found"] > one["data"]["promised"] for one in told)


def test_there_may_be_none_to_go_back_to_and_that_is_said_once(
    begin: Serve, put_judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = begin(shadow=False)
    service.client.post("/v1/models/packaging/activate", json={"version": NEW})
    monkeypatch.setattr(service.runtime.candidates, "_back", lambda *_: None)
    put_judged(service, 40, NEW, None, "opened", "damaged")
    step(service)
    step(service)
    assert (grading(service), trail(service)) == (NEW, [("return", "by rule promise.broken")])


def test_the_newest_adapted_bundle_goes_into_shadow_by_itself_and_once(
    serve: Serve, with_adapted: Path, grader: Grader, photo: bytes
) -> None:
    service = serve(grader=Grader.load(with_adapted, reuse=grader), bundles_dir=with_adapted)
    service.post([photo], PACKAGING)
    step(service)
    begun = trial(service)
    assert (begun["version"], begun["phase"], begun["by"]) == (NEW, "shadow", "by rule candidate.adapted")
    assert trail(service) == [("shadow", "by rule candidate.adapted")]
    service.client.delete("/v1/models/packaging/shadow")
    step(service)  # whoever ended it is not asked again
    assert (trial(service), len(trail(service))) == (None, 1)


def test_no_trial_begins_by_itself_where_rules_are_off(
    serve: Serve, with_adapted: Path, grader: Grader, photo: bytes
) -> None:
    service = serve(grader=Grader.load(with_adapted, reuse=grader), bundles_dir=with_adapted, promotion="off")
    service.post([photo], PACKAGING)
    step(service)
    assert (trial(service), trail(service)) == (None, [])


def test_what_was_judged_against_another_bundle_or_trained_is_not_tried_by_itself(begin: Serve) -> None:
    service = begin(shadow=False)
    step(service)
    assert (trial(service), trail(service)) == (None, [])
