"""Who gets to the desk and who does not: keys, roles, sessions, and requests that other sites send."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from regrade.serving.access.sessions import LoginBrake

FORGED = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "https://evil.example"},
    {},
]
CLAIM = "/desk/api/claim"


class Seat:
    """Somebody at the desk, without a browser: sends what a browser would of a page of the desk."""

    def __init__(self, service: Any, key: str | None = None, **headers: str) -> None:
        self.client: httpx.Client = service.with_key(None)
        self.client.headers.update(headers)
        self.here = {"origin": service.url}
        self.answer = self.client.get("/desk/login") if key is None else self.log_in(key)

    def log_in(self, key: str, **fields: str) -> httpx.Response:
        return self.client.post("/desk/login", data={"key": key, **fields}, headers=self.here)

    @property
    def csrf(self) -> str:
        return self.client.get("/desk/review").text.split('data-csrf="')[1].split('"')[0]

    def claim(self, **headers: str) -> httpx.Response:
        return self.client.post(CLAIM, json={}, headers={**self.here, "x-csrf-token": self.csrf, **headers})


@pytest.fixture
def seat(service: Any) -> Seat:
    """A reviewer who has logged in."""
    return Seat(service, service.key("reviewer", "Ann"))


def test_a_reviewer_logs_in_and_is_brought_to_the_page_asked_for(service: Any) -> None:
    seat = Seat(service)
    asked = seat.client.get("/desk/review?seller=acme")
    assert asked.headers["location"] == "/desk/login?next=%2Fdesk%2Freview%3Fseller%3Dacme"
    answer = seat.log_in(service.key("reviewer"), next="/desk/review?seller=acme")
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/review?seller=acme")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/desk\\@evil", "/deskx", "/v1", "/desk\r\nX: 1"]
)
def test_no_login_leads_elsewhere(service: Any, elsewhere: str) -> None:
    answer = Seat(service).log_in(service.key("reviewer"), next=elsewhere)
    assert answer.headers["location"] == "/desk"


def test_the_cookie_is_kept_from_scripts_and_other_sites(seat: Seat) -> None:
    attributes = {part.strip().lower() for part in seat.answer.headers["set-cookie"].split(";")[1:]}
    assert attributes == {"httponly", "path=/", "samesite=strict"}


def test_over_https_the_cookie_goes_over_https_alone(service: Any) -> None:
    seat = Seat(service, service.key("reviewer"), **{"x-forwarded-proto": "https"})
    cookie = seat.answer.headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "Secure" in cookie


def test_a_wrong_key_is_refused(service: Any) -> None:
    answer = Seat(service).log_in("rg_0000_wrong")
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert "This key is not valid" in answer.text


def test_wrong_logins_delay_nobody_else_at_the_same_address(service: Any) -> None:
    key = service.key("reviewer")
    with ThreadPoolExecutor(20) as others:
        wrong = [others.submit(lambda: Seat(service).log_in("rg_0000_wrong").status_code) for _ in range(40)]
        time.sleep(0.3)
        begun = time.monotonic()
        assert Seat(service).log_in(key).status_code == 303
        # The wrong ones wait for up to 4 s by now; generous for a busy machine.
        assert time.monotonic() - begun < 2 or all(one.done() for one in wrong)
    assert {one.result() for one in wrong} == {401}


def test_too_many_wrong_logins_at_once_are_told_so(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoginBrake, "MOST_WAITING", 0)
    answer = Seat(service).log_in("rg_0000_wrong")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "4")
    assert "A right key still works" in answer.text
    assert Seat(service).log_in(service.key("reviewer")).status_code == 303


def test_wrong_keys_are_counted(service: Any) -> None:
    Seat(service).log_in("rg_0000_wrong")
    service.with_key("rg_0000_wrong").get("/v1/inspections")
    text = service.client.get("/metrics").text
    assert 'regrade_failed_logins_total{where="desk"} 1.0' in text
    assert 'regrade_failed_logins_total{where="api"} 1.0' in text


def test_a_station_key_opens_no_desk(service: Any) -> None:
    answer = Seat(service).log_in(service.key("station"))
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert "is of the role “station”" in answer.text


def test_an_engineer_sees_quality_and_no_items(service: Any) -> None:
    seat = Seat(service, service.key("engineer"))
    assert seat.answer.headers["location"] == "/desk/quality"
    assert [seat.client.get(path).status_code for path in ("/desk", "/desk/review", "/desk/api/items/x")] == [403] * 3


@pytest.mark.parametrize("path", ["/desk", "/desk/review", "/desk/items", "/desk/items/x"])
def test_pages_send_strangers_to_log_in(service: Any, path: str) -> None:
    answer = Seat(service).client.get(path)
    assert (answer.status_code, answer.headers["location"][:11]) == (303, "/desk/login")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", CLAIM), ("POST", "/desk/api/items/x/decide"), ("POST", "/desk/api/items/x/undo"),
     ("POST", "/desk/api/items/x/renew"), ("POST", "/desk/api/tasks/x/release"), ("GET", "/desk/api/items/x"),
     ("GET", "/desk/api/items/x/photos/0"), ("GET", "/desk/api/rubric/examples/x"),
     ("GET", "/desk/api/session")],
)  # fmt: skip
def test_nothing_is_told_to_strangers_nor_to_holders_of_a_bare_key(service: Any, method: str, path: str) -> None:
    for client in (Seat(service).client, service.as_role("reviewer")):
        answer = client.request(method, path, headers={"origin": service.url})
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:regrade:problem:unauthenticated")


def test_a_link_from_elsewhere_asks_once_more_before_it_sends_to_log_in(seat: Seat) -> None:
    seat.client.cookies.clear()
    answer = seat.client.get("/desk", headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.headers["refresh"], answer.text) == (200, "0", "")


def test_the_session_opens_nothing_of_the_api(seat: Seat) -> None:
    assert seat.client.get("/desk").status_code == 200
    assert seat.client.get("/v1/inspections").status_code == 401
    assert seat.client.post("/v1/reviews/claim", headers=seat.here).status_code == 401


@pytest.mark.parametrize("forged", FORGED)
def test_what_another_site_sends_is_refused(seat: Seat, forged: dict[str, str]) -> None:
    headers = {"x-csrf-token": seat.csrf, **forged}
    answers = [
        seat.client.post(CLAIM, json={}, headers=headers),
        seat.client.post("/desk/logout", data={"csrf": seat.csrf}, headers=forged),
        seat.client.post("/desk/login", data={"key": "x"}, headers=forged),
        seat.client.post("/desk/language", data={"language": "zh-CN"}, headers=forged),
    ]
    assert {(one.status_code, one.json()["type"]) for one in answers} == {(403, "urn:regrade:problem:cross-site")}
    assert seat.claim().status_code == 200


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_without_the_token_of_the_session_nothing_is_changed(seat: Seat, token: str) -> None:
    assert seat.claim(**{"x-csrf-token": token}).status_code == 403
    assert seat.client.post("/desk/logout", data={"csrf": token}, headers=seat.here).status_code == 403
    assert seat.client.get("/desk").status_code == 200


def test_the_token_of_another_session_does_not_count(service: Any, seat: Seat) -> None:
    other = Seat(service, service.key("reviewer", "Bo"))
    assert seat.claim(**{"x-csrf-token": other.csrf}).status_code == 403


def test_logging_out_ends_the_session_on_the_server(seat: Seat) -> None:
    kept = dict(seat.client.cookies)
    assert seat.client.post("/desk/logout", data={"csrf": seat.csrf}, headers=seat.here).status_code == 303
    assert dict(seat.client.cookies) == {}
    seat.client.cookies.update(kept)
    assert seat.client.get("/desk").status_code == 303


def test_another_site_cannot_log_anybody_out(seat: Seat) -> None:
    answer = httpx.post(seat.client.base_url.join("/desk/logout"), headers={"origin": "https://evil.example"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_a_revoked_key_ends_its_session(service: Any, seat: Seat) -> None:
    [key] = [key for key in service.runtime.keys.all_keys() if key.name == "Ann"]
    service.runtime.keys.revoke(key.id)
    assert seat.client.get("/desk").status_code == 303


def test_logins_and_logouts_are_audited(service: Any, seat: Seat) -> None:
    seat.client.post("/desk/logout", data={"csrf": seat.csrf}, headers=seat.here)
    with service.runtime.desk.trail() as trail:
        assert [(line.name, line.action) for line in trail] == [("Ann", "login"), ("Ann", "logout")]


def test_pages_are_kept_nowhere_and_forbid_what_they_do_not_use(seat: Seat) -> None:
    for path in ("/desk", "/desk/review", "/desk/login"):
        headers = seat.client.get(path).headers
        assert "unsafe" not in headers.get("content-security-policy", "")
    headers = seat.client.get("/desk").headers
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    "query", ["min_value=abc", "kind=sample", "older_than=-1", "cursor=???", f"seller={'x' * 200}", "max_value=nan"]
)
def test_filters_that_make_no_sense_are_named(seat: Seat, query: str) -> None:
    answer = seat.client.get(f"/desk?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.text.split('role="alert"')[1].split("</p>")[0]
