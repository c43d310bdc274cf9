"""The pages of webhooks as a browser without scripts has them: what they show, refuse and do once."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from regrade.serving.http.routes.events import shown
from tests.serving.access.test_roles_and_routes import seat

PAGE = "/desk/webhooks"
URL = "https://wms.example.com/hooks"


@pytest.fixture
def service(serve: Any) -> Any:
    """A service whose webhooks get no answer."""
    return serve()


@pytest.fixture
def browser(service: Any) -> httpx.Client:
    """That of an admin who is logged in."""
    return seat(service, service.key("admin"))


def made(service: Any, **more: Any) -> str:
    answer = service.client.post("/v1/webhooks", json={"url": URL, **more})
    assert answer.status_code == 201, answer.text
    return f"{PAGE}/{answer.json()['id']}"


def alert(answer: httpx.Response) -> str:
    found = re.search(r'role="alert">([^<]*)<', answer.text)
    assert found is not None, answer.text
    return html.unescape(found[1])


def secret(answer: httpx.Response) -> str | None:
    found = re.search(r"whsec_[^<]*", answer.text)
    return None if found is None else html.unescape(found[0])


def test_the_list_opens_without_webhooks_and_with_some(service: Any, browser: httpx.Client) -> None:
    empty = browser.get(PAGE)
    assert (empty.status_code, "Events are sent nowhere yet." in empty.text) == (200, True)
    page = made(service, types=["inspection.graded"], seller="acme", description="WMS")
    full = browser.get(PAGE)
    assert full.status_code == 200
    for shown_there in (URL, page, "Items of acme", "WMS"):
        assert shown_there in full.text
    assert browser.get(page).status_code == 200


@pytest.mark.parametrize("url", ["https://10.0.0.1/hooks", "nowhere", ""])
def test_a_bad_address_is_refused_and_what_was_typed_stays(service: Any, browser: httpx.Client, url: str) -> None:
    typed = {"url": url, "description": "a <b> & c", "seller": "acme", "type:inspection.decided": "on"}
    answer = browser.post(PAGE, data=typed)
    assert answer.status_code == 422
    assert alert(answer)
    for name in ("url", "description", "seller"):
        assert f'value="{html.escape(typed[name])}"' in answer.text, name
    assert re.findall(r'name="(type:[a-z.]+)" checked', answer.text) == ["type:inspection.decided"]
    assert service.client.get("/v1/webhooks").json() == []


def test_too_long_a_description_is_refused(service: Any, browser: httpx.Client) -> None:
    assert browser.post(PAGE, data={"url": URL, "description": "x" * 201}).status_code == 422
    assert service.client.get("/v1/webhooks").json() == []


def test_one_is_made_once_however_often_the_page_is_loaded(service: Any, browser: httpx.Client) -> None:
    answer = browser.post(PAGE, data={"url": URL})
    assert answer.status_code == 303
    page = answer.headers["location"]
    first = secret(browser.get(page))
    assert first is not None
    assert secret(browser.get(page)) == first
    assert len(service.client.get("/v1/webhooks").json()) == 1
    somebody = seat(service, service.key("admin"))
    somebody.cookies.set(cookie := "regrade_webhook_secret", browser.cookies[cookie])
    assert secret(somebody.get(page)) is None


def test_a_secret_is_turned_once_by_two_clicks_and_shown(service: Any, browser: httpx.Client) -> None:
    page = made(service)
    assert secret(browser.get(page)) is None
    assert 'name="generation" value="1"' in browser.get(page).text
    clicks = [browser.post(f"{page}/rotate", data={"generation": "1"}) for _ in range(2)]
    assert [(one.status_code, one.headers["location"]) for one in clicks] == [(303, page)] * 2
    now = browser.get(page)
    (endpoint,) = service.runtime.webhooks.all()
    assert endpoint.generations == (2, 1)
    assert secret(now) == service.runtime.webhooks.secret(endpoint)
    assert f"{page}/rotate" not in now.text
    again = browser.post(f"{page}/rotate", data={"generation": "2"})
    assert (again.status_code, secret(again)) == (409, None)
    assert "make another webhook" in alert(again)
    assert service.runtime.webhooks.all()[0].generations == (2, 1)


@pytest.mark.parametrize("generation", ["", "7", "0", "x"])
def test_without_what_the_page_had_no_secret_is_turned(service: Any, browser: httpx.Client, generation: str) -> None:
    page = made(service)
    assert browser.post(f"{page}/rotate", data={"generation": generation}).status_code == 303
    assert service.runtime.webhooks.all()[0].generations == (1,)
    assert secret(browser.get(page)) is None


def test_a_cookie_that_is_made_up_or_too_old_shows_nothing(
    service: Any, browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = made(service)
    later = int((datetime.now(UTC) + timedelta(minutes=1)).timestamp())
    for value in (f"{later}.", f"{later}.{'0' * 64}", "x", "9" * 40 + ".x"):
        assert secret(browser.get(page, headers={"cookie": _cookies(browser, value)})) is None
    monkeypatch.setattr(shown, "FOR", timedelta(seconds=-5))
    browser.post(PAGE, data={"url": URL})
    assert all(secret(browser.get(f"{PAGE}/{one.id}")) is None for one in service.runtime.webhooks.all())


def _cookies(browser: httpx.Client, value: str) -> str:
    return "; ".join([*(f"{name}={held}" for name, held in browser.cookies.items()), f"regrade_webhook_secret={value}"])


def test_one_is_removed_and_then_gone(service: Any, browser: httpx.Client) -> None:
    page = made(service)
    removed = browser.post(f"{page}/remove")
    assert (removed.status_code, removed.headers["location"]) == (303, PAGE)
    assert service.client.get("/v1/webhooks").json() == []
    for gone in (browser.get(page), *(browser.post(f"{page}/{act}") for act in ("remove", "pause", "rotate", "ping"))):
        assert gone.status_code == 404
        assert "There is no webhook" in alert(gone)


@pytest.mark.parametrize("since", ["", "yesterday", "2026-13-01T00:00", "2026-01-01"])
def test_a_moment_that_is_none_is_refused_on_the_page_of_the_webhook(
    service: Any, browser: httpx.Client, since: str
) -> None:
    page = made(service)
    answer = browser.post(f"{page}/replay", data={"since": since})
    assert answer.status_code == 422
    assert alert(answer)
    assert f"{page}/replay" in answer.text
    assert browser.post(f"{page}/replay", data={"since": "2026-01-01T00:00"}).status_code == 303


@pytest.mark.parametrize("act", ["rotate", "ping", "remove", "pause", "resume", "replay", "retry"])
def test_the_address_of_a_button_leads_back_to_its_page(service: Any, browser: httpx.Client, act: str) -> None:
    page = made(service)
    answer = browser.get(f"{page}/{act}")
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert service.runtime.webhooks.all()[0].generations == (1,)
