"""The station page in a real browser against the real service."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Dialog, FilePayload, Page, Route, expect

from regrade.serving.base.i18n import LANGUAGES, text
from regrade.serving.base.money import format_money, format_percent

Stored = Callable[[str], list[dict[str, Any]]]
Intercept = Callable[..., None]
LoseFirst = Callable[[Page], list[str]]


def fill_in(page: Page, rma: str, *photos: FilePayload) -> None:
    page.fill("#rma", rma)
    page.set_input_files("#files", list(photos))


def grade(page: Page, rma: str, *photos: FilePayload) -> None:
    fill_in(page, rma, *photos)
    page.click("#grade")
    page.wait_for_selector("#result:visible")


def change_answer(intercept: Intercept, page: Page, **changes: Any) -> None:
    """Let the service grade, and change some of its answer on the way back; also where the page asks again for the
    item, as it does when a language is chosen (`choose_language`)."""

    def handle(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=json.dumps(response.json() | changes))

    intercept(page, re.compile(r"/v1/inspections(/[^/?]+)?$"), handle)


def choose_language(page: Page, lang: str) -> None:
    """Choose a language, and wait until the page has the result on show in it."""
    with page.expect_response(re.compile(r"/v1/inspections/[^/?]+$")):
        page.click(f"[data-language='{lang}']")


def test_a_photo_and_an_rma_give_a_grade_that_is_stored(
    page: Page, service: Any, stored: Stored, sharp: FilePayload
) -> None:
    grade(page, "RMA-1", sharp)
    [item] = stored("RMA-1")
    words = service.client.get("/station/strings").json()["en"]
    condition, action = item["grade"]["condition"], item["disposition"]["action"]
    expect(page.locator(".headline .condition")).to_have_text(words[f"condition.{condition}"])
    expect(page.locator(".headline .action")).to_have_text(words[f"action.{action}"])
    expect(page.locator(".provenance")).to_contain_text(item["id"])


def test_every_condition_has_a_bar_as_long_as_its_probability(page: Page, stored: Stored, sharp: FilePayload) -> None:
    grade(page, "RMA-bars", sharp)
    page.click(".more summary")
    [item] = stored("RMA-bars")
    for condition, share in item["grade"]["probabilities"].items():
        bar = page.locator(f".fill.{condition}")
        length = bar.evaluate("bar => bar.clientWidth / bar.parentElement.clientWidth")
        assert length == pytest.approx(share, abs=0.02)


def test_the_disposition_stands_against_its_alternatives(page: Page, stored: Stored, sharp: FilePayload) -> None:
    grade(page, "RMA-options", sharp)
    [item] = stored("RMA-options")
    rows = page.locator("caption + tbody tr")
    expect(rows).to_have_count(1 + len(item["disposition"]["alternatives"]))
    expect(rows.first).to_contain_text(f"${item['disposition']['expected_recovery']['amount']:.2f}")
    expect(page.locator(".reasons li")).to_have_text(item["disposition"]["reasons"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_figures_are_written_as_the_service_writes_them(page: Page, lang: str) -> None:
    page.click(f"[data-language='{lang}']")
    shares = [0, 0.0004, 0.001, 0.29, 0.9496, 0.97, 0.9995, 1]
    amounts = [(1234.5, "USD"), (-2.6, "USD"), (0.4, "CNY"), (88, "HKD"), (7, "EUR"), (5, "GBP"), (640.4, "JPY")]
    script = (
        "async ([shares, amounts]) => { const w = await import('/station/words.js'); return [shares.map(w.percent), "
    )
    script += "amounts.map(([amount, currency]) => w.money({ amount, currency }))]; }"
    written = [[format_percent(share) for share in shares], [format_money(*paid, lang) for paid in amounts]]
    assert page.evaluate(script, [shares, amounts]) == written


def test_what_was_typed_is_sent(page: Page, stored: Stored, sharp: FilePayload) -> None:
    page.fill("#seller", "Lihua Trading")
    page.fill("#amount", "39.90")
    page.select_option("#currency", "EUR")
    page.select_option("#category", "packaging")
    grade(page, "RMA-fields", sharp, sharp)
    [item] = stored("RMA-fields")
    value = {"amount": 39.9, "currency": "EUR"}
    assert item["item"] == {
        "rma": "RMA-fields", "seller": "Lihua Trading", "category": "packaging", "declared_value": value
    }  # fmt: skip
    assert len(item["photos"]) == 2


def test_a_station_name_is_kept_and_sent(page: Page, stored: Stored, sharp: FilePayload) -> None:
    page.click("#settings-open")
    page.fill("#station-name", "Dock 4")
    page.press("#station-name", "Enter")
    grade(page, "RMA-named", sharp)
    assert stored("RMA-named")[0]["item"]["station"] == "Dock 4"


def test_an_item_for_review_says_why(page: Page, sharp: FilePayload, intercept: Intercept) -> None:
    change_answer(intercept, page, status="needs_review", review={"required": True, "reasons": ["Too close to call."]})
    grade(page, "RMA-review", sharp)
    expect(page.locator(".verdict .status")).to_have_text("A QA lead decides")
    expect(page.locator(".review-reasons li")).to_have_text("Too close to call.")


def test_conditions_that_cannot_be_ruled_out_are_marked(page: Page, sharp: FilePayload, intercept: Intercept) -> None:
    shares = {"unopened": 0.1, "opened": 0.2, "used": 0.3, "damaged": 0.4}
    several = {"condition": "damaged", "probabilities": shares, "confidence": 0.4}
    change_answer(intercept, page, grade=several | {"prediction_set": ["used", "damaged"]})
    grade(page, "RMA-set", sharp)
    expect(page.locator("tr.plausible th")).to_contain_text(["used", "damaged"])


def test_boxes_lie_where_the_defects_are(page: Page, sharp: FilePayload, intercept: Intercept) -> None:
    box = {"photo": 0, "type": "tear", "score": 0.9, "severity": "major", "box": [300, 225, 900, 450]}
    change_answer(intercept, page, defects=[box])
    grade(page, "RMA-box", sharp)
    edges = "node => (({ left, top, right, bottom }) => [left, top, right, bottom])(node.getBoundingClientRect())"
    left, top, right, bottom = page.locator(".picture image").evaluate(edges)
    drawn = page.locator(".box .line").evaluate(edges)
    width, height = right - left, bottom - top
    assert width / height == pytest.approx(1200 / 900, rel=0.01)
    expected = [left + width / 4, top + height / 4, left + width * 3 / 4, top + height / 2]
    assert drawn == pytest.approx(expected, abs=3)
    expect(page.locator(".defects li")).to_contain_text(["tear"])


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_an_empty_photo_says_what_was_not_looked_for_on_it(
    page: Page, sharp: FilePayload, intercept: Intercept, lang: str
) -> None:
    change_answer(intercept, page, defects=[], defects_examined=[{"photo": 0, "types": []}])
    grade(page, "RMA-examined", sharp)
    choose_language(page, lang)
    expect(page.locator(".examined")).to_have_text(text("examined.nothing", lang))
    expect(page.locator(".basis")).to_contain_text(text("basis.photo", lang))


def test_a_blurred_photo_must_be_taken_again(
    page: Page, stored: Stored, sharp: FilePayload, blurred: FilePayload
) -> None:
    grade(page, "RMA-retake", sharp, blurred)
    expect(page.locator(".verdict .status")).to_have_text("Retake needed")
    expect(page.locator(".retake-card")).to_have_count(1)
    expect(page.locator(".retake-card")).to_contain_text("Photo 2")
    expect(page.locator(".retake-card")).to_contain_text("The photo is blurred.")
    expect(page.locator(".thumb").nth(1)).to_have_class("thumb wrong")
    assert stored("RMA-retake")[0]["status"] == "retake"


def test_a_retaken_photo_takes_the_place_of_the_bad_one(
    page: Page, stored: Stored, sharp: FilePayload, blurred: FilePayload
) -> None:
    grade(page, "RMA-again", blurred, sharp)
    with page.expect_file_chooser() as chooser:
        page.click(".retake-card button")
    chooser.value.set_files([sharp])
    expect(page.locator(".thumb")).to_have_count(2)
    page.click("#grade")
    expect(page.locator(".now.decide")).to_be_visible()
    (mended,) = stored("RMA-again")
    assert [one["status"] for one in mended["revisions"]] == ["retake", mended["status"]]
    assert mended["grade"] is not None


def test_a_wrong_key_is_refused_when_it_is_saved_and_nothing_typed_is_lost(
    blank: Page, station_key: str, stored: Stored, sharp: FilePayload
) -> None:
    fill_in(blank, "RMA-key", sharp)
    blank.fill("#key", "rg_0000_wrong")
    blank.press("#key", "Enter")
    expect(blank.locator("#key-error")).to_contain_text("does not accept this key")
    expect(blank.locator("#key")).to_be_focused()
    blank.fill("#key", station_key)
    blank.press("#key", "Enter")
    blank.click("#grade")
    expect(blank.locator(".now.decide")).to_be_visible()
    assert len(stored("RMA-key")) == 1


def test_a_key_without_the_role_is_told_apart(blank: Page, service: Any) -> None:
    blank.fill("#key", service.key("reviewer"))
    blank.press("#key", "Enter")
    expect(blank.locator("#key-error")).to_contain_text("may not submit inspections")


def test_the_key_lives_in_the_tab_alone(page: Page, station_key: str) -> None:
    page.reload()
    expect(page.locator("#key-state")).to_have_text("Key set")
    assert page.evaluate("sessionStorage.getItem('regrade.key')") == station_key
    assert station_key not in page.evaluate("JSON.stringify(localStorage)") + page.evaluate("document.cookie")


def test_no_key_asks_for_one_before_anything_is_sent(blank: Page, stored: Stored, sharp: FilePayload) -> None:
    fill_in(blank, "RMA-none", sharp)
    blank.click("#grade")
    expect(blank.locator("#key-error")).to_have_text("Enter the station key first.")
    assert stored("RMA-none") == []


def test_what_is_missing_is_named_and_focused(page: Page) -> None:
    page.click("#grade")
    expect(page.locator("#rma-error")).to_have_text("Scan or type the RMA of this return.")
    expect(page.locator("#photos-error")).to_have_text("Add at least one photo of the item.")
    expect(page.locator("#rma")).to_be_focused()


def test_a_negative_value_is_refused_beside_its_field(page: Page, stored: Stored, sharp: FilePayload) -> None:
    page.fill("#amount", "-5")
    fill_in(page, "RMA-negative", sharp)
    page.click("#grade")
    expect(page.locator("#amount-error")).to_contain_text("must be a number from 0")
    assert stored("RMA-negative") == []


def test_text_named_jpg_is_refused_with_the_photo_at_fault(page: Page, stored: Stored, sharp: FilePayload) -> None:
    text: FilePayload = {"name": "note.jpg", "mimeType": "image/jpeg", "buffer": b"hello" * 100}
    fill_in(page, "RMA-text", sharp, text)
    page.click("#grade")
    expect(page.locator("#message")).to_contain_text("Photo 2: not a JPEG, PNG, WebP, HEIC or AVIF photo.")
    expect(page.locator(".thumb").nth(1)).to_have_class("thumb wrong")
    assert stored("RMA-text") == []


def test_files_that_are_no_photos_are_left_out(page: Page, sharp: FilePayload) -> None:
    document: FilePayload = {"name": "list.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    page.set_input_files("#files", [sharp, document])
    expect(page.locator("#photos-error")).to_have_text("list.pdf: not a JPEG, PNG, WebP, HEIC or AVIF photo.")
    expect(page.locator(".thumb")).to_have_count(1)


def test_a_thirteenth_photo_is_left_out(page: Page, sharp: FilePayload) -> None:
    page.set_input_files("#files", [sharp] * 13)
    expect(page.locator(".thumb")).to_have_count(12)
    expect(page.locator("#photos-error")).to_contain_text("At most 12 photos")


def test_a_photo_can_be_removed_by_keyboard(page: Page, sharp: FilePayload) -> None:
    page.set_input_files("#files", [sharp, sharp])
    page.get_by_role("button", name="Remove photo 1").press("Enter")
    expect(page.locator(".thumb")).to_have_count(1)
    expect(page.get_by_role("button", name="Remove photo 1")).to_be_focused()


def test_photos_can_be_dropped_on_the_form(page: Page) -> None:
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(["x"], "dropped.png", { type: "image/png" }));
        document.getElementById("item").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    }""")
    expect(page.locator(".thumb")).to_have_count(1)


