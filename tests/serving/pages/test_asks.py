"""Asking at the desk and answering at the station, in a real browser against the real service."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Request, Route, expect

Put = Callable[..., list[str]]
Sit = Callable[..., Page]
Violations = Callable[[Page], list[str]]

NAME = "Bench 4"


def stored(service: Any, inspection_id: str) -> dict[str, Any]:
    found: dict[str, Any] = service.client.get(f"/v1/inspections/{inspection_id}").json()
    return found


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where somebody wants to look at them."""
    if folder := os.environ.get("REGRADE_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def sent(page: Page) -> None:
    page.wait_for_selector("body[data-decided='1']", state="attached")


def ask_over_api(service: Any, inspection_id: str, **asked: Any) -> None:
    reviewer = service.as_role("reviewer", "Ann")
    lease = reviewer.post("/v1/reviews/claim").json()["lease"]["token"]
    answer = reviewer.post(f"/v1/reviews/{inspection_id}", json={"lease": lease, **asked})
    assert answer.status_code == 200


def test_photos_are_asked_for_by_key_with_the_views_of_the_category(
    service: Any, put: Put, sit: Sit, violations: Violations
) -> None:
    (one,) = put(service, station=NAME)
    page = sit(service)
    page.keyboard.press("r")
    expect(page.locator("#ask-heading")).to_have_text("Ask for photos")
    assert page.locator("input[name=view]").count() > 2
    page.locator("input[name=view]").first.check()
    page.fill("#ask-note", "The torn corner, please.")
    picture(page, "desk-ask")
    assert violations(page) == []
    page.keyboard.press("Control+Enter")
    expect(page.locator("#empty-title")).to_have_text("All done")
    expect(page.locator("#undo-text")).to_contain_text("photos asked for")
    sent(page)
    told = stored(service, one)["ask"]
    assert (told["kind"], told["note"], len(told["views"])) == ("photos", "The torn corner, please.", 1)
    page.goto(f"{service.url}/desk")
    expect(page.locator("#away")).to_contain_text("The torn corner, please.")
    picture(page, "desk-queue-away")


def test_what_was_asked_can_be_taken_back(service: Any, put: Put, sit: Sit) -> None:
    (one,) = put(service)
    page = sit(service)
    page.keyboard.press("x")
    page.click("#ask-form .primary")
    sent(page)
    page.keyboard.press("u")
    page.wait_for_selector(f"body[data-item='{one}']", state="attached")
    assert "ask" not in stored(service, one)
    page.keyboard.press("e")
    page.keyboard.press("Escape")
    expect(page.locator("#ask")).to_be_hidden()
    assert "ask" not in stored(service, one)


def test_it_is_handed_to_a_reviewer_who_is_told_why(service: Any, put: Put, sit: Sit) -> None:
    (one,) = put(service)
    bob_key = service.key("reviewer", "Bob")
    page = sit(service)
    page.keyboard.press("e")
    page.select_option("#ask-assignee", "Bob")
    page.fill("#ask-note", "You know these.")
    page.click("#ask-form .primary")
    sent(page)
    assert stored(service, one)["ask"]["assignee"] == "Bob"
    other = sit(service, key=bob_key)
    expect(other.locator("#why")).to_contain_text("Ann handed it to Bob. “You know these.”")


def test_at_a_blind_look_no_photos_are_asked_for(sampling: Any, put: Put, sit: Sit) -> None:
    put(sampling, blind=True)
    page = sit(sampling)
    expect(page.locator("#ask-photos")).to_be_disabled()
    page.keyboard.press("r")
    expect(page.locator("#ask")).to_be_hidden()


@pytest.fixture
def bench(page: Page) -> Page:
    """The station page of a station with a name."""
    page.click("#settings-open")
    page.fill("#station-name", NAME)
    page.press("#station-name", "Enter")
    return page


def test_the_station_is_told_what_the_desk_asks_and_answers_with_a_photo(
    service: Any, put: Put, bench: Page, sharp: FilePayload, violations: Violations
) -> None:
    one, other = put(service, 2, station=NAME)
    ask_over_api(service, one, ask="photos", note="The torn corner, please.")
    bench.reload()
    strip = bench.locator("#asked")
    expect(strip).to_contain_text("Ann asks for another photo")
    expect(strip).to_contain_text("The torn corner, please.")
    picture(bench, "station-asked")
    assert violations(bench) == []
    with bench.expect_file_chooser() as chooser:
        strip.locator("button.primary").click()
    chooser.value.set_files([sharp])
    expect(strip).to_contain_text("It is before the desk again")
    found = stored(service, one)
    assert (found["revision"], len(found["photos"]), "ask" in found) == (2, 3, False)
    assert stored(service, other)["revision"] == 1


def test_what_is_asked_about_an_item_of_no_station_is_shown_at_every_one(
    service: Any, put: Put, bench: Page, sharp: FilePayload
) -> None:
    (one,) = put(service)
    ask_over_api(service, one, ask="photos")
    bench.reload()
    strip = bench.locator("#asked")
    expect(strip).to_contain_text("names no station")
    picture(bench, "station-asked-of-all")
    with bench.expect_file_chooser() as chooser:
        strip.locator("button.primary").click()
    chooser.value.set_files([sharp])
    expect(strip).to_contain_text("It is before the desk again")
    assert stored(service, one)["revision"] == 2


def test_the_station_answers_with_a_note_on_a_phone_in_chinese(service: Any, put: Put, bench: Page) -> None:
    (one,) = put(service, station=NAME)
    ask_over_api(service, one, ask="photos")
    bench.set_viewport_size({"width": 390, "height": 844})
    bench.reload()
    bench.click("[data-language='zh-CN']")
    strip = bench.locator("#asked")
    expect(strip).to_contain_text("请补拍照片")
    picture(bench, "station-asked-phone-zh")
    strip.locator("button.secondary").click()
    bench.fill("#asked-note", "已用胶水粘合。")
    bench.keyboard.press("Enter")
    expect(strip).to_contain_text("已提交")
    assert stored(service, one)["asks"][0]["ended"]["note"] == "已用胶水粘合。"


def test_a_note_that_cannot_be_sent_stays_and_goes_in_a_second_try(service: Any, put: Put, bench: Page) -> None:
    (one,) = put(service, station=NAME)
    ask_over_api(service, one, ask="photos")
    bench.reload()
    strip = bench.locator("#asked")
    strip.locator("button.secondary").click()
    bench.fill("#asked-note", "Glued.")
    bench.click("[data-language='zh-CN']")
    expect(bench.locator("#asked-note")).to_have_value("Glued.")
    bench.click("[data-language='en']")
    bench.context.set_offline(True)
    bench.press("#asked-note", "Enter")
    expect(strip).to_contain_text("Not sent: the service cannot be reached. Your answer is kept")
    expect(bench.locator("#asked-note")).to_have_value("Glued.")
    bench.context.set_offline(False)
    bench.press("#asked-note", "Enter")
    expect(strip).to_contain_text("It is before the desk again")
    assert stored(service, one)["asks"][0]["ended"]["note"] == "Glued."


def test_photos_that_cannot_be_sent_stay_and_are_stored_once(
    service: Any, put: Put, bench: Page, sharp: FilePayload
) -> None:
    (one,) = put(service, station=NAME)
    ask_over_api(service, one, ask="photos")
    lost: list[str] = []

    def lose(route: Route, request: Request) -> None:
        lost.append(request.headers["idempotency-key"])
        route.fetch()  # it arrives, and its answer does not
        route.abort()

    bench.route("**/photos", lose, times=1)
    bench.reload()
    strip = bench.locator("#asked")
    with bench.expect_file_chooser() as chooser:
        strip.locator("button.primary").click()
    chooser.value.set_files([sharp])
    expect(strip).to_contain_text("Your answer is kept on this page")
    strip.get_by_role("button", name="Send the photos taken: 1").click()
    expect(strip).to_contain_text("It is before the desk again")
    found = stored(service, one)
    assert (len(lost), found["revision"], len(found["photos"])) == (1, 2, 3)


def test_what_is_asked_of_another_station_is_not_shown(service: Any, put: Put, bench: Page) -> None:
    (one,) = put(service, station="Bench 9")
    ask_over_api(service, one, ask="photos")
    bench.reload()
    bench.wait_for_selector("body[data-ready]")
    expect(bench.locator("#asked")).to_be_hidden()


def test_a_photo_taken_again_mends_the_same_inspection(
    service: Any, page: Page, sharp: FilePayload, blurred: FilePayload, stored_of: Callable[[str], list[Any]]
) -> None:
    page.fill("#rma", "R-7")
    page.select_option("#category", "packaging")
    page.set_input_files("#files", [sharp, blurred])
    page.click("#grade")
    page.wait_for_selector(".retake-card")
    with page.expect_file_chooser() as chooser:
        page.locator(".retake-card button").click()
    chooser.value.set_files([sharp])
    page.click("#grade")
    page.wait_for_selector("#result .halves, #result .bench-question")
    (one,) = stored_of("R-7")
    assert (one["revision"], one["revisions"][0]["status"], len(one["photos"])) == (2, "retake", 2)


@pytest.fixture
def stored_of(stored: Callable[[str], list[Any]]) -> Callable[[str], list[Any]]:
    """All inspections of one RMA."""
    return stored


def test_one_tap_grades_it_as_what_it_looks_like(
    service: Any, page: Page, sharp: FilePayload, stored_of: Callable[[str], list[Any]]
) -> None:
    page.fill("#rma", "R-8")
    page.select_option("#category", "electronics")
    page.set_input_files("#files", [sharp])
    page.click("#grade")
    tap = page.locator("#other-category button")
    expect(tap).to_be_visible()
    picture(page, "station-other-category")
    tap.click()
    expect(page.locator("#other-category")).to_have_count(0)
    expect(page.locator(".category-line, .bench-question").first).to_be_visible()
    (one,) = stored_of("R-8")
    assert (one["revision"], one["revisions"][1]["cause"]) == (2, "category")


def test_the_item_page_shows_revisions_and_asks(service: Any, put: Put, sit: Sit, demo_photos: list[bytes]) -> None:
    (one,) = put(service, station=NAME)
    ask_over_api(service, one, ask="photos", note="The torn corner, please.")
    files = [("photos", ("0.jpg", demo_photos[0], "image/jpeg"))]
    assert service.client.post(f"/v1/inspections/{one}/photos", files=files).status_code == 201
    page = sit(service, f"/desk/items/{one}", name="Eve", role="engineer")
    expect(page.locator("#asks")).to_contain_text("Ann asked the station for photos.")
    expect(page.locator("#revisions")).to_contain_text("Graded anew with other photos.")
    assert page.locator(".former img").count() == 2
    expect(page.locator("#trail")).to_contain_text("as revision 2")
    picture(page, "desk-item-history")
