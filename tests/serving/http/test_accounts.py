"""Stations and people over HTTP: what admins do, what a tablet gets for a code, and how people come in."""

from typing import Any

import httpx
import pytest

from regrade.serving.access.entrance import OF_A_NAME_HERE, OF_CODES_HERE
from regrade.serving.http.routes.accounts.page import device_of
from tests.serving.access.authenticator import PRESENT, Authenticator
from tests.serving.access.test_roles_and_routes import seat

PASSWORD = "three words suffice"
HOST = "grade.example.com"
PLACE = f"https://{HOST}"


def add_station(service: Any, name: str = "LA-07") -> dict[str, Any]:
    answer = service.client.post("/v1/stations", json={"name": name})
    assert answer.status_code == 201
    made: dict[str, Any] = answer.json()
    return made


def pair(service: Any, station: dict[str, Any]) -> str:
    """The key of a tablet that is paired now."""
    code = service.client.post(f"/v1/stations/{station['id']}/pairing").json()["code"]
    key: str = service.with_key(None).post("/v1/pairing", json={"code": code}).json()["key"]
    return key


def invite(service: Any, name: str = "Ann", role: str = "reviewer") -> tuple[str, str]:
    """Somebody new: their id, and the code of their invitation."""
    made = service.client.post("/v1/people", json={"name": name, "role": role}).json()
    return made["id"], service.client.post(f"/v1/people/{made['id']}/invitation").json()["code"]


class Visitor:
    """Somebody at the desk's pages, without a browser."""

    def __init__(self, service: Any) -> None:
        self.client: httpx.Client = service.with_key(None)
        self.client.headers["origin"] = service.url

    def post(self, path: str, body: Any = None, **form: str) -> httpx.Response:
        return (
            self.client.post(f"/desk/{path}", json=body) if form == {} else self.client.post(f"/desk/{path}", data=form)
        )

    def options(self, path: str, body: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.post(path, body).json()["publicKey"]
        return found

    @property
    def name(self) -> str:
        """Who the desk takes this for."""
        page = self.client.get("/desk/quality").text
        return page.split('class="who"')[1].split(">")[1].split("<")[0]

    @property
    def csrf(self) -> str:
        return self.client.get("/desk/quality").text.split('data-csrf="')[1].split('"')[0]


@pytest.fixture
def abroad(serve: Any) -> Any:
    """A service that browsers reach as grade.example.com, by a proxy."""
    return serve(public_url=PLACE)


def test_an_item_of_a_paired_tablet_is_of_its_station(service: Any, photo: bytes) -> None:
    station = add_station(service)
    tablet = service.with_key(pair(service, station))
    assert tablet.get("/v1/stations/own").json() == {"station": "LA-07"}
    left_out = service.post([photo], {"rma": "1"}, client=tablet)
    same = service.post([photo], {"rma": "2", "station": "la-07"}, client=tablet)
    other = service.post([photo], {"rma": "3", "station": "LA-08"}, client=tablet)
    assert [answer.json()["item"]["station"] for answer in (left_out, same)] == ["LA-07", "LA-07"]
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "station")
    assert "LA-07" in other.json()["errors"][0]["message"]
    assert len(service.client.get("/v1/inspections?station=LA-07").json()["items"]) == 2


def test_an_item_that_is_sent_again_is_the_same_after_its_station_was_renamed_and_paired_anew(
    service: Any, photo: bytes
) -> None:
    station = add_station(service)
    tablet = service.with_key(pair(service, station))
    first = service.post([photo], {"rma": "1"}, key="k", client=tablet)
    named = service.post([photo], {"rma": "3", "station": "LA-07"}, key="n", client=tablet)
    assert service.client.patch(f"/v1/stations/{station['id']}", json={"name": "LA-70"}).json()["name"] == "LA-70"
    tablet = service.with_key(pair(service, station))
    again = service.post([photo], {"rma": "1"}, key="k", client=tablet)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert again.json()["item"]["station"] == "LA-07"
    assert service.post([photo], {"rma": "2"}, client=tablet).json()["item"]["station"] == "LA-70"
    # So is one that names the station as it was called.
    again = service.post([photo], {"rma": "3", "station": "LA-07"}, key="n", client=tablet)
    assert (again.status_code, again.json()["id"]) == (200, named.json()["id"])
    assert service.post([photo], {"rma": "4", "station": "LA-07"}, key="m", client=tablet).status_code == 422


