"""Deciding at the bench, in a real browser against the real service."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

Violations = Callable[[Page], list[Any]]


def grade(page: Page, rma: str, photo: FilePayload, amount: str = "40") -> None:
    page.fill("#rma", rma)
    page.select_option("#category", "packaging")
    page.fill("#amount", amount)
    page.set_input_files("#files", [photo])
    page.click("#grade")
    page.wait_for_selector("#result:visible")


def stored(service: Any, rma: str) -> dict[str, Any]:
    (found,) = service.client.get("/v1/inspections", params={"rma": rma}).json()["items"]
    item: dict[str, Any] = found
    return item


def test_one_tap_confirms_and_the_next_item_is_at_hand(page: Page, service: Any, sharp: FilePayload) -> None:
    grade(page, "R-1", sharp)
    said = page.locator(".choice.said")
    expect(said).to_be_focused()
    said.click()
    expect(page.locator("#bench-done")).to_contain_text("You and the model agree")
    expect(page.locator("#next")).to_be_focused()
    found = stored(service, "R-1")
    assert (found["status"], found["decision"]["role"], found["decision"]["agreed"]) == ("reviewed", "station", True)


def test_a_key_corrects(page: Page, service: Any, sharp: FilePayload) -> None:
    grade(page, "R-2", sharp)
    conditions = page.locator(".choice").evaluate_all("all => all.map(one => one.dataset.condition)")
    model = stored(service, "R-2")["grade"]["condition"]
    other = next(index for index, condition in enumerate(conditions) if condition != model)
    page.keyboard.press(str(other + 1))
    expect(page.locator("#bench-done")).to_contain_text("differ")
    assert stored(service, "R-2")["grade"]["condition"] == conditions[other]


def test_what_is_typed_into_a_field_decides_nothing(page: Page, service: Any, sharp: FilePayload) -> None:
    grade(page, "R-3", sharp)
    page.focus("#seller")
    page.keyboard.type("1234")
    assert stored(service, "R-3")["status"] == "needs_review"


def test_a_scan_decides_nothing_and_begins_the_next_item(page: Page, service: Any, sharp: FilePayload) -> None:
    """A scanner types digits too, faster than anybody can."""
    grade(page, "R-31", sharp)
    page.keyboard.type("1234-2")
    page.keyboard.press("Enter")
    expect(page.locator("#rma")).to_have_value("1234-2")
    expect(page.locator("#result")).to_be_hidden()
    expect(page.locator(".thumb")).to_have_count(0)
    assert stored(service, "R-31")["status"] == "needs_review"


def test_a_slow_scanner_presses_nothing_either(page: Page, service: Any, sharp: FilePayload) -> None:
    """Wireless scanners leave up to a tenth of a second between keys, and a busy tablet makes it more before Enter."""
    grade(page, "R-32", sharp)
    expect(page.locator(".choice.said")).to_be_focused()
    page.keyboard.type("RM-21", delay=70)
    page.wait_for_timeout(150)
    page.keyboard.press("Enter")
    expect(page.locator("#rma")).to_have_value("RM-21")
    assert stored(service, "R-32")["status"] == "needs_review"


@pytest.mark.parametrize("place", ["#category", "#bench-action", "#amount", "#seller"])
def test_a_scan_types_into_no_field_and_chooses_from_no_list(page: Page, sharp: FilePayload, place: str) -> None:
    grade(page, "R-33", sharp)
    page.fill("#seller", "acme")
    before = page.input_value(place)
    page.focus(place)
    page.keyboard.type("12345678" if place == "#amount" else "ELDEST-99871")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_be_hidden()  # the next item
    assert page.input_value("#rma") in ("12345678", "ELDEST-99871")
    if place != "#bench-action":
        assert page.input_value("#category") == "packaging"
        assert place != "#amount" or page.input_value(place) in ("", before)


def test_another_rma_beside_a_result_begins_the_next_item(page: Page, sharp: FilePayload) -> None:
    grade(page, "R-34", sharp)
    page.fill("#rma", "R-35")
    page.press("#rma", "Enter")
    expect(page.locator("#result")).to_be_hidden()
    expect(page.locator(".thumb")).to_have_count(0)
    expect(page.locator("#rma")).to_have_value("R-35")


def test_a_scan_replaces_the_rma_wherever_the_focus_is(page: Page) -> None:
    page.fill("#rma", "wrong")
    page.locator("#clear").focus()
    page.keyboard.type("RMA-77")
    page.keyboard.press("Enter")
    expect(page.locator("#rma")).to_have_value("RMA-77")


def test_a_decision_can_be_taken_back(page: Page, service: Any, sharp: FilePayload) -> None:
    grade(page, "R-4", sharp)
    page.keyboard.press("1")
    page.click("#bench-undo")
    expect(page.locator(".choice")).to_have_count(4)
    assert stored(service, "R-4")["status"] == "needs_review"


def test_a_dear_item_goes_to_the_desk(page: Page, sharp: FilePayload) -> None:
    grade(page, "R-5", sharp, amount="900")
    expect(page.locator(".status.needs_review")).to_have_text("A QA lead decides")
    expect(page.locator(".choice")).to_have_count(0)


def test_an_answer_that_is_lost_is_said_and_the_tap_repeated(page: Page, service: Any, sharp: FilePayload) -> None:
    grade(page, "R-6", sharp)
    lost = re.compile(r"/decision$")
    page.route(lost, lambda route: (route.fetch(), route.abort())[-1])
    page.keyboard.press("2")
    expect(page.locator("#bench-error")).to_contain_text("Tap again")
    page.unroute(lost)
    page.wait_for_timeout(300)  # nobody has read it sooner: two keys within 250 ms are a scanner's
    page.keyboard.press("2")
    expect(page.locator("#bench-done")).to_be_visible()
    evidence = service.client.get(f"/v1/inspections/{stored(service, 'R-6')['id']}/evidence").json()["payload"]
    assert len(evidence["reviews"]) == 1


def test_a_tap_on_the_photo_marks_a_defect(
    page: Page, service: Any, sharp: FilePayload, violations: Violations
) -> None:
    grade(page, "R-8", sharp)
    made = stored(service, "R-8")
    page.locator(".picture").click(position={"x": 2, "y": 2})
    kinds = page.locator(".kinds [data-kind]")
    expect(kinds.first).to_be_focused()
    assert violations(page) == []
    page.click("[data-kind='tear']")
    expect(page.locator(".marked li")).to_have_count(1)
    assert violations(page) == []
    page.keyboard.press("4")
    expect(page.locator("#bench-done")).to_be_visible()
    found = stored(service, "R-8")["defects"]
    mark = found[-1]
    assert len(found) == len(made["defects"]) + 1
    assert (mark["photo"], mark["type"], mark["severity"]) == (0, "tear", "major")
    width, height = made["photos"][0]["width"], made["photos"][0]["height"]
    side = max(width, height) / 8
    assert mark["box"] == pytest.approx([0, 0, side, side])  # in the corner, and within the photo


def test_a_mark_without_a_type_is_asked_for_before_the_decision_goes(
    page: Page, service: Any, sharp: FilePayload
) -> None:
    page.fill("#rma", "R-61")
    page.select_option("#category", "packaging")
    page.set_input_files("#files", [sharp, sharp])
    page.click("#grade")
    page.wait_for_selector("#result:visible")
    page.locator(".viewer .picture").click(position={"x": 120, "y": 90})
    page.wait_for_selector(".kinds")
    other = page.locator(".strip button:not([aria-current=true])")
    other.click()
    expect(page.locator(".kinds")).to_have_count(0)
    page.locator(".choice").first.click()  # brings the photo with the mark back
    expect(page.locator("#bench-error")).to_contain_text("not said what it is")
    expect(page.locator(".kinds button").first).to_be_focused()
    page.keyboard.press("2")
    assert stored(service, "R-61")["status"] == "needs_review"
    page.locator(".kinds button[data-kind]").first.click()
    expect(page.locator("#bench-error")).to_be_empty()
    page.locator(".choice").last.click()
    expect(page.locator("#bench-done")).to_be_visible()
    assert stored(service, "R-61")["defects"][-1]["box"] is not None


def test_a_mark_that_was_cancelled_keeps_nobody(page: Page, service: Any, sharp: FilePayload) -> None:
    grade(page, "R-62", sharp)
    for escape in (False, True):
        page.click("#mark")
        expect(page.locator(".kinds [data-kind]").first).to_be_focused()
        if escape:
            page.keyboard.press("Escape")
        else:
            page.locator(".kinds .quiet").click()
        expect(page.locator("#mark")).to_be_focused()
        expect(page.locator(".kinds")).to_have_count(0)
    page.locator(".choice.said").click()
    expect(page.locator("#bench-done")).to_be_visible()


def test_a_mark_can_be_removed_and_a_defect_named_without_a_place(page: Page, service: Any, sharp: FilePayload) -> None:
    grade(page, "R-9", sharp)
    before = stored(service, "R-9")["defects"]
    page.locator(".picture").click()
    page.click("[data-kind='hole']")
    page.click(".marked button")
    expect(page.locator(".marked li")).to_have_count(0)
    page.click("#mark")
    page.click("[data-kind='crush']")
    page.locator(".choice.said").click()
    expect(page.locator("#bench-done")).to_be_visible()
    found = stored(service, "R-9")["defects"]
    assert [(one["type"], one["box"]) for one in found[len(before) :]] == [("crush", None)]


def test_another_disposition_than_the_policy_s_may_be_chosen(page: Page, service: Any, sharp: FilePayload) -> None:
    grade(page, "R-10", sharp)
    other = stored(service, "R-10")["disposition"]["alternatives"][0]["action"]
    page.select_option("#bench-action", other)
    page.locator(".choice.said").click()
    expect(page.locator("#bench-done")).to_be_visible()
    assert stored(service, "R-10")["disposition"]["action"] == other


def test_the_rubric_is_at_hand_with_its_pictures(page: Page, sharp: FilePayload, violations: Violations) -> None:
    grade(page, "R-11", sharp)
    page.click(".bench-rubric summary")
    expect(page.locator(".rubric-body h4")).to_have_count(4)
    examples = page.locator(".rubric-examples img")
    expect(examples.first).to_be_visible()
    for one in examples.all():
        expect(one).to_have_js_property("complete", True)
        assert one.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    assert violations(page) == []


def test_without_a_network_the_rubric_is_missed_and_the_item_decided(
    page: Page, service: Any, sharp: FilePayload
) -> None:
    grade(page, "R-12", sharp)
    page.route("**/v1/rubrics/**", lambda route: route.abort())
    page.click(".bench-rubric summary")
    expect(page.locator(".rubric-body [role=alert]")).to_contain_text("decided without it")
    page.locator(".choice.said").click()
    expect(page.locator("#bench-done")).to_be_visible()


@pytest.mark.parametrize("size", [(390, 844), (1024, 768), (1366, 768)], ids=["phone", "tablet", "desktop"])
def test_targets_are_large_and_all_can_use_them(
    page: Page, sharp: FilePayload, violations: Violations, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    grade(page, "R-7", sharp)
    boxes = page.locator(".choice").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert min(boxes) >= 44
    lines = "all => all.map(one => [one.offsetHeight <= 46, one.scrollWidth <= one.clientWidth])"
    assert page.locator(".drop-buttons button").evaluate_all(lines) == [[True, True]] * 2
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert violations(page) == []
    page.click("[data-language='zh-CN']")
    expect(page.locator(".bench-question h3")).to_have_text("是什么成色？点一下确认或更正。")
    page.keyboard.press("1")
    expect(page.locator("#bench-done")).to_be_visible()
    assert violations(page) == []


def test_by_lot_the_inspector_decides_before_the_model_s_word_is_shown(
    blank_at: Callable[[str], Page], serve_first: Callable[[float], Any], sharp: FilePayload, violations: Violations
) -> None:
    service = serve_first(1.0)
    page = blank_at(f"{service.url}/station")
    page.wait_for_selector("body[data-ready]")
    page.fill("#key", service.key("station", "bench 1"))
    page.press("#key", "Enter")
    grade(page, "R-8", sharp)
    expect(page.locator(".bench-question h3")).to_contain_text("Say what it is first")
    expect(page.locator(".choice.said")).to_have_count(0)
    expect(page.locator(".headline")).to_have_count(0)
    expect(page.locator(".bars")).to_have_count(0)
    assert violations(page) == []
    page.keyboard.press("3")
    expect(page.locator("#bench-done")).to_be_visible()
    assert stored(service, "R-8")["decision"]["blind"] is True


def test_an_rma_that_was_here_before_says_so(page: Page, sharp: FilePayload, violations: Violations) -> None:
    page.fill("#rma", "R-9")
    page.press("#rma", "Enter")
    expect(page.locator("#rma-note")).to_be_hidden()
    grade(page, "R-9", sharp)
    page.click("#next")
    page.fill("#rma", "R-9")
    page.press("#rma", "Enter")
    expect(page.locator("#rma-note")).to_contain_text("This RMA was here before")
    assert violations(page) == []
    page.fill("#rma", "R-10")
    page.press("#rma", "Tab")
    expect(page.locator("#rma-note")).to_be_hidden()
