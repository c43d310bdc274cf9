"""What a reviewer has entered and not submitted is there when the item comes back: to them, in this browser, alone."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import Error as PlaywrightError
from sqlalchemy import select

from regrade.serving.storage.tables import reviews

Put = Callable[..., list[str]]
Sit = Callable[..., Page]

CHOSEN = "#condition-rows input:checked"


def on_show(page: Page) -> str:
    return str(page.evaluate("document.body.dataset.item"))


def saved(page: Page, count: int) -> None:
    page.wait_for_selector(f"body[data-decided='{count}']", state="attached", timeout=30_000)


def enter(page: Page, condition: str, note: str) -> None:
    """Choose a condition and write a note, without submitting."""
    page.keyboard.press(condition)
    page.fill("#note", note)
    page.keyboard.press("Escape")


def review(page: Page, service: Any, query: str = "") -> Page:
    """Come back to the review."""
    page.goto(f"{service.url}/desk/review{query}")
    page.wait_for_selector("body[data-ready]")
    return page


def crash(page: Page) -> None:
    """End a page at once. One that is closed may still send what it had to, when it is no longer kept offline."""
    with page.expect_event("crash"), suppress(PlaywrightError):
        page.goto("chrome://crash")
    page.close()


def drafts(page: Page) -> list[dict[str, Any]]:
    """What this browser keeps."""
    return [json.loads(text) for text in page.evaluate("Object.values(localStorage)")]


def kept(page: Page, note: str) -> None:
    """Wait until the browser has kept a draft with this note."""
    page.wait_for_function("note => Object.values(localStorage).some((text) => text.includes(note))", arg=note)


def log_in(context: BrowserContext, service: Any, key: str, path: str = "/desk/review") -> Page:
    """Log somebody in where nobody is."""
    page = context.new_page()
    page.goto(f"{service.url}{path}")
    page.fill("#key", key)
    page.press("#key", "Enter")
    page.wait_for_url(f"{service.url}{path}")
    return page


def asked(page: Page) -> list[str]:
    """The dialogs that the page opens from now on."""
    found: list[str] = []
    page.on("dialog", lambda dialog: found.append(dialog.type))
    return found


def test_all_that_was_entered_comes_back_after_a_look_at_the_queue(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service, 1, declared_value={"amount": 90, "currency": "USD"})
    page = sit(service)
    enter(page, "2", "seal cut, nothing missing")
    page.keyboard.press("d")
    action = page.locator("#action-rows input:checked").get_attribute("value")
    page.click("#add-defect")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    page.click("nav a >> nth=0")
    page.wait_for_selector("#start")
    page.click("#start")
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#restored")).to_have_text("Restored as you left it")
    expect(page.locator("#live")).to_contain_text("Restored as you left it")
    expect(page.locator("#note")).to_have_value("seal cut, nothing missing")
    expect(page.locator(CHOSEN)).to_have_value("opened")
    expect(page.locator("#action-rows input:checked")).to_have_value(action or "")
    expect(page.locator("#defect-list li")).to_have_count(2)
    expect(page.locator("#strip button").nth(1)).to_have_attribute("aria-current", "true")
    page.keyboard.press("n")
    saved(page, 1)
    found = service.client.get(f"/v1/inspections/{one}").json()
    assert (found["grade"]["condition"], found["disposition"]["action"]) == ("opened", action)
    assert (found["review"]["decided"]["note"], len(found["defects"])) == ("seal cut, nothing missing", 2)
    assert drafts(page) == []


def test_the_time_before_leaving_counts(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    page = sit(service)
    page.keyboard.press("3")
    page.wait_for_timeout(1500)
    review(page, service)
    page.keyboard.press("n")
    saved(page, 1)
    with service.runtime.database.read() as connection:
        assert connection.execute(select(reviews.c.seconds)).scalar_one() >= 1.5


def test_a_page_loaded_anew_shows_the_item_that_was_left_and_no_older_one(service: Any, put: Put, sit: Sit) -> None:
    first, second, third = put(service, 3)
    page = sit(service, f"/desk/review?inspection_id={second}")
    page.keyboard.press("1")
    page.keyboard.press("n")
    saved(page, 1)
    assert on_show(page) == first
    page.keyboard.press("s")
    page.wait_for_selector(f"body[data-item='{third}']", state="attached")
    enter(page, "4", "worst of all")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert on_show(page) == third
    expect(page.locator("#note")).to_have_value("worst of all")


def test_filters_are_stronger_than_what_was_left(service: Any, put: Put, sit: Sit) -> None:
    put(service, 1, seller="acme")
    [wanted] = put(service, 1, seller="lihua")
    page = sit(service)
    enter(page, "4", "of acme")
    review(page, service, "?seller=lihua")
    assert on_show(page) == wanted
    expect(page.locator("#restored")).to_be_hidden()
    expect(page.locator("#note")).to_have_value("")


def test_a_skipped_item_comes_back_only_when_it_is_asked_for(service: Any, put: Put, sit: Sit) -> None:
    first, second = put(service, 2)
    page = sit(service, f"/desk/review?inspection_id={second}")
    enter(page, "4", "ask the seller")
    page.keyboard.press("s")
    page.wait_for_selector(f"body[data-item='{first}']", state="attached")
    review(page, service)
    assert on_show(page) == first
    review(page, service, f"?inspection_id={second}")
    expect(page.locator("#note")).to_have_value("ask the seller")


def test_what_is_entered_is_kept_at_once_and_not_only_on_leaving(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    page = sit(service)
    enter(page, "3", "worn")
    kept(page, "worn")
    [draft] = drafts(page)
    assert (draft["draft"]["condition"], draft["draft"]["note"]) == ("used", "worn")
    page.keyboard.press("b")
    area = page.locator("#canvas").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 50, area["y"] + 50)
    page.mouse.down()
    page.mouse.move(area["x"] + 150, area["y"] + 150, steps=3)
    page.mouse.up()
    page.wait_for_function("() => JSON.parse(Object.values(localStorage)[0]).draft.defects?.length === 2")


def test_a_decision_that_never_arrived_comes_back_to_be_sent(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    page = sit(service)
    enter(page, "2", "before the crash")
    page.context.set_offline(True)
    page.keyboard.press("n")
    expect(page.locator("#alert")).to_contain_text("not saved yet")
    crash(page)
    context = page.context
    context.set_offline(False)
    again = review(context.new_page(), service)
    assert on_show(again) == one
    expect(again.locator("#note")).to_have_value("before the crash")
    expect(again.locator(CHOSEN)).to_have_value("opened")


def test_a_decision_taken_back_is_kept_again(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    page = sit(service)
    enter(page, "2", "too quick")
    page.keyboard.press("n")
    saved(page, 1)
    assert drafts(page) == []
    page.keyboard.press("u")
    page.wait_for_selector(f"body[data-item='{one}']", state="attached")
    expect(page.locator("#restored")).to_be_hidden()
    kept(page, "too quick")


def test_nobody_else_sees_it_who_logs_in_at_the_same_computer(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    page = sit(service)
    enter(page, "4", "of Ann")
    kept(page, "of Ann")
    context = page.context
    page.close()
    context.clear_cookies()
    other = log_in(context, service, service.key("reviewer", "Bo"), "/desk/quality")
    assert drafts(other) == []
    review(other, service)
    assert on_show(other) == one
    expect(other.locator("#note")).to_have_value("")
    expect(other.locator("#restored")).to_be_hidden()
    assert other.locator(CHOSEN).count() == 0


def test_it_outlives_a_session_that_ends_without_logging_out(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    key = service.key("reviewer", "Ann")
    page = sit(service, key=key)
    enter(page, "4", "the browser was closed")
    context = page.context
    page.close(run_before_unload=True)
    context.clear_cookies()
    again = log_in(context, service, key)
    expect(again.locator("#note")).to_have_value("the browser was closed")


def test_logging_out_asks_first_and_leaves_nothing_behind(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    key = service.key("reviewer", "Ann")
    page = sit(service, key=key)
    enter(page, "4", "half done")
    kept(page, "half done")
    questions = asked(page)
    page.click(".logout button")
    page.wait_for_url("**/desk/login")
    assert questions == ["beforeunload"]
    assert drafts(page) == []
    again = log_in(page.context, service, key)
    again.wait_for_selector("body[data-ready]")
    expect(again.locator("#note")).to_have_value("")


def test_logging_out_on_another_page_leaves_nothing_behind(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    page = sit(service)
    enter(page, "4", "half done")
    page.goto(f"{service.url}/desk/quality")
    assert len(drafts(page)) == 1
    questions = asked(page)
    page.click(".logout button")
    page.wait_for_url("**/desk/login")
    assert (questions, drafts(page)) == ([], [])


def test_nothing_comes_back_of_an_item_that_somebody_else_has_decided(service: Any, put: Put, sit: Sit) -> None:
    [first] = put(service, 1, seller="acme")
    [second] = put(service, 1)
    page = sit(service)
    enter(page, "4", "still thinking")
    page.goto(f"{service.url}/desk")
    other = sit(service, "/desk/review?seller=acme", "Bo")
    assert on_show(other) == first
    other.keyboard.press("1")
    other.keyboard.press("n")
    saved(other, 1)
    review(page, service)
    assert on_show(page) == second
    expect(page.locator("#restored")).to_be_hidden()
    expect(page.locator("#note")).to_have_value("")


def test_a_blind_look_is_kept_without_anything_of_the_models(sampling: Any, put: Put, sit: Sit) -> None:
    put(sampling, 1, blind=True)
    page = sit(sampling)
    enter(page, "4", "crushed")
    page.reload()
    expect(page.locator("#restored")).to_be_visible()
    expect(page.locator("#blind")).to_be_visible()
    [draft] = drafts(page)
    entered = {"condition": "damaged", "action": None, "note": "crushed", "defects": None, "pieces": None, "photo": 0}
    assert draft["draft"] == entered
    assert set(draft) == {"at", "inspection", "aside", "seconds", "draft"}


def test_it_is_told_in_chinese(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    page = sit(service, locale="zh-CN")
    enter(page, "3", "有磨损")
    page.reload()
    expect(page.locator("#restored")).to_have_text("已恢复上次未提交的内容")
    expect(page.locator("#note")).to_have_value("有磨损")
