"""`/desk/seller`: what a seller sees of what came back, on a phone as on a desktop, in both languages."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from regrade.serving.events.endpoints import By
from tests.serving.access.test_roles_and_routes import seat

Put = Callable[..., list[str]]
Sit = Callable[..., Page]

SCREENS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "desktop": {"viewport": {"width": 1366, "height": 768}},
}


@pytest.fixture
def seller(service: Any) -> httpx.Client:
    """A browser without scripts, of somebody of acme."""
    return seat(service, service.key("seller", "Sel"))


def session_key(service: Any, name: str) -> Any:
    """The key of that name."""
    return next(key for key in service.runtime.keys.all_keys() if key.name == name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_is_wrong_with_the_pages(
    service: Any, put: Put, sit: Sit, violations: Callable[..., list[str]], screen: str, scheme: str
) -> None:
    one, *_ = put(service, 3, seller="acme", declared_value={"amount": 40, "currency": "USD"})
    page = sit(service, "/desk/seller", role="seller", name="Sel", color_scheme=scheme, **SCREENS[screen])
    expect(page.locator(".came-back li")).to_have_count(3)
    hook = service.runtime.webhooks.add("https://acme.example/hooks", By(session_key(service, "Sel")))
    also = ("/desk/seller/promise", "/desk/webhooks", f"/desk/webhooks/{hook.id}")
    items = ("/desk/seller", f"/desk/seller/items/{one}", "/desk/seller/items/none", "/desk/seller?condition=x")
    for path in (*items, *also):
        page.goto(f"{service.url}{path}")
        page.wait_for_load_state("networkidle")
        assert violations(page, every=True) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen]["viewport"]["width"], path


def test_an_item_shows_its_photos_with_boxes_and_gives_its_evidence(service: Any, put: Put, sit: Sit) -> None:
    (one,) = put(service, 1, seller="acme")
    page = sit(service, "/desk/seller", role="seller", name="Sel")
    page.locator(".came-back a").click()
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#strip img")).to_have_count(2)
    expect(page.locator("#stands .condition")).to_be_visible()
    with page.expect_download() as given:
        page.click("#evidence")
    bundle = json.loads(given.value.path().read_text(encoding="utf-8"))
    assert (bundle["payload"]["inspection"], bundle["audience"]) == (one, "seller")


def test_the_page_speaks_chinese(service: Any, put: Put, sit: Sit) -> None:
    put(service, 1, seller="acme")
    page = sit(service, "/desk/seller", role="seller", name="Sel", locale="zh-CN")
    expect(page.locator("h1")).to_have_text("退回的商品")
    expect(page.locator("nav a")).to_have_text(["退回的商品", "承诺", "Webhook 推送"])
    page.goto(f"{service.url}/desk/seller/promise")
    expect(page.locator(".promised").first).to_contain_text("商品太少，无法判断：")


def test_who_logs_in_for_a_seller_lands_there(service: Any) -> None:
    client = service.with_key(None)
    client.headers["origin"] = service.url
    answer = client.post("/desk/login", data={"key": service.key("seller")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/seller")


def test_a_person_who_is_invited_for_a_seller_lands_there_too(service: Any) -> None:
    made = service.client.post("/v1/people", json={"name": "Sel", "role": "seller", "sellers": ["acme"]}).json()
    code = service.client.post(f"/v1/people/{made['id']}/invitation").json()["code"]
    client = service.with_key(None)
    client.headers["origin"] = service.url
    answer = client.post("/desk/welcome", data={"code": code, "password": "a horse in a stable, quiet"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/seller")
    assert client.get("/desk/seller").status_code == 200
    assert client.get("/desk/items").status_code == 403


def test_an_admin_makes_a_person_of_a_seller_at_the_page(service: Any, sit: Sit) -> None:
    page = sit(service, "/desk/people", role="admin", name="Boss")
    page.fill("#new-person", "Sel")
    page.select_option("#people select[name=role] >> nth=0", "seller")
    page.fill("#people textarea[name=sellers] >> nth=0", "acme\nAcme, Inc.")
    page.click("#people .adding button")
    expect(page.locator("[data-person=Sel]")).to_contain_text("acme, Acme, Inc.")
    assert people_of(service) == {"Sel": ["acme", "Acme, Inc."]}
    page.locator("[data-person=Sel] summary").filter(has_text="Change").click()
    page.locator("[data-person=Sel] input[name=expires]").fill("2099-01-01")
    page.locator("[data-person=Sel] details[open] button").click()
    expect(page.locator("[data-person=Sel]")).to_contain_text("2099")
    assert people_of(service) == {"Sel": ["acme", "Acme, Inc."]}, "what was not changed stays"


def people_of(service: Any) -> dict[str, list[str]]:
    return {one["name"]: one["sellers"] for one in service.client.get("/v1/people").json()["people"]}


def test_the_filters_narrow_and_pages_go_by_cursor(service: Any, put: Put, seller: httpx.Client) -> None:
    put(service, 52, seller="acme")
    put(service, 1, seller="globex")
    first = seller.get("/desk/seller").text
    assert first.count('class="what"') == 50
    older = first.split('id="older" href="')[1].split('"')[0].replace("&amp;", "&")
    assert seller.get(older).text.count('class="what"') == 2
    assert 'class="what"' not in seller.get("/desk/seller?to=2020-01-01").text
    assert seller.get("/desk/seller?from=2020-01-01&condition=damaged&disposition=destroy").status_code == 200
    for wrong in ("from=yesterday", "to=9999-99-99", "condition=new", "disposition=x", "cursor=x"):
        answer = seller.get(f"/desk/seller?{wrong}")
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), wrong


def test_the_csv_has_all_rows_and_no_formula(service: Any, put: Put, seller: httpx.Client) -> None:
    put(service, 201, seller="acme", sku='=HYPERLINK("http://x")')
    put(service, 1, seller="globex")
    answer = seller.get("/desk/seller/items.csv")
    assert answer.content.startswith("\ufeff".encode())
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 202
    assert {row[2] for row in rows[1:]} == {'\'=HYPERLINK("http://x")'}
    assert {row[3] for row in rows[1:]} == {"acme"}
    assert seller.get("/desk/seller/items.csv?from=x").status_code == 422


def test_a_seller_of_two_makes_a_webhook_of_one_and_sees_its_secret_once(service: Any) -> None:
    browser = seat(service, service.key("seller", "Sel", sellers=("acme", "globex")))
    page = browser.get("/desk/webhooks").text
    assert 'name="adapter"' not in page
    assert "promise.broken" not in page
    form = {"url": "https://wms.example.com/", "seller": "globex", "type:inspection.decided": "on"}
    refused = browser.post("/desk/webhooks", data=form | {"seller": "other"})
    assert (refused.status_code, "acme, globex" in refused.text) == (422, True)
    made = browser.post("/desk/webhooks", data=form)
    assert made.status_code == 303
    shown = browser.get(made.headers["location"]).text
    assert "whsec_" in shown
    assert "Items of globex" in shown
    (hook,) = service.client.get("/v1/webhooks").json()
    assert (hook["seller"], hook["owner"], hook["types"]) == ("globex", "Sel", ["inspection.decided"])


def test_a_webhook_without_an_owner_says_so_and_a_colleague_resumes_it(service: Any) -> None:
    before = seat(service, service.key("seller", "Ann"))
    place = before.post("/desk/webhooks", data={"url": "https://wms.example.com/"}).headers["location"]
    service.runtime.keys.revoke(session_key(service, "Ann").id)
    assert before.get(place).status_code == 303  # to log in
    after = seat(service, service.key("seller", "Bo"))
    assert "Ann no longer sees the items of acme" in after.get(place).text
    assert after.post(f"{place}/resume").status_code == 303
    assert "Made by Bo" in after.get(place).text