def test_enter_from_a_scanner_does_not_send_half_an_item(page: Page) -> None:
    page.locator("#rma").press_sequentially("RMA-scan")
    page.press("#rma", "Enter")
    expect(page.locator("#choose")).to_be_focused()
    expect(page.locator("#photos-error")).to_be_empty()


def test_an_item_is_graded_without_a_mouse(page: Page, sharp: FilePayload) -> None:
    fill_in(page, "RMA-keys", sharp)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".choice.said")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#next")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#rma")).to_be_focused()
    expect(page.locator("#rma")).to_have_value("")
    expect(page.locator(".thumb")).to_have_count(0)


def test_a_retry_after_a_lost_answer_grades_once(
    page: Page, stored: Stored, sharp: FilePayload, lose_the_first_answer: LoseFirst
) -> None:
    keys = lose_the_first_answer(page)
    fill_in(page, "RMA-lost", sharp)
    page.click("#grade")
    expect(page.locator("#message")).to_contain_text("will not be graded twice")
    page.click("#message button")
    expect(page.locator("#result .hint")).to_contain_text("had been graded before")
    assert len(set(keys)) == 1
    assert len(stored("RMA-lost")) == 1


def test_another_item_gets_another_idempotency_key(page: Page, stored: Stored, sharp: FilePayload) -> None:
    grade(page, "RMA-first", sharp)
    fill_in(page, "RMA-second", sharp)
    page.click("#grade")
    expect(page.locator(".verdict .rma")).to_have_text("RMA-second")
    assert len(stored("RMA-first")) == len(stored("RMA-second")) == 1


