"""The review page of the desk in a real browser against the real service."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import update

from regrade.serving.storage.tables import tasks

Put = Callable[..., list[str]]
Sit = Callable[..., Page]
Intercept = Callable[..., None]

MEASURES = "performance.getEntriesByName('desk.next').map(({ duration, detail }) => ({ duration, ...detail }))"
DRAWN = """[...document.querySelectorAll('.box .line')].map(
    ({ x, y, width, height }) => [x, y, width, height].map((side) => side.baseVal.value))"""


def stored(service: Any, inspection_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = service.client.get(f"/v1/inspections/{inspection_id}").json()
    return answer


def on_show(page: Page) -> str:
    return str(page.evaluate("document.body.dataset.item"))


def decide(page: Page, key: str) -> None:
    """Choose a condition and go on by keyboard; returns once another item, or none, is on show."""
    before = on_show(page)
    page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_function("before => document.body.dataset.item !== before", arg=before)


def saved(page: Page, count: int) -> None:
    page.wait_for_selector(f"body[data-decided='{count}']", state="attached")


def test_twenty_items_are_worked_off_by_keyboard_alone_each_loaded_before_it_is_asked_for(
    service: Any, put: Put, sit: Sit
) -> None:
    ids = put(service, 20)
    page = sit(service)
    seen = []
    for turn in range(20):
        seen.append(on_show(page))
        if turn < 19:
            page.wait_for_selector("body[data-ahead]", state="attached")
        decide(page, "1234"[turn % 4])
    expect(page.locator("#empty-title")).to_have_text("All done")
    saved(page, 20)
    assert seen == ids
    found = [stored(service, one) for one in ids]
    assert {one["status"] for one in found} == {"reviewed"}
    assert [one["grade"]["condition"] for one in found] == ["unopened", "opened", "used", "damaged"] * 5
    measures = page.evaluate(MEASURES)
    assert len(measures) == 19
    assert all(one["loaded"] for one in measures)


def test_two_reviewers_never_get_the_same_item(serve_sampling: Any, put: Put, sit: Sit) -> None:
    service = serve_sampling(0, 0)
    ids = put(service, 10)
    pages = [sit(service, name=name) for name in ("Ann", "Bo")]
    seen: list[str] = []
    while any(on_show(page) for page in pages):
        for page in pages:
            if on_show(page):
                seen.append(on_show(page))
                decide(page, "2")
                page.wait_for_selector("#work:visible, #empty-title:text('All done')")
    assert sorted(seen) == sorted(ids)
    assert all(page.locator("#alert").is_hidden() for page in pages)
    assert {stored(service, one)["review"]["decided"]["by"] for one in ids} == {"Ann", "Bo"}


def test_a_decision_is_taken_back_and_made_anew(service: Any, put: Put, sit: Sit) -> None:
    first, second = put(service, 2)
    page = sit(service)
    page.keyboard.press("c")
    page.keyboard.type("look at the corner")
    page.keyboard.press("Escape")
    decide(page, "1")
    expect(page.locator("#undo-text")).to_have_text("RMA-01: unopened.")
    expect(page.locator("#undo-left")).to_contain_text(" s")
    assert on_show(page) == second
    page.keyboard.press("u")
    page.wait_for_selector(f"body[data-item='{first}']", state="attached")
    assert stored(service, first)["status"] == "needs_review"
    expect(page.locator("#note")).to_have_value("look at the corner")
    decide(page, "4")
    assert on_show(page) == second
    saved(page, 2)
    assert stored(service, first)["grade"]["condition"] == "damaged"


def test_a_choice_must_be_made_and_a_skipped_item_goes_back(service: Any, put: Put, sit: Sit) -> None:
    first, second = put(service, 2)
    page = sit(service)
    page.keyboard.press("n")
    expect(page.locator("#fault")).to_have_text("Choose a condition first: 1 to 4.")
    page.keyboard.press("s")
    page.wait_for_selector(f"body[data-item='{second}']", state="attached")
    decide(page, "1")
    expect(page.locator("#empty-title")).to_have_text("All done")
    assert stored(service, first)["status"] == "needs_review"


def test_d_chooses_another_disposition_than_the_best(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service, 1, declared_value={"amount": 90, "currency": "USD"})
    page = sit(service)
    page.keyboard.press("2")
    actions = page.locator("#action-rows input").evaluate_all("all => all.map((input) => input.value)")
    page.keyboard.press("d")
    page.keyboard.press("n")
    saved(page, 1)
    found = stored(service, one)
    assert found["disposition"]["action"] == actions[1]
    assert found["review"]["decided"]["disposition_source"] == "reviewer"


def test_boxes_are_drawn_named_moved_and_removed(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    page = sit(service)
    assert page.evaluate(DRAWN) == [[240, 300, 360, 400]]
    page.keyboard.press("h")
    assert page.evaluate(DRAWN) == []
    draw(page)
    area = page.locator("#canvas").bounding_box()
    assert area is not None
    expect(page.locator("#defect-list li")).to_have_count(2)
    page.locator("#defect-list li").nth(1).locator("select").select_option("crush")
    page.locator("#defect-list li").nth(1).locator(".severity").click()
    page.keyboard.press("Escape")
    page.locator("#defect-list li").nth(0).locator(".remove").click()
    page.mouse.click(area["x"] + area["width"] * 0.7, area["y"] + area["height"] * 0.6)
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("4")
    page.keyboard.press("n")
    saved(page, 1)
    [defect] = stored(service, one)["defects"]
    assert (defect["type"], defect["severity"], defect["photo"]) == ("crush", "minor", 0)
    width, height = 1200, 900
    wanted = [0.59 * width, 0.5 * height, 0.79 * width, 0.75 * height]
    assert all(abs(got - want) < 6 for got, want in zip(defect["box"], wanted, strict=True))


def draw(page: Page) -> None:
    page.keyboard.press("b")
    area = page.locator("#canvas").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + area["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.8, area["y"] + area["height"] * 0.75, steps=3)
    page.mouse.up()


def test_keys_mean_the_same_in_the_list_of_types_that_a_new_box_leaves_the_focus_in(
    service: Any, put: Put, sit: Sit
) -> None:
    [one] = put(service, 1, declared_value={"amount": 90, "currency": "USD"})
    page = sit(service)
    draw(page)
    types = page.locator("#defect-list select")
    expect(types.nth(1)).to_be_focused()
    drawn = types.nth(1).input_value()
    page.keyboard.press("2")
    actions = page.locator("#action-rows input").evaluate_all("all => all.map((input) => input.value)")
    page.keyboard.press("d")
    expect(types.nth(1)).to_have_value(drawn)
    page.keyboard.press("ArrowDown")
    assert types.nth(1).input_value() != drawn
    page.keyboard.press("n")
    saved(page, 1)
    found = stored(service, one)
    assert (found["grade"]["condition"], found["disposition"]["action"]) == ("opened", actions[1])
    assert len(found["defects"]) == 2


def test_enter_submits_after_a_box_was_drawn(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    page = sit(service)
    page.keyboard.press("4")
    draw(page)
    expect(page.locator("#defect-list select").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    saved(page, 1)
    assert len(stored(service, one)["defects"]) == 2


def test_a_new_box_is_removed_by_the_delete_key(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    page = sit(service)
    draw(page)
    expect(page.locator("#defect-list li")).to_have_count(2)
    page.keyboard.press("Delete")
    expect(page.locator("#defect-list li")).to_have_count(1)


def test_the_photo_is_zoomed_panned_and_changed(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    page = sit(service)
    canvas = page.locator("#canvas")
    whole = canvas.bounding_box()
    page.keyboard.press("z")
    twice = canvas.bounding_box()
    assert whole is not None
    assert twice is not None
    assert abs(twice["width"] / whole["width"] - 2) < 0.01
    page.mouse.move(500, 400)
    page.mouse.down()
    page.mouse.move(560, 400, steps=2)
    page.mouse.up()
    assert abs(canvas.bounding_box()["x"] - twice["x"] - 60) < 1  # type: ignore[index]
    page.keyboard.press("ArrowRight")
    expect(page.locator("#strip button").nth(1)).to_have_attribute("aria-current", "true")
    assert abs(canvas.bounding_box()["width"] - whole["width"]) < 1  # type: ignore[index]
    page.mouse.wheel(0, -400)
    page.wait_for_function("least => document.getElementById('canvas').offsetWidth > least", arg=whole["width"] * 1.5)


def test_a_blind_item_shows_nothing_of_the_models(sampling: Any, put: Put, sit: Sit) -> None:
    [one] = put(sampling, 1, blind=True)
    answers: list[str] = []
    page = sit(sampling, "/desk")
    page.on("response", lambda response: answers.append(response.text()) if "/claim" in response.url else None)
    page.goto(f"{sampling.url}/desk/review")
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#blind")).to_have_text("blind check")
    assert page.locator(".box, #defect-list li, #condition-rows .track").count() == 0
    expect(page.locator("#actions")).to_be_hidden()
    assert '"grade":null' in answers[0]
    assert not [word for word in (":0.84", "probabilities", "confidence", "expected_recovery") if word in answers[0]]
    page.keyboard.press("4")
    page.keyboard.press("n")
    saved(page, 1)
    [look] = sampling.runtime.desk.looks()
    assert (look.inspection_id, look.blind, look.condition) == (one, True, "damaged")


def test_the_language_is_switched_where_one_is_and_remembered(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    page = sit(service)
    page.keyboard.press("3")
    page.click("[data-language='zh-CN']")
    expect(page.locator("#condition-rows .name").first).to_have_text("未拆封")
    expect(page.locator("#why")).to_contain_text("才可免人工")
    expect(page.locator("#condition-rows input[value=used]")).to_be_checked()
    page.goto(f"{service.url}/desk")
    expect(page.locator("#start")).to_contain_text("开始复核")
    kept = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    assert not [name for name in kept if not name.startswith("regrade.draft.")]


def test_a_lease_taken_over_by_somebody_else_is_told_and_work_goes_on(service: Any, put: Put, sit: Sit) -> None:
    first, second = put(service, 2)
    page = sit(service)
    page.wait_for_selector("body[data-ahead]", state="attached")
    with service.runtime.database.write() as connection:
        change = update(tasks).where(tasks.c.inspection_id == first)
        connection.execute(change.values(lease_key_id="somebody", lease_hash="else"))
    decide(page, "4")
    expect(page.locator("#alert")).to_contain_text("RMA-01 was not decided")
    expect(page.locator("#undo")).to_be_hidden()
    assert on_show(page) == second
    assert stored(service, first)["status"] == "needs_review"


def test_an_expired_lease_is_told_and_the_next_item_comes(serve: Any, put: Put, sit: Sit, intercept: Intercept) -> None:
    service = serve(lease_minutes=0.05)
    put(service, 2)
    page = sit(service)
    intercept(page, "**/renew", lambda route: route.abort())
    expect(page.locator("#alert")).to_contain_text("has run out")
    page.wait_for_selector("#work:visible")


def test_a_lease_is_renewed_while_somebody_works(serve: Any, put: Put, sit: Sit) -> None:
    service = serve(lease_minutes=0.15)
    [one] = put(service)
    page = sit(service)
    with page.expect_response("**/renew") as renewed:
        page.keyboard.press("h")
    assert renewed.value.ok
    page.keyboard.press("1")
    page.keyboard.press("n")
    saved(page, 1)
    assert stored(service, one)["status"] == "reviewed"


def test_a_decision_that_finds_no_network_is_sent_again(service: Any, put: Put, sit: Sit, intercept: Intercept) -> None:
    [one] = put(service)
    page = sit(service)
    lost: list[str] = []

    def lose_once(route: Any) -> None:
        lost.append(route.request.url)
        if len(lost) == 1:
            route.abort()
        else:
            route.continue_()

    intercept(page, "**/decide", lose_once)
    page.keyboard.press("3")
    page.keyboard.press("n")
    saved(page, 1)
    assert len(lost) == 2
    assert stored(service, one)["grade"]["condition"] == "used"


ATTACK = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"


def test_markup_in_every_text_stays_text(service: Any, put: Put, sit: Sit) -> None:
    texts = dict.fromkeys(("rma", "seller", "sku", "station"), ATTACK)
    [one] = put(service, 1, **texts, answers={ATTACK: ATTACK})
    page = sit(service, "/desk")
    expect(page.locator(".table tbody td").nth(2)).to_contain_text(ATTACK)
    expect(page.locator(".table tbody td").nth(4)).to_have_text(ATTACK)
    page.click(".table a")
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#rma")).to_have_text(ATTACK)
    assert page.locator("#facts dd").all_text_contents().count(ATTACK) == 4
    page.fill("#note", ATTACK)
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.keyboard.press("n")
    saved(page, 1)
    page.keyboard.press("u")
    page.wait_for_selector(f"body[data-item='{one}']", state="attached")
    expect(page.locator("#history q")).to_have_text(ATTACK)
    assert page.locator("img[src=x], main script").count() == 0


def test_filters_in_the_address_choose_what_is_claimed(service: Any, put: Put, sit: Sit) -> None:
    put(service, 2, seller="acme")
    [wanted] = put(service, 1, seller="lihua & co")
    page = sit(service, "/desk")
    page.select_option("select[name=seller]", "lihua & co")
    page.click("form.filters button")
    expect(page.locator("#matching")).to_have_text("1")
    expect(page.locator(".table tbody tr")).to_have_count(1)
    page.click("#start")
    page.wait_for_selector("body[data-ready]")
    assert on_show(page) == wanted
    decide(page, "1")
    expect(page.locator("#empty-title")).to_have_text("All done")
