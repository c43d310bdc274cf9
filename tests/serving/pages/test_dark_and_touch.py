"""Every page by night, by what axe-core knows of contrast; targets for fingers; codes read whole on a phone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

Put = Callable[..., list[str]]
Sit = Callable[..., Page]
Violations = Callable[[Page], list[str]]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SMALL = """() => [...document.querySelectorAll(
    "button, select, summary, a.button, input:not([type=hidden], [type=radio])")]
  .filter((node) => node.checkVisibility() && !node.closest(".unseen"))
  .filter((node) => node.getBoundingClientRect().height < 43.5)
  .map((node) => `${node.tagName} ${node.id || node.className} ${node.getBoundingClientRect().height}`)"""
GROUND = "getComputedStyle(document.documentElement).backgroundColor"


def grade(page: Page, rma: str, photo: FilePayload) -> None:
    page.fill("#rma", rma)
    page.select_option("#category", "packaging")
    page.fill("#amount", "40")
    page.set_input_files("#files", [photo])
    page.click("#grade")
    page.wait_for_selector("#result:visible")


def test_the_station_is_dark_where_the_system_is(
    page: Page, service: Any, sharp: FilePayload, violations: Violations
) -> None:
    bright = page.evaluate(GROUND)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(GROUND) != bright
    found = {"empty": violations(page)}
    grade(page, "N-1", sharp)
    page.click(".more summary")
    found["asked"] = violations(page)
    page.keyboard.press("1")
    expect(page.locator(".now.put")).to_be_visible()
    found["decided"] = violations(page)
    page.goto(f"{service.url}/")
    found["home"] = violations(page)
    assert found == {name: [] for name in found}


def test_the_desk_is_dark_where_the_system_is(service: Any, put: Put, sit: Sit, violations: Violations) -> None:
    [one, _] = put(service, 2, seller="acme", declared_value={"amount": 40, "currency": "USD"})
    page = sit(service, "/desk", color_scheme="dark")
    found = {"queue": violations(page)}
    page.goto(f"{service.url}/desk/review")
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("4")
    found["review"] = violations(page)
    page.goto(f"{service.url}/desk/items/{one}")
    expect(page.locator("#model")).to_be_visible()
    found["item"] = violations(page)
    page.goto(f"{service.url}/desk/quality")
    found["quality"] = violations(page)
    page.click(".logout button")
    expect(page.locator("#key")).to_be_visible()
    found["login"] = violations(page)
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("path", ["/desk", "/desk/review", "/desk/items/{one}"])
def test_targets_at_the_desk_are_large_enough_for_fingers(service: Any, put: Put, sit: Sit, path: str) -> None:
    [one] = put(service, 1)
    page = sit(service, "/desk", **PHONE)
    page.goto(f"{service.url}{path.format(one=one)}")
    if path == "/desk/review":
        page.wait_for_selector("body[data-ready]")
        expect(page.locator("#defect-list li")).to_have_count(1)
    assert page.evaluate("matchMedia('(pointer: coarse)').matches")
    assert page.evaluate(SMALL) == []


def test_targets_at_the_station_are_large_enough_for_fingers(page: Page, sharp: FilePayload) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    grade(page, "T-1", sharp)
    page.locator(".recent-row").wait_for()
    page.click("#settings-open")
    assert page.evaluate(SMALL) == []


def test_an_rma_is_not_wrapped_on_a_phone(service: Any, put: Put, sit: Sit) -> None:
    rma = "RMA-2026-1129-000000007"
    [one] = put(service, 1, rma=rma, sku="SKU-1-2-3-4-5-6-7-8-9", seller="S" * 128)
    page = sit(service, "/desk", **PHONE)
    lines = "node => node.getBoundingClientRect().height / parseFloat(getComputedStyle(node).lineHeight)"
    assert page.locator(".table strong").evaluate(lines) < 1.5
    assert page.locator(".table strong").inner_text() == rma
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.goto(f"{service.url}/desk/items/{one}")
    assert page.locator("h1").evaluate("node => node.getBoundingClientRect().height") < 40
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    tools, head = page.locator(".tools").bounding_box(), page.locator(".bar").bounding_box()
    assert tools is not None
    assert head is not None
    assert tools["y"] >= head["y"] + head["height"]