def test_a_busy_service_is_waited_for(page: Page, service: Any, sharp: FilePayload, intercept: Intercept) -> None:
    problem = {"type": "urn:regrade:problem:busy", "title": "Busy", "status": 503, "detail": "Full."}
    intercept(
        page,
        "**/v1/inspections",
        lambda route: route.fulfill(
            status=503, headers={"Retry-After": "2"}, content_type="application/problem+json", body=json.dumps(problem)
        ),
    )
    fill_in(page, "RMA-busy", sharp)
    page.click("#grade")
    retry = page.locator("#message button")
    expect(retry).to_be_disabled()
    expect(page.locator("#message")).to_contain_text("The service is busy.")
    expect(retry).to_be_enabled()


def test_the_language_is_switched_and_remembered(page: Page) -> None:
    page.fill("#rma", "RMA-kept")
    page.click("[data-language='zh-CN']")
    expect(page.locator("#grade")).to_contain_text("开始定级")
    expect(page.locator("#rma")).to_have_value("RMA-kept")
    page.reload()
    expect(page.locator("#grade")).to_contain_text("开始定级")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_a_result_on_show_is_said_in_the_other_language(
    page: Page, service: Any, stored: Stored, sharp: FilePayload
) -> None:
    grade(page, "RMA-zh", sharp)
    page.click("[data-language='zh-CN']")
    [item] = stored("RMA-zh")
    chinese = service.client.get(f"/v1/inspections/{item['id']}", headers={"Accept-Language": "zh-CN"}).json()
    expect(page.locator(".reasons li")).to_have_text(chinese["disposition"]["reasons"])
    assert chinese["disposition"]["reasons"] != item["disposition"]["reasons"]


@pytest.mark.parametrize("attack", ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>"])
def test_markup_in_rma_and_seller_stays_text(page: Page, sharp: FilePayload, attack: str, intercept: Intercept) -> None:
    dialogs: list[Dialog] = []

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog)
        dialog.dismiss()

    page.on("dialog", refuse)
    change_answer(
        intercept, page, defects=[{"photo": 0, "type": attack, "score": 1, "box": [1, 1, 9, 9], "severity": attack}]
    )
    page.fill("#seller", attack)
    grade(page, attack, sharp)
    expect(page.locator(".verdict .rma")).to_have_text(attack)
    expect(page.locator(".defects strong")).to_contain_text(attack)
    assert page.locator("#result img[src=x], #result script").count() == 0
    assert dialogs == []


@pytest.mark.parametrize("size", [(1366, 768), (820, 1180), (390, 844)])
def test_nothing_leaves_the_screen_sideways(page: Page, sharp: FilePayload, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.fill("#seller", "S" * 128)
    grade(page, "R" * 128, *[sharp] * 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.locator("#next").bounding_box()["height"] >= 44  # type: ignore[index]
