"""The page of one item, read-only: what it shows to whom, how it is found, on small screens and to axe-core."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

Put = Callable[..., list[str]]
Sit = Callable[..., Page]
Violations = Callable[[Page], list[str]]

ATTACK = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"
DRAWN = """[...document.querySelectorAll('#overlay .line')].map(
    ({ x, y, width, height }) => [x, y, width, height].map((side) => side.baseVal.value))"""
FOUND = ("0.84", "84%", "hole", "破洞", "damaged", "confidence", "clearance")
"""What the model found of the items that `put` makes, as a page might tell it."""


def decide(service: Any, name: str, wanted: str, condition: str, **more: Any) -> httpx.Client:
    """Let a new reviewer decide on an item through the API."""
    client: httpx.Client = service.as_role("reviewer", name)
    claimed = client.post("/v1/reviews/claim").json()
    assert claimed["inspection"]["id"] == wanted
    body = {"lease": claimed["lease"]["token"], "condition": condition, **more}
    assert client.post(f"/v1/reviews/{wanted}", json=body).status_code == 200
    return client


def open_item(page: Page, service: Any, name: str) -> None:
    page.goto(f"{service.url}/desk/items/{name}")
    page.wait_for_selector("body[data-ready]")


def test_an_item_that_somebody_else_holds_is_read_from_the_queue(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service, declared_value={"amount": 40, "currency": "USD"})
    assert service.as_role("reviewer", "Bo").post("/v1/reviews/claim").status_code == 200
    page = sit(service, "/desk")
    page.click("text=RMA-01")
    page.wait_for_url(f"{service.url}/desk/items/{one}")
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#stands")).to_contain_text("With Bo now.")
    expect(page.locator("#model .top .name")).not_to_be_empty()
    assert page.evaluate(DRAWN) == [[240, 300, 360, 400]]
    assert page.locator("#review-this").count() == 0
    assert page.locator("main button:not(.tool):not(.strip button):not(.severity):not(.find button)").count() == 0


def test_photos_and_boxes_are_gone_through_by_keyboard(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    page = sit(service, "/desk")
    open_item(page, service, one)
    whole = page.locator("#canvas").bounding_box()
    page.keyboard.press("z")
    assert page.locator("#canvas").bounding_box()["width"] > whole["width"] * 1.9  # type: ignore[index]
    page.keyboard.press("ArrowRight")
    expect(page.locator("#strip button").nth(1)).to_have_attribute("aria-current", "true")
    assert page.evaluate(DRAWN) == []
    page.click("#shown-defects button")
    expect(page.locator("#strip button").nth(0)).to_have_attribute("aria-current", "true")
    expect(page.locator("#overlay .box.selected")).to_have_count(1)
    page.keyboard.press("h")
    assert page.evaluate(DRAWN) == []
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"


def test_every_decision_stands_there_with_its_boxes_and_what_became_of_it(
    serve_sampling: Any, put: Put, sit: Sit
) -> None:
    service = serve_sampling(0, 0)
    [one] = put(service)
    first = {"photo": 1, "type": "stain", "severity": "minor", "box": [10, 20, 110, 220]}
    ann = decide(service, "Ann Lee", one, "used", defects=[first], note="on the back")
    lease = ann.post(f"/v1/reviews/{one}/undo").json()["lease"]["token"]
    ann.post(f"/v1/reviews/{one}", json={"lease": lease, "condition": "opened", "defects": []})
    page = sit(service, "/desk", "Cleo")
    open_item(page, service, one)
    looks = page.locator(".looks > li")
    expect(looks).to_have_count(2)
    expect(looks.nth(0)).to_contain_text("Ann Lee")
    expect(looks.nth(0)).to_contain_text("taken back")
    expect(looks.nth(0).locator("q")).to_have_text("on the back")
    expect(looks.nth(1)).to_contain_text("no defects seen")
    expect(looks.nth(1).locator(".stands")).to_have_text("stands")
    expect(page.locator("#stands .condition")).to_have_text("opened")
    assert page.evaluate(DRAWN) == []
    page.get_by_label("Ann Lee asked for by the model (1)").check()
    page.keyboard.press("Tab")
    page.locator("#following").click()
    assert page.evaluate(DRAWN) == [[10, 20, 100, 200]]
    told = page.locator("#trail li span").all_text_contents()
    assert told[0] == "Ann Lee took it to review (asked for by the model)."
    assert told[2] == "Ann Lee took the decision back (asked for by the model)."
    assert told[4].startswith("Ann Lee decided: opened, and ")
    assert told[-1] == "Cleo looked at it and saw what was found."


def test_who_may_still_look_blind_is_told_nothing_that_was_found(sampling: Any, put: Put, sit: Sit) -> None:
    [one] = put(sampling, 1, blind=True)
    page = sit(sampling, "/desk")
    with page.expect_response(f"**/items/{one}") as answer:
        open_item(page, sampling, one)
    expect(page.locator("#hidden")).to_contain_text("may still come to you")
    expect(page.locator("#strip button")).to_have_count(2)
    html = answer.value.text().split("<main")[1]
    assert [word for word in FOUND if word in html] == []
    assert page.locator("#model, #stands, #looks, #trail, .layers").count() == 0
    page.click("#review-this")
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#blind")).to_have_text("blind check")


def test_after_a_blind_decision_only_that_is_shown_while_it_can_be_undone(sampling: Any, put: Put, sit: Sit) -> None:
    [one] = put(sampling, 1, blind=True)
    page = sit(sampling)
    page.keyboard.press("2")
    page.keyboard.press("n")
    page.wait_for_selector("body[data-decided='1']", state="attached")
    with page.context.expect_page() as opened:
        page.click("#undo-item")
    other = opened.value
    other.wait_for_selector("body[data-ready]")
    expect(other.locator("#hidden")).to_contain_text("Only your own decision")
    expect(other.locator(".looks .condition")).to_have_text("opened")
    expect(other.locator(".looks")).to_contain_text("no defects seen")
    html = other.content().split("<main")[1]
    assert [word for word in FOUND if word in html] == []
    [look] = sampling.runtime.inspections.get(one).reviews
    assert look.defects == ()


def test_who_has_looked_gets_no_blind_check_and_the_queue_says_so(serve_sampling: Any, put: Put, sit: Sit) -> None:
    service = serve_sampling(0, 1)
    [one] = put(service)
    page = sit(service, "/desk", "Bo")
    open_item(page, service, one)
    expect(page.locator("#seen")).to_contain_text("go to other reviewers")
    decide(service, "Ann Lee", one, "used")
    page.goto(f"{service.url}/desk")
    expect(page.locator("#waiting")).to_have_text("0")
    expect(page.locator("#others")).to_have_text("1")
    page.goto(f"{service.url}/desk/review")
    expect(page.locator("#empty-text")).to_contain_text("1 blind checks wait for another reviewer.")
    open_item(page, service, one)
    expect(page.locator("#stands")).to_contain_text("Still open second look, blind")


def test_an_item_is_found_by_its_label_however_it_is_typed(service: Any, put: Put, sit: Sit) -> None:
    ids = put(service, 3, sku="KT-200")
    page = sit(service, "/desk")
    page.keyboard.press("/")
    page.keyboard.type(" rma-02 ")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/desk/items/{ids[1]}")
    for asked, count in (("KT-200", 3), ("kt-", 3), ("RMA-0", 3)):
        page.fill("#find", asked)
        page.press("#find", "Enter")
        expect(page.locator(".table tbody tr")).to_have_count(count)
    page.fill("#find", ids[2])
    page.press("#find", "Enter")
    page.wait_for_url(f"**/desk/items/{ids[2]}")
    page.fill("#find", "nothing of the kind")
    page.press("#find", "Enter")
    expect(page.locator(".empty")).to_contain_text("No item has “nothing of the kind”")


def test_an_item_that_is_not_there_is_told_with_404(service: Any, put: Put, sit: Sit) -> None:
    page = sit(service, "/desk")
    answer = page.goto(f"{service.url}/desk/items/no%20such%3Cb%3E")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_have_text("There is no such item")
    expect(page.locator(".empty")).to_contain_text("no such<b>")


def test_label_and_history_lead_to_the_item_without_leaving_the_review(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    page = sit(service)
    with page.context.expect_page() as opened:
        page.click("#rma")
    opened.value.wait_for_url(f"**/desk/items/{one}")
    page.keyboard.press("1")
    page.keyboard.press("n")
    page.wait_for_selector("body[data-decided='1']", state="attached")
    page.keyboard.press("u")
    with page.context.expect_page() as opened:
        page.click("#item-link")
    opened.value.wait_for_url(f"**/desk/items/{one}")


@pytest.mark.parametrize("role", ["engineer", "admin", "reviewer"])
def test_who_works_at_the_desk_or_runs_the_place_reads_items_and_photos(service: Any, put: Put, role: str) -> None:
    [one] = put(service)
    client = service.with_key(None)
    client.post("/desk/login", data={"key": service.key(role)}, headers={"origin": service.url})
    page = client.get(f"/desk/items/{one}")
    # Of the item nothing is told yet but that one who may review it has now seen it.
    assert (page.status_code, "Audit trail" in page.text) == (200, role != "engineer")
    assert ('id="review-this"' in page.text) == (role != "engineer")
    assert client.get(f"/desk/api/items/{one}/photos/0?width=96").status_code == 200


def test_nobody_reads_an_item_without_logging_in(service: Any, put: Put) -> None:
    [one] = put(service)
    client = service.with_key(None)
    for path in (f"/desk/items/{one}", "/desk/items?q=RMA-01"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"][:11]) == (303, "/desk/login")
    refused = client.post("/desk/login", data={"key": service.key("station")}, headers={"origin": service.url})
    assert refused.status_code == 403


def test_markup_in_every_text_of_an_item_stays_text(serve_sampling: Any, put: Put, sit: Sit) -> None:
    service = serve_sampling(0, 0)
    texts = dict.fromkeys(("rma", "seller", "sku", "station"), ATTACK)
    [one] = put(service, 1, **texts, answers={ATTACK: ATTACK})
    decide(service, ATTACK[:90], one, "used", note=ATTACK)
    page = sit(service, "/desk")
    open_item(page, service, one)
    expect(page.locator("h1")).to_have_text(ATTACK)
    expect(page.locator(".looks q")).to_have_text(ATTACK)
    assert page.locator(".item-facts dd").all_text_contents().count(ATTACK) == 4
    page.goto(f"{service.url}/desk/items?q=%3Cimg%20src=x")
    assert page.locator("img[src=x], main script").count() == 0


@pytest.mark.parametrize("lang", ["en-US", "zh-CN"])
@pytest.mark.parametrize("size", [(1366, 768), (1024, 768)])
def test_the_pages_of_items_fit_and_are_accessible(
    serve_sampling: Any, put: Put, sit: Sit, violations: Violations, size: tuple[int, int], lang: str
) -> None:
    service = serve_sampling(0, 1)
    [one] = put(service, 1, rma="R" * 128, seller="S" * 128, declared_value={"amount": 40, "currency": "USD"})
    put(service, 1, rma="R" * 127)
    decide(service, "Ann Lee", one, "used", note="N" * 300)
    options = {"locale": lang, "viewport": {"width": size[0], "height": size[1]}, "has_touch": size[0] < 1300}
    page = sit(service, "/desk", **options)
    found = {"queue": violations(page)}
    open_item(page, service, one)
    found["hidden"] = violations(page)
    service.runtime.desk.claim(service.runtime.keys.create("reviewer", "Bo")[1])
    admin = sit(service, "/desk", "root", role="admin", **options)
    open_item(admin, service, one)
    found["item"] = violations(admin)
    assert admin.evaluate("document.documentElement.scrollWidth") == size[0]
    stage = admin.locator("#stage").bounding_box()
    assert stage is not None
    assert stage["width"] > 550
    admin.goto(f"{service.url}/desk/items?q=RRR")
    found["list"] = violations(admin)
    assert admin.evaluate("document.documentElement.scrollWidth") == size[0]
    admin.goto(f"{service.url}/desk/items/none")
    found["missing"] = violations(admin)
    assert found == {name: [] for name in found}
