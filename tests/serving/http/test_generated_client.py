"""A client that a stock generator (openapi-python-client) makes of the description does its work, unchanged."""

import importlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PACKAGE = "regrade_client"
NOT_MADE = {
    "PUT /v1/uploads/{sha256}",  # the generator knows no bodies that are photos
    "POST /v1/catalogue/skus",  # nor CSV beside JSON, but makes the operation all the same
    "POST /v1/catalogue/rmas",
    "GET /v1/inspections/{inspection_id}/photos/{index}",  # nor answers that are photos, likewise
    "GET /v1/rubrics/examples/{name}",
    "GET /v1/photos/{inspection_id}/{index}",
}
"""What the generator says that it cannot make, or not in full: media types that it does not know."""


@pytest.fixture
def made(service: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The generated package, as a function of the name of one of its modules."""
    generator = pytest.importorskip("openapi_python_client", reason="`make install-dev` installs it")
    config = importlib.import_module("openapi_python_client.config")
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(service.with_key(None).get("/openapi.json").json()), encoding="utf-8")
    options = config.Config.from_sources(
        config.ConfigFile(post_hooks=[], package_name_override=PACKAGE),
        config.MetaType.NONE,
        document_source=description,
        file_encoding="utf-8",
        overwrite=False,
        output_path=tmp_path / PACKAGE,
    )
    faults = generator.generate(config=options)
    assert {one.header.partition("parsing ")[2].partition(" within")[0] for one in faults} <= NOT_MADE
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}".rstrip("."))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def operation(made: Any, tag: str, name: str) -> ModuleType:
    """The module of an operation, by the beginning of its name."""
    folder = Path(made(f"api.{tag}").__file__).parent
    (found,) = folder.glob(f"{name}.py")
    module: ModuleType = made(f"api.{tag}.{found.stem}")
    return module


def test_it_grades_lists_decides_and_reads_what_went_wrong(made: Any, service: Any, photo: bytes) -> None:
    models, types, client = made("models"), made("types"), made("").AuthenticatedClient
    create = operation(made, "inspections", "create_v1_inspections_post").sync_detailed
    item = {"rma": "R-1", "category": "packaging", "declared_value": {"amount": 900, "currency": "USD"}}

    def post(item: dict[str, Any], **more: Any) -> Any:
        file = types.File(payload=io.BytesIO(photo), file_name="a.jpg", mime_type="image/jpeg")
        body = models.CreateV1InspectionsPostFilesBody(photos=[file], item=models.Item.from_dict(item))
        return create(client=station, body=body, **more)

    with client(base_url=service.url, token=service.key("station")) as station:
        first = post(item, idempotency_key="k-1")
        assert (first.status_code, first.parsed.status.value) == (201, "needs_review")
        assert set(first.parsed.grade.probabilities.to_dict()) == {"unopened", "opened", "used", "damaged"}
        assert post(item, idempotency_key="k-1").parsed.id == first.parsed.id

        refused = post({"rma": ""})
        assert refused.status_code == 422
        assert [one.field for one in refused.parsed.errors] == ["rma"]
        assert post(item, idempotency_key="k" * 200).parsed.title == "Invalid Idempotency-Key"

        page = operation(made, "inspections", "list_inspections_v1_inspections_get").sync(client=station, rma="R-1")
        assert ([one.id for one in page.items], page.next_cursor) == ([first.parsed.id], None)
        missing = operation(made, "catalogue", "find_sku_v1_catalogue_skus_get").sync(client=station, sku="none")
        assert missing.status == 404

    with client(base_url=service.url, token=service.key("reviewer")) as reviewer:
        claimed = operation(made, "review", "claim_v1_reviews_claim_post").sync(client=reviewer)
        said = models.ReviewIn(lease=claimed.lease.token, condition=models.ReviewInCondition("damaged"))
        decide = operation(made, "review", "decide_v1_reviews_inspection_id_post").sync
        decided = decide(claimed.inspection.id, client=reviewer, body=said)
        assert (decided.status.value, decided.grade.condition) == ("reviewed", "damaged")

    with client(base_url=service.url, token=service.key("admin")) as admin:
        events = operation(made, "events", "read_v1_events_get").sync(client=admin)
        assert [one.type_.value for one in events.items] == ["inspection.graded", "inspection.decided"]
