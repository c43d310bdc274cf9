"""The catalogue over HTTP: imported whole or not at all, and what a station leaves out of an item is filled in."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from regrade.serving.catalogue.entries import SkuEntry
from regrade.serving.cli.main import build_app

pytestmark = pytest.mark.slow

SKU = {
    "sku": "BX-1",
    "title": "Gift box",
    "category": "packaging",
    "declared_value": {"amount": 25.0, "currency": "USD"},
    "pieces": [{"name": "lid"}, {"name": "ribbon", "quantity": 2}],
}
RMA = {"rma": "R-1", "seller": "acme", "order": "O-1", "lines": [{"sku": "BX-1", "quantity": 2}]}


def put(service: Any, skus: list[Any], rmas: list[Any]) -> None:
    if skus:
        assert service.client.post("/v1/catalogue/skus", json={"items": skus}).status_code == 200
    assert service.client.post("/v1/catalogue/rmas", json={"items": rmas}).status_code == 200


def test_what_was_imported_is_found_and_replaced(service: Any) -> None:
    put(service, [SKU], [RMA])
    found = service.client.get("/v1/catalogue/rmas", params={"rma": "R-1"}).json()
    (one,) = found["items"]
    assert (one["seller"], one["order"], found["any"]) == ("acme", "O-1", True)
    (line,) = one["lines"]
    assert (line["sku"], line["quantity"], line["title"], line["category"]) == ("BX-1", 2, "Gift box", "packaging")
    pieces = [(piece["name"], piece["quantity"], piece["codes"]) for piece in line["pieces"]]
    assert pieces == [("lid", 1, []), ("ribbon", 2, [])]
    put(service, [], [RMA | {"lines": []}])
    again = service.client.get("/v1/catalogue/rmas", params={"rma": "R-1"}).json()
    assert [entry["lines"] for entry in again["items"]] == [[]]
    assert service.client.get("/v1/catalogue/skus", params={"sku": "BX-1"}).json()["title"] == "Gift box"


def test_what_nobody_told_of_is_not_known(service: Any) -> None:
    assert service.client.get("/v1/catalogue/rmas", params={"rma": "R-9"}).json() == {"items": [], "any": False}
    put(service, [], [RMA])
    assert service.client.get("/v1/catalogue/rmas", params={"rma": "R-9"}).json() == {"items": [], "any": True}
    missing = service.client.get("/v1/catalogue/skus", params={"sku": "none"})
    assert (missing.status_code, "Import it" in missing.json()["detail"]) == (404, True)
    assert service.client.delete("/v1/catalogue/rmas", params={"rma": "R-1", "seller": "acme"}).status_code == 204
    assert service.client.delete("/v1/catalogue/rmas", params={"rma": "R-1", "seller": "acme"}).status_code == 404


def test_a_category_that_nothing_grades_is_told_of(service: Any) -> None:
    answer = service.client.post("/v1/catalogue/skus", json={"items": [SKU | {"category": "toys"}]})
    assert answer.json() == {"stored": 1, "categories_unknown": ["toys"]}


def test_an_import_with_a_fault_stores_nothing(service: Any) -> None:
    bodies: tuple[dict[str, Any], ...] = (
        {"items": [SKU, {"sku": ""}]},
        {"items": []},
        {"items": [SKU, SKU]},
        {"items": [SKU] * 2_001},
    )
    for body in bodies:
        refused = service.client.post("/v1/catalogue/skus", json=body)
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert service.client.get("/v1/catalogue/skus", params={"sku": "BX-1"}).status_code == 404


def test_a_table_is_taken_as_it_is(service: Any) -> None:
    kind = {"Content-Type": "text/csv; charset=utf-8"}
    table = "sku,title,value,currency\nA-1,Mug,9.5,USD\nA-2,Cup,,\n"
    done = service.client.post("/v1/catalogue/skus", content=table.encode(), headers=kind)
    assert done.json() == {"stored": 2, "categories_unknown": []}
    refused = service.client.post("/v1/catalogue/rmas", content=b"rma,colour\nR-1,red\n", headers=kind)
    assert (refused.status_code, "colour" in refused.json()["detail"]) == (422, True)
    empty = service.client.post("/v1/catalogue/rmas", content=b"rma\n", headers=kind)
    assert empty.status_code == 422
    large = service.client.post("/v1/catalogue/skus", content=b"sku\n" + b"x" * (2 * 1024 * 1024), headers=kind)
    assert large.status_code == 413


def test_what_a_station_leaves_out_is_filled_in(service: Any, photo: bytes) -> None:
    put(service, [SKU], [RMA])
    made = service.post([photo], {"rma": "R-1"}).json()
    assert made["item"] == {
        "rma": "R-1",
        "seller": "acme",
        "sku": "BX-1",
        "category": "packaging",
        "declared_value": {"amount": 25.0, "currency": "USD"},
    }
    assert made["category"]["source"] == "declared"


def test_what_a_station_says_stands(service: Any, photo: bytes) -> None:
    put(service, [SKU], [RMA])
    said = {"rma": "R-1", "seller": "acme", "sku": "OTHER", "category": "footwear"}
    assert service.post([photo], said).json()["item"] == said
    # Of another seller's return with this number nothing is known.
    assert service.post([photo], {"rma": "R-1", "seller": "globex"}).json()["item"] == {
        "rma": "R-1",
        "seller": "globex",
    }


def test_nothing_is_filled_in_where_there_is_a_doubt(service: Any, photo: bytes) -> None:
    put(service, [SKU, SKU | {"sku": "BX-2", "title": None}], [RMA, RMA | {"seller": "globex"}])
    assert service.post([photo], {"rma": "R-1"}).json()["item"] == {"rma": "R-1"}
    both = RMA | {"rma": "R-2", "lines": [{"sku": "BX-1"}, {"sku": "BX-2"}]}
    put(service, [], [both])
    assert service.post([photo], {"rma": "R-2"}).json()["item"] == {"rma": "R-2", "seller": "acme"}
    named = service.post([photo], {"rma": "R-2", "sku": "BX-2"}).json()["item"]
    assert (named["seller"], named["category"]) == ("acme", "packaging")


def test_what_cannot_be_graded_or_valued_here_is_not_filled_in(service: Any, photo: bytes) -> None:
    odd = SKU | {"category": "toys", "declared_value": {"amount": 3.0, "currency": "XAU"}}
    put(service, [], [RMA])
    refused = service.client.post("/v1/catalogue/skus", json={"items": [odd]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "items.0.declared_value.currency")
    # The policy may have had a rate for it when it was imported.
    service.runtime.catalogue.keep_skus([SkuEntry.model_validate(odd)])
    assert service.post([photo], {"rma": "R-1"}).json()["item"] == {"rma": "R-1", "seller": "acme", "sku": "BX-1"}


def test_a_request_that_is_sent_again_is_the_same_whatever_the_catalogue_says_now(service: Any, photo: bytes) -> None:
    put(service, [SKU], [RMA])
    first = service.post([photo], {"rma": "R-1"}, **{"Idempotency-Key": "k-1"})
    put(service, [SKU | {"category": None}], [RMA | {"lines": []}])
    again = service.post([photo], {"rma": "R-1"}, **{"Idempotency-Key": "k-1"})
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_erasing_an_item_forgets_what_was_expected_of_its_return(service: Any, photo: bytes) -> None:
    put(service, [SKU], [RMA, RMA | {"seller": "globex"}])
    made = service.post([photo], {"rma": "R-1", "seller": "acme"}).json()
    assert service.client.delete(f"/v1/inspections/{made['id']}").status_code in (200, 204)
    assert service.client.get("/v1/catalogue/rmas", params={"rma": "R-1", "seller": "acme"}).json()["items"] == []
    # Of another seller's return with the same number nothing was erased.
    others = service.client.get("/v1/catalogue/rmas", params={"rma": "R-1"}).json()["items"]
    assert [one["seller"] for one in others] == ["globex"]


def test_what_is_expected_stays_while_another_item_of_the_return_does(service: Any, photo: bytes) -> None:
    put(service, [SKU], [RMA])
    made = [service.post([photo], {"rma": "R-1", "seller": "acme"}).json()["id"] for _ in range(2)]
    for one, left in zip(made, (1, 0), strict=True):
        assert service.client.delete(f"/v1/inspections/{one}").status_code in (200, 204)
        expected = service.client.get("/v1/catalogue/rmas", params={"rma": "R-1", "seller": "acme"}).json()["items"]
        assert len(expected) == left


def test_the_command_line_imports_and_shows(service: Any, tmp_path: Path) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(build_app(), [*words, "--data-dir", str(service.settings.data_dir)])

    table = tmp_path / "rmas.csv"
    table.write_text("rma,seller,sku\nR-7,acme,A\nR-7,acme,B\n", encoding="utf-8")
    assert "Stored 1 rmas" in run("catalogue", "import", "rmas", str(table)).output
    assert '"sku": "B"' in run("catalogue", "show", "R-7").output
    assert run("catalogue", "show", "R-8").exit_code == 1
    assert service.client.get("/v1/catalogue/rmas", params={"rma": "R-7"}).json()["items"][0]["seller"] == "acme"
