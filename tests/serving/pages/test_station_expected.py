"""The station tells what is expected of an RMA, and fills in what the inspector has not."""

from typing import Any

from playwright.sync_api import FilePayload, Page, expect

from tests.serving.pages.test_station_page import grade

SKU = {
    "sku": "BX-1",
    "title": "Gift box",
    "category": "packaging",
    "declared_value": {"amount": 25.0, "currency": "USD"},
    "pieces": [{"name": "ribbon", "quantity": 2}],
}


def tell(service: Any, *rmas: dict[str, Any]) -> None:
    assert service.client.post("/v1/catalogue/skus", json={"items": [SKU]}).status_code == 200
    assert service.client.post("/v1/catalogue/rmas", json={"items": list(rmas)}).status_code == 200


def scan(page: Page, rma: str) -> None:
    page.fill("#rma", rma)
    page.press("#rma", "Enter")


def test_an_rma_fills_in_the_rest_until_the_next_item(page: Page, service: Any, sharp: FilePayload) -> None:
    tell(service, {"rma": "EXP-1", "seller": "acme", "lines": [{"sku": "BX-1", "quantity": 2}]})
    scan(page, "EXP-1")
    expect(page.locator("#rma-note")).to_have_text("Expected from acme: 2 × Gift box (2 × ribbon)")
    given = {"#seller": "acme", "#sku": "BX-1", "#category": "packaging", "#amount": "25"}
    for field, value in given.items():
        expect(page.locator(field)).to_have_value(value)
    expect(page.locator(".views:visible")).to_have_attribute("data-category", "packaging")
    grade(page, "EXP-1", sharp)
    page.click("#next")
    for field in given:
        expect(page.locator(field)).to_have_value("")


def test_an_sku_that_is_entered_fills_in_the_rest_of_its_line(page: Page, service: Any) -> None:
    tell(service, {"rma": "EXP-6", "seller": "acme", "lines": [{"sku": "BX-1"}, {"sku": "MUG"}]})
    scan(page, "EXP-6")
    expect(page.locator("#seller")).to_have_value("acme")
    expect(page.locator("#category")).to_have_value("")
    for sku, category, amount in (("BX-1", "packaging", "25"), ("MUG", "", ""), ("BX-1", "packaging", "25")):
        page.fill("#sku", sku)
        page.press("#sku", "Tab")
        expect(page.locator("#category")).to_have_value(category)
        expect(page.locator("#amount")).to_have_value(amount)
        expect(page.locator("#seller")).to_have_value("acme")


def test_what_the_inspector_chose_stays(page: Page, service: Any) -> None:
    tell(service, {"rma": "EXP-2", "seller": "acme", "lines": [{"sku": "BX-1"}]})
    page.select_option("#category", "footwear")
    scan(page, "EXP-2")
    expect(page.locator("#sku")).to_have_value("BX-1")
    expect(page.locator("#category")).to_have_value("footwear")


def test_another_rma_takes_out_what_the_first_one_filled_in(page: Page, service: Any) -> None:
    tell(service, {"rma": "EXP-3", "seller": "acme", "lines": [{"sku": "BX-1"}]})
    scan(page, "EXP-3")
    expect(page.locator("#sku")).to_have_value("BX-1")
    scan(page, "EXP-NONE")
    expect(page.locator("#rma-note")).to_contain_text("not among the returns that are expected")
    expect(page.locator("#sku")).to_have_value("")
    expect(page.locator("#seller")).to_have_value("")


def test_names_from_the_catalogue_are_text(page: Page, service: Any) -> None:
    evil = {"sku": "<img src=x>", "title": "<b onclick=alert(1)>Mug</b>"}
    assert service.client.post("/v1/catalogue/skus", json={"items": [evil]}).status_code == 200
    tell(service, {"rma": "EXP-4", "lines": [{"sku": "<img src=x>"}]})
    scan(page, "EXP-4")
    expect(page.locator("#rma-note")).to_have_text("Expected: <b onclick=alert(1)>Mug</b>")


def test_after_a_reload_it_is_still_known_what_was_filled_in(page: Page, service: Any) -> None:
    tell(service, {"rma": "EXP-5", "seller": "acme", "lines": [{"sku": "BX-1"}]})
    scan(page, "EXP-5")
    expect(page.locator("#amount")).to_have_value("25")
    kept = """new Promise((found) => {
        const opened = indexedDB.open("regrade.station");
        opened.onsuccess = () => {
            const asked = opened.result.transaction("draft").objectStore("draft").get("draft");
            asked.onsuccess = () => { opened.result.close(); found((asked.result?.filled ?? []).length === 4); };
        };
    })"""
    page.wait_for_function(kept)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#seller")).to_have_value("acme")
    expect(page.locator("#rma-note")).to_contain_text("Expected from acme")
    page.click("[data-language='zh-CN']")
    expect(page.locator("#rma-note")).not_to_contain_text("Expected")
    scan(page, "EXP-NONE")
    for field in ("#seller", "#sku", "#category", "#amount"):
        expect(page.locator(field)).to_have_value("")