def test_plain_station_keys_name_any_station_or_none(service: Any, photo: bytes) -> None:
    add_station(service)
    bench = service.as_role("station", "bench")
    assert bench.get("/v1/stations/own").json() == {"station": None}
    assert service.post([photo], {"rma": "1", "station": "LA-07"}, client=bench).json()["item"]["station"] == "LA-07"
    assert "station" not in service.post([photo], {"rma": "2"}, client=bench).json()["item"]


def test_revoking_a_tablet_counts_from_its_next_request(service: Any) -> None:
    station = add_station(service)
    tablet = service.with_key(pair(service, station))
    assert tablet.get("/v1/stations/own").status_code == 200
    assert service.client.delete(f"/v1/stations/{station['id']}").json()["state"] == "revoked"
    assert tablet.get("/v1/stations/own").status_code == 401


def test_the_link_of_a_code_keeps_it_out_of_logs(service: Any) -> None:
    made = service.client.post(f"/v1/stations/{add_station(service)['id']}/pairing").json()
    assert made["link"] == f"{service.url}/station#pair={made['code']}"


def test_links_begin_with_the_address_that_was_set(abroad: Any) -> None:
    made = abroad.client.post(f"/v1/stations/{add_station(abroad)['id']}/pairing").json()
    assert made["link"] == f"{PLACE}/station#pair={made['code']}"


