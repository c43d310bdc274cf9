import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from regrade.serving.telemetry.metrics import STAGES, Metrics

DOCUMENT = Path(__file__).parents[3] / "serving" / "METRICS.md"
ITEM = {"rma": "RMA-4711", "seller": "acme-of-springfield", "sku": "S-9", "category": "packaging", "station": "bench 3"}


def documented() -> dict[str, tuple[str, set[str]]]:
    """Type and labels of every metric in METRICS.md."""
    rows = re.findall(
        r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def scraped(service: Any) -> str:
    text: str = service.client.get("/metrics").text
    return text


def value(text: str, name: str, **labels: str) -> float:
    """The value of one sample, 0 where there is none."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return next((s.value for s in samples if s.name == name and s.labels == labels), 0.0)


@pytest.fixture
def busy(service: Any, photo: bytes, render_photo: Any) -> Any:
    """A service that has graded, refused, replayed, asked for a retake, and been asked for what is not there."""
    service.post([photo, render_photo(1)], ITEM, key="one")
    service.post([photo, render_photo(1)], ITEM, key="one")
    service.post([render_photo(2, (120, 90))], ITEM)
    service.post([b"no photo"], ITEM)
    service.client.get("/v1/inspections/none")
    return service


def test_every_metric_is_documented_and_every_documented_one_is_there(busy: Any) -> None:
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", scraped(busy), re.MULTILINE))
    assert types == {name: kind for name, (kind, _) in documented().items()}


def test_labels_are_as_documented(busy: Any) -> None:
    known = documented()
    for family in text_string_to_metric_families(scraped(busy)):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == known[name][1], sample.name


def test_every_reason_to_refuse_is_documented() -> None:
    code = "".join(path.read_text("utf-8") for path in DOCUMENT.parent.rglob("*.py"))
    reasons = set(re.findall(r'(?:BusyError\(\s*|refused\.labels\()"(\w+)"', code))
    (row,) = re.findall(r"^\| `regrade_refused_total` .*$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert reasons == set(re.findall(r"`(\w+)`", row)) - {"regrade_refused_total", "reason"}


def test_the_stages_of_the_document_are_those_there_are() -> None:
    table = DOCUMENT.read_text("utf-8").partition("## Stages")[2].partition("## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \| (?:item|photo)", table, re.MULTILINE)) == STAGES


def test_every_stage_is_timed_once_for_each_item_or_photo(service: Any, render_photo: Any) -> None:
    service.post([render_photo(seed) for seed in range(3)], ITEM)
    text = scraped(service)
    counts = {name: value(text, "regrade_stage_seconds_count", stage=name) for name in STAGES}
    detected = counts.pop("detect")
    assert detected <= 3  # only where it can change the grade or prove a box
    of_photos = ("decode", "codes", "gate", "classify")
    assert counts == {name: 3 if name in of_photos else 1 for name in STAGES if name != "detect"}
    assert set(re.findall(r'stage="(\w+)"', text)) == set(STAGES)
    whole = value(text, "regrade_stage_seconds_sum", stage="total")
    assert all(value(text, "regrade_stage_seconds_sum", stage=name) <= whole for name in ("read", "queue", "store"))


def test_nothing_of_an_item_or_its_seller_becomes_a_label(busy: Any) -> None:
    text = scraped(busy)
    for private in ("RMA-4711", "acme-of-springfield", "S-9", "bench 3"):
        assert private not in text


def test_more_items_make_no_more_series(service: Any, photo: bytes) -> None:
    lines = []
    for number in range(4):
        made = service.post([photo], ITEM | {"rma": f"R{number}", "seller": f"seller {number}"}).json()
        service.client.get(f"/v1/inspections/{made['id']}")
        lines.append(scraped(service).count("\n"))
    # The first scrape does not count itself.
    assert lines[1] == lines[2] == lines[3]


def test_odd_methods_share_one_series(service: Any) -> None:
    for method in ("PROPFIND", "MKCOL", "LOCK"):
        service.client.request(method, "/v1/inspections")
    text = scraped(service)
    assert value(text, "regrade_http_responses_total", method="other", route="/v1/inspections", status="405") == 3
    assert "PROPFIND" not in text


def test_what_models_do_is_told_by_version(service: Any, photo: bytes) -> None:
    made = service.post([photo], ITEM).json()
    (version,) = made["models"].values()
    text, model = scraped(service), {"category": "packaging", "version": version}
    assert value(text, "regrade_model_items_total", **model, status=made["status"]) == 1
    assert value(text, "regrade_confidence_sum", **model) == pytest.approx(made["grade"]["confidence"], abs=1e-5)


def test_a_swapped_model_takes_the_place_of_the_old_one() -> None:
    metrics = Metrics()
    metrics.serve_models({"packaging": "2026.11.1", "footwear": "2026.11.1"})
    metrics.serve_models({"packaging": "2026.11.2", "footwear": "2026.11.1"})
    text = metrics.text().decode()
    assert value(text, "regrade_model_info", category="packaging", version="2026.11.2") == 1
    assert value(text, "regrade_model_info", category="footwear", version="2026.11.1") == 1
    assert 'category="packaging",version="2026.11.1"' not in text


def test_the_active_models_are_told(service: Any) -> None:
    text = scraped(service)
    for one in service.client.get("/v1/models").json()["categories"]:
        assert value(text, "regrade_model_info", category=one["category"], version=one["active"]) == 1


def test_an_idle_service_is_ready_and_has_no_backlog(service: Any, photo: bytes) -> None:
    service.post([photo], ITEM)
    text = scraped(service)
    assert value(text, "regrade_ready") == 1
    for name in ("backlog_core_seconds", "predicted_wait_seconds", "inspections_active", "inspections_in_flight"):
        assert value(text, f"regrade_{name}") == 0
    assert value(text, "regrade_cost_factor") > 0


def test_the_process_is_measured(service: Any) -> None:
    text = scraped(service)
    assert value(text, "process_resident_memory_bytes") > 50e6
    assert value(text, "process_cpu_seconds_total") > 0
    assert 0 < value(text, "process_open_fds") < value(text, "process_max_fds")


def test_a_stage_that_fails_is_timed_too() -> None:
    metrics = Metrics()
    with pytest.raises(ZeroDivisionError), metrics.stage("fuse") as fuse:
        _ = 1 / 0
    assert value(metrics.text().decode(), "regrade_stage_seconds_count", stage="fuse") == 1
    assert value(metrics.text().decode(), "regrade_stage_seconds_sum", stage="fuse") == pytest.approx(fuse.seconds)


def test_two_applications_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.observe("decode", 0.003)
    assert value(one.text().decode(), "regrade_stage_seconds_count", stage="decode") == 1
    assert value(other.text().decode(), "regrade_stage_seconds_count", stage="decode") == 0
