"""The last items of a station and today's count; items to be read again; labels to be printed again."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

Violations = Callable[[Page], list[str]]


@pytest.fixture
def named(page: Page) -> Page:
    """The station page of a bench that has a name."""
    page.click("#settings-open")
    page.fill("#station-name", "Dock 4")
    page.press("#station-name", "Enter")
    return page


def post(service: Any, photo: bytes, rma: str, amount: float = 40, station: str | None = "Dock 4") -> str:
    value = {"amount": amount, "currency": "USD"}
    item: dict[str, Any] = {"rma": rma, "category": "packaging", "declared_value": value}
    made: str = service.post([photo], item | ({"station": station} if station else {})).json()["id"]
    return made


def look_again(page: Page) -> None:
    """What the page does when somebody comes back to it."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_items_of_this_station_are_listed_newest_first_with_todays_count(
    named: Page, service: Any, sharp: FilePayload
) -> None:
    for rma, station in (("T-1", "Dock 4"), ("T-2", "Dock 5"), ("T-3", "Dock 4")):
        post(service, sharp["buffer"], rma, station=station)
    look_again(named)
    expect(named.locator(".recent-rma")).to_have_text(["T-3", "T-1"])
    expect(named.locator("#today")).to_have_text("2 today")
    expect(named.locator(".recent-word").first).to_have_text("Decide")


def test_at_most_twenty_are_listed_and_all_counted(named: Page, service: Any, sharp: FilePayload) -> None:
    for number in range(22):
        post(service, sharp["buffer"], f"M-{number}")
    look_again(named)
    expect(named.locator(".recent-row")).to_have_count(20)
    expect(named.locator("#today")).to_have_text("22 today")


def test_what_the_desk_decides_arrives(named: Page, service: Any, sharp: FilePayload) -> None:
    post(service, sharp["buffer"], "D-1", amount=900)
    look_again(named)
    expect(named.locator(".recent-word")).to_have_text("Set aside")
    claimed = service.client.post("/v1/reviews/claim").json()
    body = {"lease": claimed["lease"]["token"], "condition": "unopened", "disposition": "clearance"}
    assert service.client.post(f"/v1/reviews/{claimed['inspection']['id']}", json=body).status_code == 200
    look_again(named)
    expect(named.locator(".recent-row.news .recent-word")).to_have_text("Clearance")
    expect(named.locator(".recent-place")).to_contain_text("Decided by a QA lead")
    expect(named.locator("#live")).to_contain_text("D-1: Clearance")


def test_an_item_is_opened_to_be_read_and_its_label_printed_again(
    named: Page, service: Any, sharp: FilePayload, violations: Violations
) -> None:
    made = post(service, sharp["buffer"], "O-1", amount=900)
    look_again(named)
    named.locator(".recent-row").focus()
    named.keyboard.press("Enter")
    shown = named.locator("#earlier-shown")
    expect(shown.locator(".now .rma")).to_have_text("O-1")
    expect(shown.locator(".picture image")).to_have_attribute("href", re.compile("^blob:"))
    expect(shown.locator(".choice")).to_have_count(0)
    assert violations(named) == []
    with named.expect_popup() as popup:
        shown.locator(".label-link").click()
    label = popup.value
    expect(label.locator(".label .label-rma")).to_have_text("O-1")
    expect(label.locator(".label-code path")).to_have_attribute("d", re.compile("^M"))
    assert f"/station/label/{made}" in label.url
    label.click("a[href='?size=62mm']")
    expect(label.locator(".label.size-62mm")).to_be_visible()
    label.close()
    named.keyboard.press("Escape")
    expect(named.locator("#earlier")).to_be_hidden()


def test_keys_that_choose_a_condition_decide_nothing_behind_an_item_that_is_read(
    named: Page, service: Any, sharp: FilePayload
) -> None:
    named.fill("#rma", "K-1")
    named.set_input_files("#files", [sharp])
    named.select_option("#category", "packaging")
    named.click("#grade")
    named.wait_for_selector(".choice")
    named.locator(".recent-row").click()
    expect(named.locator("#earlier-shown .now")).to_be_visible()
    named.keyboard.press("1")
    named.keyboard.press("Escape")
    expect(named.locator(".choice")).to_have_count(4)
    [found] = service.client.get("/v1/inspections", params={"rma": "K-1"}).json()["items"]
    assert found["status"] == "needs_review"


def test_a_page_that_nobody_sees_asks_nothing(named: Page) -> None:
    expect(named.locator("#recent-none")).to_be_visible()
    asked: list[str] = []
    named.on("request", lambda request: asked.append(request.url))
    named.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    look_again(named)
    named.click("[data-language='zh-CN']")
    expect(named.locator("#today")).to_be_visible()
    named.wait_for_timeout(300)
    assert [url for url in asked if "/v1/" in url] == []


def test_a_label_without_a_key_says_where_to_get_it(blank: Page, service: Any) -> None:
    blank.goto(f"{service.url}/station/label/any?size=62mm")
    expect(blank.locator("#message")).to_contain_text("Open this page from the station page")
    expect(blank.locator("#print")).to_be_hidden()