def test_who_uses_a_station_and_since_when_is_told(service: Any) -> None:
    station = add_station(service)
    service.with_key(pair(service, station)).get("/v1/stations/own")
    (told,) = service.client.get("/v1/stations").json()["stations"]
    assert (told["state"], told["created_by"], told["address"]) == ("paired", "first", "127.0.0.1")
    assert told["user_agent"].startswith("python-httpx")
    assert told["last_used_at"] is not None


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\u200bb", "\u2800", "a\nb", 7])
def test_names_that_cannot_be_seen_or_are_too_long_are_refused(service: Any, name: Any) -> None:
    for path, body in (("stations", {"name": name}), ("people", {"name": name, "role": "reviewer"})):
        answer = service.client.post(f"/v1/{path}", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")


def test_a_name_that_is_taken_is_refused(service: Any) -> None:
    add_station(service)
    answer = service.client.post("/v1/stations", json={"name": "la-07"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "la-07 is taken. Choose another name.")


def test_a_name_that_looks_like_somebody_elses_is_refused_with_both(service: Any) -> None:
    assert service.client.post("/v1/people", json={"name": "Ann Li", "role": "reviewer"}).status_code == 201
    answer = service.client.post("/v1/people", json={"name": "\u0410nn  Li", "role": "reviewer"})
    assert (answer.status_code, "looks like Ann Li" in answer.json()["detail"]) == (409, True)


def test_as_many_sellers_as_there_may_be_fit_into_the_form(service: Any) -> None:
    sellers = [f"{number:02}" + 126 * "卖" for number in range(50)]
    desk = seat(service, service.key("admin"))
    form = {"name": "Sel", "role": "seller", "sellers": "\n".join(sellers)}
    assert desk.post("/desk/people/people/add", data=form).status_code == 303
    (made,) = service.client.get("/v1/people").json()["people"]
    assert made["sellers"] == sellers


@pytest.mark.parametrize(
    ("role", "wanted", "there"),
    [
        *(("engineer", "/desk", "/desk/quality"), ("seller", "/desk?category=x", "/desk/seller")),
        *(("reviewer", "/desk?category=x", "/desk?category=x"), ("engineer", "/desk/models", "/desk/models")),
    ],
)
def test_who_logs_in_lands_where_their_role_begins_and_not_at_a_refusal(
    service: Any, role: Any, wanted: str, there: str
) -> None:
    visitor = Visitor(service)
    answer = visitor.post("login", key=service.key(role), next=wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, there)
    again = visitor.client.get("/desk/login", params={"next": wanted})
    assert (again.status_code, again.headers["location"]) == (303, there)


def test_guessing_codes_ends_soon_even_for_who_then_has_the_right_one(service: Any) -> None:
    station = add_station(service)
    code = service.client.post(f"/v1/stations/{station['id']}/pairing").json()["code"]
    stranger = service.with_key(None)
    wrong = [stranger.post("/v1/pairing", json={"code": "2222-2222"}).status_code for _ in range(OF_CODES_HERE)]
    assert set(wrong) == {404}
    answer = stranger.post("/v1/pairing", json={"code": code})
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:regrade:problem:too-many-attempts")
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert Visitor(service).post("welcome/name", {"code": code}).status_code == 429


def test_somebody_invited_chooses_a_password_and_logs_in_by_it(service: Any) -> None:
    _, code = invite(service)
    ann = Visitor(service)
    assert ann.post("welcome/name", {"code": code}).json() == {"name": "Ann"}
    short = ann.post("welcome", code=code, password="too short")
    assert (short.status_code, "at least 12 characters" in short.text) == (422, True)
    assert ann.post("welcome", code=code, password=PASSWORD).headers["location"] == "/desk"
    assert ann.name == "Ann"
    assert Visitor(service).post("welcome", code=code, password=PASSWORD).status_code == 404
    again = Visitor(service)
    answer = again.post("login", name=" ANN ", password=PASSWORD, next="/desk/review")
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/review")
    assert again.name == "Ann"
    with service.runtime.desk.trail() as trail:
        logins = [line.detail["by"] for line in trail if line.action == "login"]
    assert logins == ["invitation", "password"]


def test_wrong_passwords_are_looked_at_so_many_times_and_then_not_even_right_ones(service: Any) -> None:
    person, code = invite(service)
    assert Visitor(service).post("welcome", code=code, password=PASSWORD).status_code == 303
    visitor = Visitor(service)
    known = [visitor.post("login", name="Ann", password="wrong") for _ in range(OF_A_NAME_HERE)]
    unknown = visitor.post("login", name="Nobody", password="wrong")
    assert {answer.status_code for answer in (*known, unknown)} == {401}
    assert all("Name or password is wrong." in answer.text for answer in (*known, unknown))
    answer = visitor.post("login", name="ann", password=PASSWORD)
    assert (answer.status_code, "too many wrong attempts" in answer.text) == (429, True)
    assert int(answer.headers["retry-after"]) > 0
    assert person in {one["id"] for one in service.client.get("/v1/people").json()["people"]}


def test_a_disabled_person_is_out_and_their_password_opens_nothing(service: Any) -> None:
    person, code = invite(service)
    ann = Visitor(service)
    ann.post("welcome", code=code, password=PASSWORD)
    assert service.client.patch(f"/v1/people/{person}", json={"disabled": True}).json()["state"] == "disabled"
    assert ann.client.get("/desk").headers["location"] == "/desk/login"
    refused = ann.post("login", name="Ann", password=PASSWORD)
    assert (refused.status_code, "access has ended" in refused.text) == (401, True)
    assert service.client.post(f"/v1/people/{person}/invitation").status_code == 409


def test_an_admin_who_logged_in_by_name_cannot_disable_themselves(service: Any) -> None:
    person, code = invite(service, "Ann", "admin")
    ann = Visitor(service)
    ann.post("welcome", code=code, password=PASSWORD)
    page = ann.client.post("/desk/people/people/disable", data={"csrf": ann.csrf, "id": person})
    assert (page.status_code, "lock themselves out" in page.text) == (409, True)
    assert ann.name == "Ann"


def test_what_a_person_does_is_theirs_as_what_a_key_does_is_its_holders(service: Any, photo: bytes) -> None:
    person, code = invite(service)
    ann = Visitor(service)
    ann.post("welcome", code=code, password=PASSWORD)
    made = service.post([photo], {"rma": "1", "declared_value": {"amount": 900, "currency": "USD"}}).json()
    claimed = ann.client.post("/desk/api/claim", json={}, headers={"x-csrf-token": ann.csrf})
    assert claimed.status_code == (200 if made["review"]["required"] else 204)
    with service.runtime.desk.trail() as trail:
        lines = [(line.key_id, line.name) for line in trail if line.action in ("login", "claim")]
    assert set(lines) == {(person, "Ann")}


def enrol(service: Any, authenticator: Authenticator, name: str = "Ann") -> Visitor:
    """Somebody who has chosen a passkey."""
    _, code = invite(service, name)
    visitor = Visitor(service)
    options = visitor.options("welcome/passkey/begin", {"code": code})
    assert (options["rp"]["id"], options["authenticatorSelection"]["userVerification"]) == (HOST, "required")
    answer = visitor.post("welcome/passkey", {"code": code, "credential": authenticator.make(options)})
    assert (answer.status_code, answer.json()) == (200, {"next": "/desk"})
    return visitor


def test_a_passkey_opens_the_desk_once_for_each_challenge(abroad: Any) -> None:
    authenticator = Authenticator(PLACE, HOST)
    assert enrol(abroad, authenticator).name == "Ann"
    visitor = Visitor(abroad)
    proof = authenticator.prove(visitor.options("login/passkey/begin", {}))
    answer = visitor.post("login/passkey", {"credential": proof, "next": "//evil.example"})
    assert (answer.status_code, answer.json()) == (200, {"next": "/desk"})
    assert visitor.name == "Ann"
    replayed = Visitor(abroad).post("login/passkey", {"credential": proof})
    assert (replayed.status_code, replayed.json()["type"]) == (401, "urn:regrade:problem:sign-in-refused")


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"flags": PRESENT},
        {"count": -1},
        {"private": None},
    ],
    ids=["another origin", "another host", "nobody verified", "a count that stands still", "another key"],
)
def test_a_passkey_that_proves_something_else_opens_nothing(abroad: Any, changed: dict[str, Any]) -> None:
    authenticator = Authenticator(PLACE, HOST, count=7)
    enrol(abroad, authenticator)
    if changed == {"private": None}:
        changed = {"private": Authenticator(PLACE, HOST).private}
    elif changed == {"count": -1}:
        changed = {"count": 6}
    for name, value in changed.items():
        setattr(authenticator, name, value)
    visitor = Visitor(abroad)
    proof = authenticator.prove(visitor.options("login/passkey/begin", {}))
    answer = visitor.post("login/passkey", {"credential": proof})
    assert answer.status_code == 401
    assert visitor.client.get("/desk").status_code == 303


