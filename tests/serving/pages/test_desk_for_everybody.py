"""The desk on small screens, by touch, and by what axe-core knows of accessibility."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

Put = Callable[..., list[str]]
Sit = Callable[..., Page]
Violations = Callable[[Page], list[str]]

TABLET = {"viewport": {"width": 1024, "height": 768}, "has_touch": True}


def test_the_pages_are_accessible(sampling: Any, put: Put, sit: Sit, violations: Violations) -> None:
    put(sampling, 2, seller="acme", declared_value={"amount": 40, "currency": "USD"})
    put(sampling, 1, blind=True)
    page = sit(sampling, "/desk")
    found = {"queue": violations(page)}
    page.goto(f"{sampling.url}/desk/review?kind=unsure")
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("4")
    found["item"] = violations(page)
    page.keyboard.press("n")
    page.wait_for_selector("#undo:visible")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    found["help"] = violations(page)
    page.goto(f"{sampling.url}/desk/review?kind=blind")
    page.wait_for_selector("body[data-ready]")
    found["blind"] = violations(page)
    page.click(".logout button")
    page.fill("#key", "wrong")
    page.press("#key", "Enter")
    expect(page.locator("#key-fault")).to_be_visible()
    found["login"] = violations(page)
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("size", [(1366, 768), (1024, 768)])
def test_all_that_a_decision_needs_is_on_the_screen(service: Any, put: Put, sit: Sit, size: tuple[int, int]) -> None:
    long = "S" * 128
    put(service, 1, rma="R" * 128, seller=long, sku=long, station=long)
    page = sit(service, viewport={"width": size[0], "height": size[1]})
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == list(size)
    for name in ("#submit", "#skip", "#condition-rows .choice >> nth=3", "#strip", "#lease", "#rma"):
        box = page.locator(name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= size[0]
        assert box["y"] + box["height"] <= size[1]
    stage = page.locator("#stage").bounding_box()
    assert stage is not None
    assert stage["width"] > 550
    assert stage["height"] > 350


def test_an_item_is_decided_by_touch(service: Any, put: Put, sit: Sit) -> None:
    put(service, 1)
    page = sit(service, **TABLET)
    page.locator("#draw").tap()
    drag = """([from, to]) => {
        const stage = document.getElementById("stage");
        const area = document.getElementById("canvas").getBoundingClientRect();
        const at = ([x, y], kind) => stage.dispatchEvent(new PointerEvent(kind, { pointerId: 9, pointerType: "touch",
            isPrimary: true, bubbles: true, clientX: area.x + x * area.width, clientY: area.y + y * area.height }));
        stage.setPointerCapture = () => {};
        at(from, "pointerdown"); at(to, "pointermove"); at(to, "pointerup");
    }"""
    page.evaluate(drag, [[0.6, 0.6], [0.8, 0.8]])
    expect(page.locator("#defect-list li")).to_have_count(2)
    page.locator("#condition-rows .choice").nth(3).tap()
    page.locator("#submit").tap()
    page.wait_for_selector("body[data-decided='1']", state="attached")
    [look] = service.runtime.desk.looks()
    assert look.condition == "damaged"
    for button in ("#submit", "#skip"):
        assert page.locator(button).evaluate("button => parseFloat(getComputedStyle(button).minHeight)") >= 44


def test_the_queue_fits_a_tablet(service: Any, put: Put, sit: Sit) -> None:
    put(service, 3, seller="S" * 128, sku="K" * 128, rma="R" * 128)
    page = sit(service, "/desk", **TABLET)
    assert page.evaluate("document.documentElement.scrollWidth") == 1024
    expect(page.locator(".table tbody tr")).to_have_count(3)
