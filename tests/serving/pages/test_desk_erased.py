"""What was erased, at the desk: a reviewer goes on with the next item, and nothing of it stays in the browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

Put = Callable[..., list[str]]
Sit = Callable[..., Page]

DRAFTS = "Object.keys(localStorage).filter((name) => name.startsWith('regrade.draft.')).length"


def erase(service: Any, inspection_id: str) -> None:
    assert service.client.delete(f"/v1/inspections/{inspection_id}", params={"reason": "asked for"}).status_code == 200


def test_a_decision_on_what_was_erased_meanwhile_is_refused_in_words(service: Any, put: Put, sit: Sit) -> None:
    first, second = put(service, 2)
    page = sit(service)
    page.keyboard.press("3")
    page.keyboard.press("c")
    page.keyboard.type("a note")
    erase(service, first)
    page.keyboard.press("Enter")
    expect(page.locator("#alert")).to_contain_text("was erased on")
    expect(page.locator("#rma")).to_have_text("RMA-02")
    expect(page.locator("#undo")).to_be_hidden()
    assert page.evaluate(DRAFTS) == 0
    assert service.runtime.inspections.get(second).status == "needs_review"


@pytest.mark.parametrize(("locale", "words"), [("en-US", "were erased by first"), ("zh-CN", "已由 first 删除")])
def test_the_page_of_an_erased_item_tells_that_and_shows_no_photo(
    service: Any, put: Put, sit: Sit, violations: Callable[[Page], list[str]], locale: str, words: str
) -> None:
    [one] = put(service)
    erase(service, one)
    page = sit(service, f"/desk/items/{one}", locale=locale)
    expect(page.locator("#erased")).to_contain_text(words)
    expect(page.locator("#erased")).to_contain_text("asked for")
    expect(page.locator("#trail")).to_contain_text("first")
    expect(page.locator(".viewer")).to_have_count(0)
    assert violations(page) == []