def test_a_challenge_of_another_ceremony_or_of_ones_own_is_refused(abroad: Any) -> None:
    authenticator = Authenticator(PLACE, HOST)
    enrol(abroad, authenticator)
    _, code = invite(abroad, "Bo")
    visitor = Visitor(abroad)
    options = visitor.options("welcome/passkey/begin", {"code": code})
    for challenge in (options["challenge"], "AAAA", "", "ä"):
        proof = authenticator.prove({"challenge": challenge})
        assert visitor.post("login/passkey", {"credential": proof}).status_code == 401


@pytest.mark.parametrize("credential", [{}, {"rawId": 7}, {"rawId": "AAAA", "response": "x"}, {"rawId": "A" * 9000}])
def test_what_is_no_passkey_at_all_is_refused(abroad: Any, credential: dict[str, Any]) -> None:
    assert Visitor(abroad).post("login/passkey", {"credential": credential}).status_code == 401


def test_no_other_site_signs_anybody_in(service: Any) -> None:
    visitor = Visitor(service)
    visitor.client.headers["origin"] = "https://evil.example"
    for path in ("login", "welcome"):
        assert visitor.post(path, name="Ann", password=PASSWORD).json()["type"] == "urn:regrade:problem:cross-site"
    for path in ("login/passkey", "login/passkey/begin", "welcome/name", "welcome/passkey"):
        assert visitor.post(path, {}).status_code == 403


