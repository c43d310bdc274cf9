"""The quality page: what it shows of stored decisions and photos, to whom, and as files."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from regrade.models.types import CONDITIONS
from regrade.serving.policy.terms import Policy
from regrade.serving.review import Filters, Verdict
from regrade.serving.review.quality.promises import CategoryPromise, category_promises
from regrade.serving.storage.records import new_id

Sit = Callable[..., Page]
Put = Callable[..., list[str]]


@pytest.fixture
def history(serve_sampling: Any, put: Put) -> Any:
    """A service of which LA-07 has had another lamp for eight days, and whose sure grades are often wrong."""
    service = serve_sampling(1, 1)
    runtime, random = service.runtime, np.random.default_rng(5)
    like = runtime.inspections.get(put(service, 1, blind=True, seller="acme", station="LA-07")[0])
    noon = datetime.now(UTC).replace(hour=12) - timedelta(days=50)
    for day in range(50):
        for station in ("LA-07", "LA-08"):
            for item in range(6):
                dark = station == "LA-07" and day >= 42
                light = {
                    "brightness": float(random.normal(105 if dark else 128, 2)),
                    "warmth": float(random.normal(-4 if dark else 9, 1)),
                    "tint": float(random.normal(1, 0.4)),
                    "sharpness": float(random.normal(0.7, 0.01)),
                }
                one = replace(
                    like,
                    id=new_id(),
                    created_at=noon + timedelta(days=day, minutes=item),
                    item={"rma": f"R-{day}-{item}", "seller": "acme", "station": station},
                    result=replace(like.result, quality=tuple(replace(q, measures=light) for q in like.result.quality)),
                )
                runtime.inspections.insert(one)
    people = [runtime.keys.create("reviewer", name)[1] for name in ("Ann", "Bob")]
    graded = like.result.grade.condition
    for turn in range(40):
        filters = Filters()
        for index, reviewer in enumerate(people):
            claimed = runtime.desk.claim(reviewer, filters)
            filters = Filters(inspection_id=claimed.inspection.id)
            other = CONDITIONS[(CONDITIONS.index(graded) + 1) % 4]
            condition = other if turn % 4 == 0 or (index and turn % 7 == 0) else graded
            runtime.desk.decide(claimed.inspection.id, claimed.token, reviewer, Verdict(condition))
    return service


def test_the_page_tells_what_is_wrong_in_both_languages(history: Any, sit: Sit, violations: Any) -> None:
    page = sit(history, "/desk/quality")
    alarms = page.locator("#alarms li")
    expect(alarms.filter(has_text="Photos from LA-07 have changed since")).to_have_count(1)
    expect(alarms.filter(has_text="darker and bluer")).to_have_count(1)
    expect(alarms.filter(has_text="LA-08")).to_have_count(0)
    expect(alarms.filter(has_text="wrong more often than promised")).to_have_count(1)
    expect(page.locator(".station")).to_have_count(2)
    expect(page.locator(".station").first).to_contain_text("LA-07")  # the worst first
    expect(page.locator("td.off")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") == 1366
    page.locator("details summary").first.click()
    assert violations(page) == []
    page.click("[data-language='zh-CN']")
    expect(alarms.filter(has_text="偏蓝")).to_have_count(1)
    assert violations(page) == []


def test_an_alarm_leads_to_what_it_is_about(history: Any, sit: Sit) -> None:
    page = sit(history, "/desk/quality")
    page.get_by_role("link", name="Show: LA-07").click()
    expect(page.locator(".station:target")).to_contain_text("LA-07")
    page.get_by_role("link", name="Show: packaging").click()
    page.wait_for_url("**/desk/quality?category=packaging**")
    expect(page.locator("#errors tbody tr")).to_have_count(2)


def test_the_page_fits_a_tablet(history: Any, sit: Sit, violations: Any) -> None:
    page = sit(history, "/desk/quality", viewport={"width": 1024, "height": 768}, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 1024
    assert violations(page) == []


def test_open_ties_are_told_apart_from_errors(history: Any, sit: Sit) -> None:
    page = sit(history, "/desk/quality")
    heads = page.locator("#errors thead th").all_text_contents()
    # The range has two cells under one head.
    place = heads.index("Open ties") + 1
    cells = page.locator("#errors tbody tr").first.locator("> *").all_text_contents()
    looks = history.runtime.desk.looks()
    ties = {look.inspection_id for look in looks if look.kind == "sample" and look.condition != look.model_condition}
    assert len(ties) == 10
    assert int(cells[place]) >= len(ties)
    assert int(cells[place - 1]) == 0
    expect(page.locator(".tiles")).to_contain_text(cells[place])


def test_no_filter_is_narrow_enough_to_show_what_a_blind_look_is_to_find_out(
    serve_sampling: Any, put: Put, sit: Sit
) -> None:
    service = serve_sampling(1, 1)
    [one] = put(service, 1, blind=True, seller="acme")
    claimed = service.runtime.desk.claim(bob := service.runtime.keys.create("reviewer", "Bob")[1], Filters())
    service.runtime.desk.decide(one, claimed.token, bob, Verdict("opened"))
    for role, hidden in (("reviewer", True), ("engineer", False)):
        page = sit(service, "/desk/quality?seller=acme", name=role, role=role)
        rows = page.request.get(f"{service.url}/desk/quality/agreement.csv?seller=acme").text().strip().splitlines()
        assert (len(rows) == 1, page.locator("#withheld").count() == 1) == (hidden, hidden)


def test_names_cannot_become_formulas_or_markup(serve_sampling: Any, put: Put, sit: Sit) -> None:
    service = serve_sampling(1, 0)
    for seller in ('=HYPERLINK("http://evil.example")', "+1", "-1", "@SUM(A1)", "\tx", "<b>bold</b>"):
        put(service, 1, blind=True, seller=seller, station=seller)
    page = sit(service, "/desk/quality")
    page.locator("details summary").first.click()
    expect(page.locator("#seller-errors")).to_contain_text("<b>bold</b>")
    text = page.request.get(f"{service.url}/desk/quality/errors.csv").text().removeprefix("\ufeff")
    parts = {row["part"] for row in csv.DictReader(io.StringIO(text)) if row["by"] == "seller"}
    assert parts == {'\'=HYPERLINK("http://evil.example")', "'+1", "'-1", "'@SUM(A1)", "'\tx", "<b>bold</b>"}


def test_filters_and_files_agree_with_the_page(history: Any, sit: Sit) -> None:
    page = sit(history, "/desk/quality")
    page.select_option("[name=subject]", "reviewers")
    page.select_option("[name=by]", "people")
    page.click("form.filters button")
    expect(page.locator("#agreement tbody tr")).to_have_count(1)
    expect(page.locator("#agreement tbody tr")).to_contain_text("Ann – Bob")
    for table in ("errors", "agreement", "stations", "alarms"):
        answer = page.request.get(f"{history.url}/desk/quality/{table}.csv")
        assert answer.status == 200
        rows = list(csv.DictReader(io.StringIO(answer.text().removeprefix("\ufeff"))))
        assert rows, table
        assert all(None not in row and None not in row.values() for row in rows), table
    assert page.request.get(f"{history.url}/desk/quality/secrets.csv").status == 404
    page.goto(f"{history.url}/desk/quality?seller=nobody")
    expect(page.locator("#no-alarms")).to_be_visible()


def test_an_empty_service_shows_an_empty_page(service: Any, sit: Sit, violations: Any) -> None:
    page = sit(service, "/desk/quality")
    expect(page.locator("#no-alarms")).to_be_visible()
    assert violations(page) == []
    answer = page.goto(f"{service.url}/desk/quality?since=yesterday")
    assert answer is not None
    assert answer.status == 422
    expect(page.locator("[role=alert]")).to_contain_text("is not a day")


def test_an_engineer_may_open_this_page_and_nothing_more(service: Any) -> None:
    browser = service.with_key(None)
    browser.headers["origin"] = service.url
    answer = browser.post("/desk/login", data={"key": service.key("engineer", "Priya")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/quality")
    page = browser.get("/desk/quality")
    assert page.status_code == 200
    assert 'href="/desk/review"' not in page.text
    for table in ("errors", "agreement", "inspectors", "stations", "alarms"):
        assert browser.get(f"/desk/quality/{table}.csv").status_code == 200
    assert [browser.get(path).status_code for path in ("/desk", "/desk/review")] == [403, 403]
    csrf = page.text.split('data-csrf="')[1].split('"')[0]
    assert browser.post("/desk/api/claim", json={}, headers={"x-csrf-token": csrf}).status_code == 403


def test_a_station_key_opens_nothing_here(service: Any) -> None:
    browser = service.with_key(None)
    browser.headers["origin"] = service.url
    assert browser.post("/desk/login", data={"key": service.key("station")}).status_code == 403
    assert browser.get("/desk/quality").status_code == 303


def test_nobody_else_reads_the_page_or_its_files(service: Any) -> None:
    assert service.client.get("/desk/quality").headers["location"].startswith("/desk/login")
    assert service.client.get("/desk/quality/errors.csv").status_code == 401


def test_what_is_promised_is_told_with_what_it_rests_on(history: Any, sit: Sit, violations: Any) -> None:
    page = sit(history, "/desk/quality")
    rows = page.locator("#promises tbody tr")
    expect(rows).to_have_count(4)
    apparel = rows.filter(has_text="apparel")
    expect(apparel).to_contain_text("promised: at most $0.85")
    expect(apparel).to_contain_text("looks: 1782")
    expect(apparel).to_contain_text("by the loss alone")
    assert violations(page) == []
    written = page.request.get(f"{history.url}/desk/quality/promises.csv").text()
    assert [line.split(",")[0].lstrip("\ufeff") for line in written.splitlines()] == [
        *("category", "apparel", "electronics", "footwear", "packaging")
    ]
    page.click("[data-language='zh-CN']")
    expect(rows.first).to_contain_text("承诺上限")
    assert violations(page) == []


def test_the_promise_is_worked_out_for_the_conditions_that_the_site_gets(history: Any, sit: Sit) -> None:
    """All cartons of this site look alike; how they would be shared out over the conditions is told by the model."""
    (packaging,) = [one for one in promises(history) if one.told.category == "packaging"]
    assert packaging.site is not None
    assert packaging.at_site is not None
    assert packaging.site.items == 602
    assert sum(share for share, _, _ in packaging.site.shares.values()) == pytest.approx(1.0)
    assert all(low <= share <= high for share, low, high in packaging.site.shares.values())
    rows = sit(history, "/desk/quality").locator("#promises tbody tr")
    expect(rows.filter(has_text="packaging")).to_contain_text("At these shares, by 602 items")
    expect(rows.filter(has_text="footwear")).to_contain_text("too few items yet to tell")


def test_items_that_another_bundle_graded_tell_nothing_of_this_one(history: Any) -> None:
    policy = history.runtime.in_force.policy
    other = replace(policy.held_out["packaging"], version="2025.1.1")
    found = promises(history, replace(policy, held_out={"packaging": other}, worked_out={}))
    assert [one.site for one in found] == [None]


def promises(service: Any, policy: Policy | None = None) -> list[CategoryPromise]:
    since = datetime.now(UTC) - timedelta(weeks=26)
    return category_promises(policy or service.runtime.in_force.policy, service.runtime.database, since)


def test_how_far_the_models_word_moves_inspectors_is_shown(
    serve_sampling: Any, put: Put, sit: Sit, violations: Any
) -> None:
    service = serve_sampling(0, 0)
    desk, bench = service.runtime.desk, service.runtime.keys.create("station", "LA-07")[1]
    for item in put(service, 60, station="LA-07", declared_value={"amount": 60, "currency": "USD"}):
        made = service.runtime.inspections.get(item)
        model, first = made.model_condition, desk.decides_first(made)
        desk.decide_at_bench(item, bench, Verdict(_other(model) if first else model), blind=True)
    page = sit(service, "/desk/quality", name="Priya", role="engineer")
    rows = page.locator("#inspectors tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("LA-07")
    expect(rows.last).to_contain_text("follow the model")
    assert violations(page) == []
    written = page.request.get(f"{service.url}/desk/quality/inspectors.csv").text().removeprefix("\ufeff")
    found = list(csv.DictReader(io.StringIO(written)))
    assert [(row["by"], row["part"], row["verdict"]) for row in found] == [
        ("all", "", "moved"),
        ("people", "LA-07", "moved"),
        ("station", "LA-07", "moved"),
    ]
    assert {int(row["first"]) + int(row["after"]) for row in found} == {60}


def _other(condition: str) -> str:
    return CONDITIONS[(CONDITIONS.index(condition) + 1) % 4]
