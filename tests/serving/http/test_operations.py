import asyncio
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from regrade.models.errors import BundleError
from regrade.serving.base.errors import BusyError, DataDirError
from regrade.serving.base.settings import Settings
from regrade.serving.runtime import Runtime

pytestmark = pytest.mark.slow


def test_a_warm_service_is_ready_and_well(service: Any) -> None:
    client = service.with_key(None)
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/healthz").json() == {
        "status": "ok",
        "version": version("regrade"),
        "checks": {"models": "ok", "database": "ok", "photos": "ok", "disk": "ok", "descriptors": "ok"},
        "reasons": {},
    }


def test_until_the_models_are_warm_it_is_not_ready(service: Any, photo: bytes) -> None:
    warm, service.runtime._pipeline = service.runtime._pipeline, None
    try:
        assert service.client.get("/v2/health/live").status_code == 200
        assert service.client.get("/v2/health/ready").status_code == 503
        assert service.client.get("/healthz").json()["status"] == "starting"
        refused = service.post([photo])
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    finally:
        service.runtime._pipeline = warm


def test_a_database_that_does_not_answer_is_told(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def fail() -> None:
        raise OperationalError("SELECT 1", {}, OSError("disk I/O error"))

    monkeypatch.setattr(service.runtime.database, "ping", fail)
    answer = service.client.get("/healthz")
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "failing")


def test_what_happens_is_counted(service: Any, photo: bytes) -> None:
    made = service.post([photo], {"rma": "1", "category": "footwear"}, key="k").json()
    service.post([photo], {"rma": "1", "category": "footwear"}, key="k")
    service.post([b""])
    text = service.client.get("/metrics").text
    (version,) = made["models"].values()
    condition = made["grade"]["condition"]
    for line in (
        f'regrade_inspections_total{{category="footwear",status="{made["status"]}"}} 1.0',
        f'regrade_graded_total{{category="footwear",condition="{condition}",version="{version}"}} 1.0',
        "regrade_replayed_total 1.0",
        'regrade_problems_total{type="photo-empty"} 1.0',
        'regrade_http_responses_total{method="POST",route="/v1/inspections",status="201"} 1.0',
        'regrade_stage_seconds_count{stage="decode"} 1.0',
        'regrade_stage_seconds_count{stage="store"} 1.0',
        "regrade_inspections_in_flight 0.0",
        "regrade_bytes_in_flight 0.0",
    ):
        assert line in text


def test_paths_do_not_become_labels(service: Any) -> None:
    service.client.get("/v1/inspections/some-id")
    service.client.get("/no/such/path")
    text = service.client.get("/metrics").text
    assert 'route="/v1/inspections/{inspection_id}"' in text
    assert "some-id" not in text
    assert "/no/such/path" not in text


def test_models_tell_versions_metrics_and_card(service: Any) -> None:
    categories = service.client.get("/v1/models").json()["categories"]
    assert [one["category"] for one in categories] == sorted(service.runtime.grader.categories)
    for one in categories:
        assert one["active"] in [version["version"] for version in one["versions"]]
        assert one["versions"][0]["metrics"]
        assert one["versions"][0]["card"]


def test_the_documentation_needs_nothing_from_outside(service: Any) -> None:
    client = service.with_key(None)
    page = client.get("/docs").text
    assert "https://" not in page
    assert client.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200


def test_the_description_covers_the_body_and_the_problems(service: Any) -> None:
    schema = service.client.get("/openapi.json").json()
    post = schema["paths"]["/v1/inspections"]["post"]
    form = post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"photos", "item"}
    assert "rma" in schema["components"]["schemas"]["Item"]["properties"]
    assert {"200", "201", "401", "403", "409", "413", "415", "422", "503"} <= set(post["responses"])
    for status in ("401", "413", "422"):
        assert set(post["responses"][status]["content"]) == {"application/problem+json"}
    review = schema["paths"]["/v1/reviews/{inspection_id}"]["post"]["requestBody"]
    forms = [{"$ref": f"#/components/schemas/{name}"} for name in ("ReviewIn", "AskIn")]
    assert review["content"]["application/json"]["schema"] == {"oneOf": forms}


def test_every_reference_of_the_description_leads_somewhere(service: Any) -> None:
    schema = service.client.get("/openapi.json").json()

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [one for inner in value.values() for one in references(inner)]
        return [one for inner in value for one in references(inner)] if isinstance(value, list) else []

    found = {reference.removeprefix("#/components/schemas/") for reference in references(schema)}
    assert found <= set(schema["components"]["schemas"])


def test_a_second_service_on_the_same_data_is_refused(service: Any) -> None:
    with pytest.raises(DataDirError, match="already using"):
        Runtime(service.settings)


def test_unfinished_uploads_of_a_crash_are_removed_on_start(serve: Any, tmp_path: Path) -> None:
    left = tmp_path / "old" / "photos" / "tmp" / "half"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    serve(tmp_path / "old")
    assert not left.exists()


def test_models_that_cannot_be_loaded_are_an_error(tmp_path: Path) -> None:
    runtime = Runtime(Settings(_env_file=None, data_dir=tmp_path / "data", bundles_dir=tmp_path))
    try:
        with pytest.raises(BundleError):
            asyncio.run(runtime.load_grader(None))
        with pytest.raises(BusyError):
            _ = runtime.pipeline
    finally:
        runtime.close()


def test_head_is_answered_as_get_is_without_the_content(service: Any, photo: bytes) -> None:
    made = service.post([photo]).json()
    photos = f"/v1/inspections/{made['id']}/photos/0"
    for path in ("/healthz", "/v2/health/live", "/v2/health/ready", "/station", photos, f"{photos}?width=100"):
        get, head = service.client.get(path), service.client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(get.content))
    assert service.client.head("/v1/nothing").status_code == 404


def test_models_say_by_which_arithmetic_they_are_run(service: Any) -> None:
    used = service.client.get("/v1/models").json()["arithmetic"]
    assert used["precision"] == "int8"
    assert used["kernels"] in ("u8s8", "u8u8")
    assert used["description"].startswith("INT8 by")


def test_metrics_say_by_which_arithmetic_they_are_run(service: Any) -> None:
    kernels = service.client.get("/v1/models").json()["arithmetic"]["kernels"]
    line = f'regrade_arithmetic_info{{kernels="{kernels}",precision="int8"}} 1.0'
    assert line in service.client.get("/metrics").text