def test_the_page_of_people_is_for_admins_and_changes_nothing_without_the_token(service: Any) -> None:
    admin, reviewer = Visitor(service), Visitor(service)
    admin.post("login", key=service.key("admin"))
    reviewer.post("login", key=service.key("reviewer"))
    assert reviewer.client.get("/desk/people").status_code == 403
    assert '/desk/people"' not in reviewer.client.get("/desk").text
    assert '/desk/people"' in admin.client.get("/desk").text
    for token in ("", reviewer.csrf):
        answer = admin.client.post("/desk/people/stations/add", data={"name": "X", "csrf": token})
        assert answer.json()["type"] == "urn:regrade:problem:cross-site"
    assert service.client.get("/v1/stations").json() == {"stations": []}


def test_a_code_is_shown_to_the_session_that_made_it_alone_and_no_address_repeats_the_act(service: Any) -> None:
    admin, other = Visitor(service), Visitor(service)
    for one in (admin, other):
        one.post("login", key=service.key("admin"))
    answer = admin.client.post("/desk/people/stations/add", data={"csrf": admin.csrf, "name": "LA-07"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/people?shown")
    assert 'id="shown-code"' in admin.client.get("/desk/people?shown").text
    assert 'id="shown-code"' not in admin.client.get("/desk/people").text
    other.client.cookies.set("regrade_code", admin.client.cookies["regrade_code"], path="/desk/people")
    assert 'id="shown-code"' not in other.client.get("/desk/people?shown").text
    back = admin.client.get("/desk/people/stations/add")
    assert (back.status_code, back.headers["location"]) == (303, "/desk/people")


def test_whoever_is_logged_out_at_a_form_is_not_sent_back_to_its_address(service: Any) -> None:
    answer = Visitor(service).client.post("/desk/people/stations/add", data={"name": "X"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/login")


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "passwordpassword", "Ab1!Ab1!Ab1!Ab", "I am BARTHOLOMEW!"])
def test_passwords_that_are_guessed_first_are_refused(service: Any, password: str) -> None:
    _, code = invite(service, "Bartholomew")
    assert Visitor(service).post("welcome", code=code, password=password).status_code == 422


def test_access_cannot_end_in_the_past(service: Any) -> None:
    past = "2020-01-01T00:00:00Z"
    answer = service.client.post("/v1/people", json={"name": "Bo", "role": "admin", "expires_at": past})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "expires_at")
    person, _ = invite(service)
    assert service.client.patch(f"/v1/people/{person}", json={"expires_at": past}).status_code == 422
    admin = Visitor(service)
    admin.post("login", key=service.key("admin"))
    form = {"csrf": admin.csrf, "name": "Bo", "role": "admin", "expires": "2020-01-01"}
    page = admin.client.post("/desk/people/people/add", data=form)
    assert (page.status_code, "must lie in the future" in page.text) == (422, True)


def test_the_page_says_what_is_wrong_with_a_form(service: Any) -> None:
    admin = Visitor(service)
    admin.post("login", key=service.key("admin"))
    csrf = admin.csrf
    for path, form, said in (
        ("stations/add", {"name": " "}, "must not be empty"),
        ("stations/rename", {"id": "nothing", "name": "X"}, "There is no station nothing"),
        ("people/add", {"name": "Bo", "role": "king"}, "must be one of the legal values"),
        ("people/add", {"name": "Bo", "role": "admin", "expires": "tomorrow"}, "must be a day"),
        ("people/dance", {"id": "x"}, "dance is nothing that can be done"),
    ):
        page = admin.client.post(f"/desk/people/{path}", data={"csrf": csrf, **form})
        assert page.status_code in (404, 422)
        assert said in page.text


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1 Version/17.0 Safari/604.1", "Safari, iPad"),
        ("Mozilla/5.0 (Linux; Android 14; SM-X200) AppleWebKit/537 Chrome/140.0 Safari/537", "Chrome, Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/140.0 Safari/537 Edg/140.0", "Edge, Windows"),
        ("scanner 3000", "scanner 3000"),
        ("", ""),
    ],
)
def test_a_tablet_is_told_in_few_words(agent: str, said: str) -> None:
    assert device_of(agent) == said
