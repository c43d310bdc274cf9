"""What a reviewer has entered survives: sessions that end, networks that fail, services that restart, second tabs."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page, Route, expect
from sqlalchemy import select, update

from regrade.serving.storage.tables import reviews, sessions, tasks

Put = Callable[..., list[str]]
Sit = Callable[..., Page]
Intercept = Callable[..., None]


def on_show(page: Page) -> str:
    return str(page.evaluate("document.body.dataset.item"))


def saved(page: Page, count: int) -> None:
    page.wait_for_selector(f"body[data-decided='{count}']", state="attached", timeout=30_000)


def recorded(service: Any) -> list[tuple[str, str, str | None]]:
    """All decisions there are: of which item, which condition, which note."""
    with service.runtime.database.read() as connection:
        columns = (reviews.c.inspection_id, reviews.c.condition, reviews.c.note)
        return [tuple(row) for row in connection.execute(select(*columns).order_by(reviews.c.decided_at))]


def end_sessions(service: Any) -> None:
    with service.runtime.database.write() as connection:
        connection.execute(update(sessions).values(ended_at=datetime.now(UTC)))


def enter(page: Page, condition: str, note: str) -> None:
    """Choose a condition and write a note, without submitting."""
    page.keyboard.press(condition)
    page.keyboard.press("c")
    page.keyboard.type(note)


def test_a_session_that_ends_while_a_decision_is_written_loses_nothing(service: Any, put: Put, sit: Sit) -> None:
    first, second = put(service, 2)
    key = service.key("reviewer", "Ann")
    page = sit(service, key=key)
    enter(page, "3", "worn sole")
    end_sessions(service)
    page.keyboard.press("Enter")
    expect(page.locator("#session")).to_be_visible()
    page.fill("#session-key", "rg_0000_wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#session-fault")).to_contain_text("not valid")
    page.fill("#session-key", key)
    page.keyboard.press("Enter")
    saved(page, 1)
    expect(page.locator("#session")).to_be_hidden()
    assert recorded(service) == [(first, "used", "worn sole")]
    assert on_show(page) == second
    page.keyboard.press("1")
    page.keyboard.press("n")
    saved(page, 2)
    page.click(".logout button")
    page.wait_for_url("**/desk/login")


def test_somebody_else_who_logs_in_begins_anew(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    page = sit(service, key=service.key("reviewer", "Ann"))
    page.keyboard.press("3")
    end_sessions(service)
    page.keyboard.press("n")
    page.fill("#session-key", service.key("reviewer", "Bo"))
    with page.expect_event("load"):
        page.keyboard.press("Enter")
    expect(page.locator(".who")).to_have_text("Bo")
    assert recorded(service) == []
    assert service.runtime.inspections.get(one).status == "needs_review"


def test_a_login_in_another_tab_goes_on_in_this_one(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    key = service.key("reviewer", "Ann")
    page = sit(service, key=key)
    page.keyboard.press("2")
    end_sessions(service)
    other = page.context.new_page()
    other.goto(f"{service.url}/desk/login")
    other.fill("#key", key)
    other.press("#key", "Enter")
    other.wait_for_selector("#start")
    page.keyboard.press("n")
    saved(page, 1)
    expect(page.locator("#session")).to_be_hidden()
    assert recorded(service) == [(one, "opened", None)]


def test_decisions_made_without_a_network_are_told_and_saved_once_it_is_back(service: Any, put: Put, sit: Sit) -> None:
    first, second, _ = put(service, 3)
    page = sit(service)
    page.wait_for_selector("body[data-ahead]", state="attached")
    page.context.set_offline(True)
    page.keyboard.press("4")
    page.keyboard.press("n")
    expect(page.locator("#alert")).to_contain_text("RMA-01 is not saved yet")
    assert on_show(page) == second
    enter(page, "2", "box cut open")
    page.keyboard.press("Enter")
    expect(page.locator("#alert")).to_contain_text("2 decisions are not saved yet")
    page.context.set_offline(False)
    saved(page, 2)
    expect(page.locator("#alert")).to_be_hidden()
    expect(page.locator("#rma")).to_have_text("RMA-03")
    assert recorded(service) == [(first, "damaged", None), (second, "opened", "box cut open")]


def test_a_decision_whose_answer_is_lost_is_not_made_twice(
    service: Any, put: Put, sit: Sit, intercept: Intercept
) -> None:
    [one] = put(service)
    page = sit(service)
    answers: list[int] = []

    def lose(route: Route) -> None:
        answers.append(route.fetch().status)
        if len(answers) < 3:
            route.abort()
        else:
            route.continue_()

    intercept(page, "**/decide", lose)
    page.keyboard.press("3")
    page.keyboard.press("n")
    saved(page, 1)
    assert answers == [200, 200, 200]
    assert recorded(service) == [(one, "used", None)]


def test_a_restart_of_the_service_is_survived(serve: Any, put: Put, sit: Sit) -> None:
    service = serve()
    first, second = put(service, 2)
    page = sit(service)
    page.wait_for_selector("body[data-ahead]", state="attached")
    port = int(service.url.rpartition(":")[2])
    service.stop()
    enter(page, "2", "while it was down")
    page.keyboard.press("Enter")
    expect(page.locator("#alert")).to_contain_text("RMA-01 is not saved yet")
    again = serve(data_dir=service.settings.data_dir, port=port)
    saved(page, 1)
    assert on_show(page) == second
    assert recorded(again) == [(first, "opened", "while it was down")]


def test_an_item_whose_hold_was_lost_comes_back_as_it_was_left(service: Any, put: Put, sit: Sit) -> None:
    first, second = put(service, 2)
    page = sit(service)
    page.wait_for_selector("body[data-ahead]", state="attached")
    with service.runtime.database.write() as connection:
        nobody = {"lease_key_id": None, "lease_hash": None, "lease_expires_at": None, "leased_at": None}
        connection.execute(update(tasks).where(tasks.c.inspection_id == first).values(nobody))
    enter(page, "4", "dented")
    page.keyboard.press("Enter")
    expect(page.locator("#alert")).to_contain_text("It is yours again as you left it")
    assert on_show(page) == first
    expect(page.locator("#note")).to_have_value("dented")
    page.keyboard.press("n")
    saved(page, 1)
    assert recorded(service) == [(first, "damaged", "dented")]
    assert on_show(page) == second


def test_what_was_entered_is_there_when_an_expired_item_is_claimed_again(
    serve: Any, put: Put, sit: Sit, intercept: Intercept
) -> None:
    service = serve(lease_minutes=0.05)
    [one] = put(service)
    page = sit(service)
    intercept(page, "**/renew", lambda route: route.abort())
    enter(page, "4", "torn")
    expect(page.locator("#alert")).to_contain_text("has run out")
    page.wait_for_selector(f"body[data-item='{one}']", state="attached")
    expect(page.locator("#note")).to_have_value("torn")
    expect(page.locator("#condition-rows input[value=damaged]")).to_be_checked()


def test_a_second_tab_takes_nothing_away_until_it_is_told_to(service: Any, put: Put, sit: Sit) -> None:
    first, _ = put(service, 2)
    page = sit(service)
    enter(page, "3", "half a sentence")
    other = page.context.new_page()
    other.goto(f"{service.url}/desk/review")
    expect(other.locator("#empty-title")).to_have_text("You are reviewing in another tab")
    other.click("#take-over")
    other.wait_for_selector(f"body[data-item='{first}']", state="attached")
    expect(other.locator("#note")).to_have_value("half a sentence")
    expect(page.locator("#empty-title")).to_have_text("You are reviewing in another tab")
    page.close()
    other.keyboard.press("n")
    saved(other, 1)
    assert recorded(service) == [(first, "used", "half a sentence")]


def test_a_second_tab_that_is_closed_again_leaves_the_first_its_item(service: Any, put: Put, sit: Sit) -> None:
    [one] = put(service)
    page = sit(service)
    other = page.context.new_page()
    other.goto(f"{service.url}/desk/review")
    other.wait_for_selector("body[data-ready]")
    other.close()
    page.keyboard.press("1")
    page.keyboard.press("n")
    saved(page, 1)
    assert recorded(service) == [(one, "unopened", None)]


def test_from_the_queue_to_a_decision_and_back_by_keyboard(service: Any, put: Put, sit: Sit) -> None:
    _, second = put(service, 2)
    page = sit(service, "/desk")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"body[data-item='{second}']", state="attached")
    page.goto(f"{service.url}/desk")
    page.keyboard.press("r")
    page.wait_for_url("**/desk/review")
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("1")
    page.keyboard.press("n")
    saved(page, 1)


def test_the_dialog_for_a_new_session_is_accessible(service: Any, put: Put, sit: Sit, violations: Any) -> None:
    put(service)
    page = sit(service)
    end_sessions(service)
    page.keyboard.press("s")
    expect(page.locator("#session")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "session-key"
    page.keyboard.press("Escape")
    expect(page.locator("#session")).to_be_visible()
    assert violations(page) == []
