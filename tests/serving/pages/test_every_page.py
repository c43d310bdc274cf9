"""Every page at every size, by day and by night: axe-core finds nothing, and nothing is wider than the screen."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

Put = Callable[..., list[str]]
Sit = Callable[..., Page]
Findings = Callable[[Page], list[str]]

pytestmark = pytest.mark.slow

SCREENS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "tablet": {"viewport": {"width": 820, "height": 1180}, "has_touch": True},
    "desktop": {"viewport": {"width": 1366, "height": 768}},
}
DESK = (
    "/desk",
    "/desk/items",
    "/desk/items/{one}",
    "/desk/seller",
    "/desk/seller/items/{one}",
    "/desk/review",
    "/desk/quality",
    "/desk/models",
    "/",
)
RESULTS = ("/desk/results", "/desk/results/figures")


@pytest.fixture
def findings(violations: Callable[..., list[str]]) -> Findings:
    """What is wrong with a page: all that axe-core finds, however light, and that it scrolls sideways."""

    def look(page: Page) -> list[str]:
        found = violations(page, every=True)
        viewport = page.viewport_size
        assert viewport is not None
        if (width := page.evaluate("document.documentElement.scrollWidth")) > viewport["width"]:
            found.append(f"it is {width} pixels wide")
        return found

    return look


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_is_found_at_the_desk(
    service: Any, put: Put, sit: Sit, findings: Findings, screen: str, scheme: str
) -> None:
    one, *_ = put(service, 2, seller="acme", declared_value={"amount": 40, "currency": "USD"})
    page = sit(service, "/desk", role="admin", color_scheme=scheme, **SCREENS[screen])
    page.set_default_timeout(60_000)  # the pages of figures look at all there is
    found = {}
    for path in (*DESK, *RESULTS):
        page.goto(f"{service.url}{path.format(one=one)}")
        page.wait_for_load_state("networkidle")
        found[path] = findings(page)
    page.goto(f"{service.url}/desk")
    page.click(".logout button")
    expect(page.locator("#key")).to_be_visible()
    found["login"] = findings(page)
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_is_found_at_the_station(
    chromium: Browser, service: Any, station_key: str, sharp: FilePayload, blurred: FilePayload, findings: Findings,
    screen: str, scheme: str,
) -> None:  # fmt: skip
    context = chromium.new_context(color_scheme=scheme, locale="en-US", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{service.url}/station")
    page.wait_for_selector("body[data-ready]")
    found = {"key": findings(page)}
    page.fill("#key", station_key)
    page.press("#key", "Enter")
    found["empty"] = findings(page)
    grade(page, "E-1", sharp)
    found["question"] = findings(page)
    page.click("#mark")
    page.wait_for_selector(".kinds")
    found["marked"] = findings(page)
    page.locator(".kinds .quiet").click()
    page.locator(".choice.said").click()
    page.wait_for_selector("#bench-done")
    page.click(".more summary")
    found["decided"] = findings(page)
    page.click("#next")
    grade(page, "E-2", blurred)
    found["again"] = findings(page)
    made = service.client.get("/v1/inspections", params={"rma": "E-1"}).json()["items"][0]["id"]
    page.goto(f"{service.url}/station/label/{made}")
    page.wait_for_load_state("networkidle")
    found["label"] = findings(page)
    context.close()
    assert found == {name: [] for name in found}


def grade(page: Page, rma: str, photo: FilePayload) -> None:
    page.fill("#rma", rma)
    page.select_option("#category", "packaging")
    page.set_input_files("#files", [photo])
    page.click("#grade")
    page.wait_for_selector("#result:visible")
