"""Another version takes over while items are being graded: nothing fails, nothing waits, and the disk agrees."""

import errno
import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from regrade.models.errors import BundleError
from regrade.models.grader import Grader
from regrade.models.registry import changes as registry
from regrade.models.registry import files as bundle_files
from regrade.models.registry.store import BundleStore

pytestmark = pytest.mark.slow

NEW = "2099.1.1"
PACKAGING = {"rma": "1", "category": "packaging"}


@pytest.fixture
def own(serve: Any, two_versions: Path, grader: Grader) -> Any:
    """A service on bundles of its own."""
    return serve(grader=Grader.load(two_versions, reuse=grader), bundles_dir=two_versions)


@pytest.fixture
def store(own: Any) -> BundleStore:
    """Its own bundles over those."""
    store: BundleStore = own.runtime.graders.store
    return store


@pytest.fixture
def old(own: Any) -> str:
    """The version of packaging that is active at first."""
    return str(own.runtime.grader.versions["packaging"])


def activate(service: Any, version: str, category: str = "packaging", **body: object) -> httpx.Response:
    answer: httpx.Response = service.client.post(f"/v1/models/{category}/activate", json={"version": version, **body})
    return answer


def grading(service: Any) -> str | None:
    """The version of packaging that `GET /v1/models` says is active."""
    listed = service.client.get("/v1/models").json()["categories"]
    (versions,) = [{v["version"] for v in one["versions"] if v["active"]} for one in listed if is_packaging(one)]
    (active,) = [one["active"] for one in listed if is_packaging(one)]
    assert versions == {active}
    return str(active)


def is_packaging(category: Any) -> bool:
    return bool(category["category"] == "packaging")


def graded_with(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["models"]["packaging"])


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> Iterator[threading.Event]:
    """Within, what is called `name` takes as long as the caller likes; the event is set once it has begun."""
    begun, go_on, real = threading.Event(), threading.Event(), getattr(owner, name)

    def slow(*args: Any, **kwargs: Any) -> Any:
        begun.set()
        assert go_on.wait(20)
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, slow)
        try:
            yield begun
        finally:
            go_on.set()


def test_a_version_grades_from_the_moment_at_which_it_is_activated(
    own: Any, old: str, photo: bytes, store: BundleStore
) -> None:
    assert graded_with(own.post([photo], PACKAGING)) == old
    answer = activate(own, NEW)
    assert (answer.status_code, answer.json()["active"]) == (200, NEW)
    assert {v["version"]: v["active"] for v in answer.json()["versions"]}.items() >= {(old, False), (NEW, True)}
    assert (grading(own), store.active("packaging")) == (NEW, NEW)
    assert graded_with(own.post([photo], PACKAGING)) == NEW


def test_the_log_says_who_did_it_and_why(own: Any, old: str, store: BundleStore) -> None:
    engineer = own.as_role("engineer", "Noor")
    body = {"version": NEW, "reason": "fewer false tears"}
    assert engineer.post("/v1/models/packaging/activate", json=body).status_code == 200
    (done,) = registry.history(store)
    assert (done.category, done.before, done.after, done.reason) == ("packaging", old, NEW, "fewer false tears")
    assert done.by.startswith("Noor (")


def test_swaps_under_load_fail_nothing(own: Any, old: str, render_photo: Any) -> None:
    stopped = threading.Event()

    def bench(number: int) -> list[str]:
        photo, client, seen = render_photo(number), own.as_role("station"), []
        while not stopped.is_set():
            seen.append(graded_with(own.post([photo, photo], PACKAGING, client=client)))
        return seen

    with ThreadPoolExecutor(4) as pool:
        benches = [pool.submit(bench, number) for number in range(4)]
        try:
            for version in (NEW, old, NEW, old, NEW):
                answer = activate(own, version)
                assert (answer.status_code, answer.json()["active"]) == (200, version)
        finally:
            stopped.set()
        versions = [version for bench in benches for version in bench.result()]
    assert set(versions) <= {old, NEW}
    assert len(versions) >= 4


