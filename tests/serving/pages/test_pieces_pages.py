"""All of it? Ticked off at the station and corrected at the desk: by tap, by stepper and by key."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import FilePayload, Page, expect

from tests.serving.pages.test_station_page import grade

PIECES = [{"name": "charger", "codes": ["LH-90"]}, {"name": "cable", "quantity": 2}, {"name": "<b>manual</b>"}]


def expect_mouse(service: Any) -> None:
    skus = [{"sku": "MOUSE", "category": "packaging", "pieces": PIECES}]
    assert service.client.post("/v1/catalogue/skus", json={"items": skus}).status_code == 200
    rmas = [{"rma": "P-1", "lines": [{"sku": "MOUSE"}]}]
    assert service.client.post("/v1/catalogue/rmas", json={"items": rmas}).status_code == 200


def test_the_inspector_ticks_what_is_there_and_decides(
    page: Page, service: Any, stored: Any, sharp: FilePayload, violations: Callable[..., list[str]]
) -> None:
    expect_mouse(service)
    grade(page, "P-1", sharp)
    pieces = page.locator(".pieces")
    expect(pieces).to_contain_text("Nobody has looked yet")
    expect(page.locator(".piece")).to_have_count(3)
    for box in [one.bounding_box() for one in page.locator(".pieces button").all()]:
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    page.get_by_role("button", name="One more: cable").click()
    page.get_by_role("button", name="charger").click()
    expect(pieces.locator("output")).to_have_text("1 of 2")
    expect(page.get_by_role("button", name="charger")).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []

    page.locator(".choice").nth(1).click()
    expect(pieces).to_contain_text("Missing: cable, <b>manual</b>.")
    [item] = stored("P-1")
    assert [one["name"] for one in item["pieces"]["missing"]] == ["cable", "<b>manual</b>"]


def test_one_tap_or_key_says_that_all_is_there_where_nobody_decides_at_the_bench(
    page: Page, service: Any, stored: Any, sharp: FilePayload, intercept: Any
) -> None:
    expect_mouse(service)
    service.client.post(
        "/v1/catalogue/rmas",
        json={
            "items": [{"rma": "P-2", "lines": [{"sku": "MOUSE", "declared_value": {"amount": 900, "currency": "USD"}}]}]
        },
    )
    grade(page, "P-2", sharp)
    expect(page.locator(".choices")).to_have_count(0)
    page.locator("#outcome-heading").click()
    page.keyboard.press("a")
    expect(page.locator(".pieces.complete")).to_contain_text("Counted by")
    [item] = stored("P-2")
    assert (item["pieces"]["state"], item["status"]) == ("complete", "needs_review")


def test_a_reviewer_corrects_the_count(
    page: Page, service: Any, stored: Any, sharp: FilePayload, sit: Any, violations: Callable[..., list[str]]
) -> None:
    expect_mouse(service)
    grade(page, "P-1", sharp)
    desk = sit(service)
    desk.goto(f"{service.url}/desk/review")
    desk.locator("#pieces summary").click()
    desk.locator("#pieces .pieces-all").click()
    desk.get_by_role("button", name="charger").click()
    expect(desk.locator("#reasons")).to_contain_text("Missing: charger; that takes $")
    assert violations(desk) == []

    desk.reload()
    expect(desk.get_by_role("button", name="charger")).to_have_attribute("aria-pressed", "false")
    expect(desk.locator("#pieces output")).to_have_text("2 of 2")
    desk.keyboard.press("2")
    desk.keyboard.press("n")
    expect(desk.locator("body")).to_have_attribute("data-decided", "1")
    [item] = stored("P-1")
    assert [one["name"] for one in item["pieces"]["missing"]] == ["charger"]
    desk.goto(f"{service.url}/desk/items/{item['id']}")
    expect(desk.locator("#pieces .incomplete")).to_contain_text("Missing: charger.")
