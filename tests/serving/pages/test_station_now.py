"""What to do with the item now: one word, one bin, one colour with a shape; a sound; the rest folded away."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from regrade.serving.policy.schema import SHIPPED_BINS

Intercept = Callable[..., None]
Violations = Callable[[Page], list[str]]

PUT = {"state": "put", "action": "repackage", "bin": {"name": "Shelf 12", "colour": "blue"}}
REVIEWED = {"required": False, "reasons": [], "who": "nobody", "first": False}
LISTEN = """
  window.heard = []; window.trembled = [];
  const real = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () { window.heard.push("note"); return real.call(this); };
  navigator.vibrate = (pattern) => window.trembled.push(pattern);
"""


def grade(page: Page, rma: str, *photos: FilePayload, amount: str = "40") -> None:
    page.fill("#rma", rma)
    page.select_option("#category", "packaging")
    page.fill("#amount", amount)
    page.set_input_files("#files", list(photos))
    page.click("#grade")
    page.wait_for_selector("#result:visible")


def answer_with(intercept: Intercept, page: Page, **changes: Any) -> None:
    def handle(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=json.dumps(response.json() | changes))

    intercept(page, re.compile(r"/v1/inspections$"), handle)


def test_what_the_bench_is_asked_has_no_bin_and_what_it_decides_has_one(page: Page, sharp: FilePayload) -> None:
    grade(page, "N-1", sharp)
    expect(page.locator(".now.decide.no-bin .now-word")).to_have_text("Decide")
    expect(page.locator(".now-place")).to_have_count(0)
    page.keyboard.press("1")
    expect(page.locator(".now.put .now-word")).to_have_text("Relist")
    expect(page.locator(".now-place")).to_have_text("BinNew stock")
    expect(page.locator(".now.bin-green .shape path")).to_have_count(1)


def test_what_the_desk_decides_is_set_aside(page: Page, sharp: FilePayload) -> None:
    grade(page, "N-2", sharp, amount="900")
    expect(page.locator(".now.aside.bin-grey .now-word")).to_have_text("Set aside")
    expect(page.locator(".now-place")).to_contain_text(SHIPPED_BINS["aside"].name.en)
    page.click("[data-language='zh-CN']")
    expect(page.locator(".now-word")).to_have_text("暂放")
    expect(page.locator(".now-place")).to_contain_text("待判定区")


def test_a_retake_says_which_photo(page: Page, sharp: FilePayload, blurred: FilePayload) -> None:
    grade(page, "N-3", sharp, blurred)
    expect(page.locator(".now.retake .now-word")).to_have_text("Retake")
    expect(page.locator(".now-place")).to_have_text("Photo 2")


@pytest.mark.parametrize("size", [(820, 1180), (1180, 820), (1366, 768)], ids=["tablet", "wide tablet", "desktop"])
def test_the_word_can_be_read_at_arms_length(
    page: Page, sharp: FilePayload, intercept: Intercept, size: tuple[int, int]
) -> None:
    answer_with(intercept, page, status="graded", now=PUT, review=REVIEWED)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    grade(page, "N-4", sharp)
    height = "node => parseFloat(getComputedStyle(node).fontSize)"
    assert page.locator(".now-word").evaluate(height) >= 48
    assert page.locator(".now-place").evaluate(height) >= 28


@pytest.mark.parametrize("name", ["W" * 64, "待" * 64])
def test_the_longest_name_of_a_bin_stays_on_a_phone(
    page: Page, sharp: FilePayload, intercept: Intercept, name: str
) -> None:
    answer_with(
        intercept, page, status="graded", now=PUT | {"bin": {"name": name, "colour": "yellow"}}, review=REVIEWED
    )
    page.set_viewport_size({"width": 390, "height": 844})
    grade(page, "R" * 128, sharp)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_details_are_folded_away_until_somebody_opens_them(
    page: Page, sharp: FilePayload, violations: Violations
) -> None:
    grade(page, "N-5", sharp)
    expect(page.locator(".reasons")).to_be_hidden()
    expect(page.locator(".provenance")).to_be_hidden()
    page.locator(".more summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".reasons")).to_be_visible()
    assert violations(page) == []
    page.click("#next")
    grade(page, "N-6", sharp)
    expect(page.locator(".reasons")).to_be_visible()


def test_sound_is_off_until_it_is_turned_on_and_then_remembered(page: Page, sharp: FilePayload) -> None:
    page.add_init_script(LISTEN)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    grade(page, "N-7", sharp)
    assert page.evaluate("window.heard") == []
    assert page.evaluate("window.trembled") == [[30, 40, 30, 40, 30]]
    page.click("#sound")
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    grade(page, "N-8", sharp)
    assert len(page.evaluate("window.heard")) == 3
    page.keyboard.press("1")
    expect(page.locator("#bench-done")).to_be_visible()
    assert len(page.evaluate("window.heard")) == 5


def test_nothing_trembles_where_less_motion_is_asked_for(page: Page, sharp: FilePayload) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.add_init_script(LISTEN)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    grade(page, "N-9", sharp)
    assert page.evaluate("window.trembled") == []


def test_a_bin_name_with_markup_stays_text(page: Page, sharp: FilePayload, intercept: Intercept) -> None:
    attack = "<img src=x onerror=alert(1)>"
    answer_with(intercept, page, status="graded", now=PUT | {"bin": {"name": attack, "colour": "red"}}, review=REVIEWED)
    grade(page, "N-10", sharp)
    expect(page.locator(".now-place")).to_contain_text(attack)
    assert page.locator(".now img").count() == 0