def test_items_are_graded_while_a_version_is_being_loaded(
    own: Any, old: str, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with held(monkeypatch, Grader, "warm_up") as begun:
            swapping = pool.submit(activate, own, NEW)
            assert begun.wait(20)
            assert graded_with(own.post([photo], PACKAGING)) == old
            assert grading(own) == old
            assert not swapping.done()
        assert swapping.result().status_code == 200
    assert graded_with(own.post([photo], PACKAGING)) == NEW


def test_an_item_is_graded_wholly_by_one_grader_which_then_goes(
    serve: Any, two_versions: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = serve(grader=None, bundles_dir=two_versions)
    old, before = own.runtime.grader.versions["packaging"], weakref.ref(own.runtime.grader)
    with ThreadPoolExecutor(1) as pool:
        with held(monkeypatch, own.runtime.grader, "look") as begun:
            item = pool.submit(own.post, [photo, photo], PACKAGING)
            assert begun.wait(20)
            assert activate(own, NEW).status_code == 200
            assert not item.done()
        assert graded_with(item.result()) == old
    own.post([photo], PACKAGING)  # threads keep what they did last until they do something else
    gc.collect()
    assert before() is None


def test_networks_that_both_need_are_loaded_once(own: Any) -> None:
    before = own.runtime.grader
    activate(own, NEW)
    after = own.runtime.grader
    assert after is not before
    assert after._backbones.keys() == before._backbones.keys()
    assert all(after._backbones[digest] is model for digest, model in before._backbones.items())
    assert all(after._detectors[digest] is model for digest, model in before._detectors.items())
    assert after._heads["footwear"].model is before._heads["footwear"].model
    assert after._heads["packaging"].model is not before._heads["packaging"].model


def test_activating_what_was_chosen_does_nothing(own: Any, store: BundleStore) -> None:
    activate(own, NEW)
    before, told = own.runtime.grader, registry.history(store)
    assert (activate(own, NEW).status_code, own.runtime.grader) == (200, before)
    assert registry.history(store) == told


def test_activating_the_default_keeps_it_and_loads_nothing(own: Any, old: str, store: BundleStore) -> None:
    before = own.runtime.grader
    answer = activate(own, old)
    assert (answer.status_code, answer.json()["chosen"], own.runtime.grader) == (200, True, before)
    assert [(one.before, one.after) for one in registry.history(store)] == [(old, old)]


def test_the_router_can_be_activated_too(own: Any) -> None:
    version = own.runtime.grader.versions["_router"]
    answer = activate(own, version, "_router")
    assert (answer.status_code, answer.json()["active"]) == (200, version)


@pytest.mark.parametrize("category", ["shoes", "..", "%2e%2e", "_shared", "."])
def test_an_unknown_category_is_not_found(own: Any, category: str) -> None:
    answer = activate(own, NEW, category)
    assert answer.status_code in (404, 405)
    if category == "shoes":
        assert "packaging" in answer.json()["detail"]


@pytest.mark.parametrize("version", ["2000.1.1", "..", "../footwear/2026.11.1", "ACTIVE"])
def test_an_unknown_version_is_not_found_and_told_which_there_are(own: Any, old: str, version: str) -> None:
    answer = activate(own, version)
    assert (answer.status_code, grading(own)) == (404, old)
    assert old in answer.json()["detail"]
    assert NEW in answer.json()["detail"]


def test_a_spoilt_bundle_is_told_and_the_old_one_stays(own: Any, old: str, photo: bytes, two_versions: Path) -> None:
    (two_versions / "packaging" / NEW / "head.onnx").write_bytes(b"spoilt")
    answer = activate(own, NEW)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:regrade:problem:bundle-spoilt")
    assert "head.onnx" in answer.json()["detail"]
    assert (grading(own), own.runtime.graders.store.active("packaging")) == (old, old)
    assert graded_with(own.post([photo], PACKAGING)) == old
    listed = own.client.get("/v1/models").json()["categories"]
    (faults,) = [{v["version"]: v["fault"] for v in one["versions"]} for one in listed if is_packaging(one)]
    assert (faults[old], "head.onnx" in faults[NEW]) == (None, True)


def test_what_could_not_be_written_does_not_grade(
    own: Any, old: str, store: BundleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise BundleError(f"{store.site} cannot be changed: No space left on device.")

    monkeypatch.setattr(registry, "activate", fail)
    answer = activate(own, NEW)
    assert (answer.status_code, grading(own)) == (409, old)
    assert "No space left" in answer.json()["detail"]


def test_a_bundle_that_finds_no_room_does_not_grade(
    own: Any, old: str, store: BundleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(bundle_files, "write_atomically", fail)
        answer = activate(own, NEW)
        assert (answer.status_code, grading(own), store.active("packaging")) == (507, old, old)
    own.client.get("/healthz")  # which finds that there is room again
    assert activate(own, NEW).json()["active"] == NEW


def test_what_was_written_grades_even_if_its_log_was_not(
    own: Any, store: BundleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(registry, "append_line", fail)
    answer = activate(own, NEW)
    assert (answer.status_code, answer.json()["active"]) == (200, NEW)
    assert (grading(own), store.active("packaging")) == (NEW, NEW)


def test_activations_at_once_come_one_after_the_other(own: Any, old: str, store: BundleStore) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda version: activate(own, version), [NEW, old] * 3))
    assert [answer.status_code for answer in answers] == [200] * 6
    log = registry.history(store, "packaging")
    assert all(a.after == b.before for a, b in pairwise(log))
    assert grading(own) == store.active("packaging") == log[-1].after


def test_only_engineers_activate(own: Any, old: str) -> None:
    for role in ("station", "reviewer"):
        answer = own.as_role(role).post("/v1/models/packaging/activate", json={"version": NEW})
        assert answer.status_code == 403
    assert grading(own) == old


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"version": 1}', b'{"version": "x", "other": 1}'])
def test_a_wrong_request_is_refused(own: Any, body: bytes) -> None:
    assert own.client.post("/v1/models/packaging/activate", content=body).status_code == 422


def test_models_loaded_at_the_start_are_measured(serve: Any, two_versions: Path) -> None:
    started = serve(grader=None, bundles_dir=two_versions)
    from regrade.serving.grading.workload import Prices

    assert started.runtime.admission.costs.prices != Prices()
    assert grading(started) == BundleStore(two_versions).active("packaging")
