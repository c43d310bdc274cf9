"""Who gets what: every route of the service against everybody who may ask. A route that is not in the table fails."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

OPEN = "everybody"
STATION, REVIEWER, ENGINEER, ADMIN, SELLER = "station", "reviewer", "engineer", "admin", "seller"
STAFF = {STATION, REVIEWER, ENGINEER, ADMIN}
ANY_KEY = STAFF | {SELLER}

# Method and path -> whom it is for. `key`: an API key of one of the roles. `page`: somebody at the desk; others are
# sent to log in. `desk`: the same for what the pages' scripts call. An admin may do everything, and is not named.
TABLE: dict[str, tuple[str, set[str]]] = {
    "GET /openapi.json": (OPEN, set()),
    "GET /static-offline-docs/{path}": (OPEN, set()),
    "GET /": (OPEN, set()),
    "GET /docs": (OPEN, set()),
    "GET /healthz": (OPEN, set()),
    "GET /v2/health/live": (OPEN, set()),
    "GET /v2/health/ready": (OPEN, set()),
    "GET /v2": ("key", STAFF),
    "GET /v2/models/{name}": ("key", STAFF),
    "GET /v2/models/{name}/ready": ("key", STAFF),
    "GET /v2/models/{name}/versions/{version}": ("key", STAFF),
    "GET /v2/models/{name}/versions/{version}/ready": ("key", STAFF),
    "POST /v2/models/{name}/infer": ("key", {STATION}),
    "POST /v2/models/{name}/versions/{version}/infer": ("key", {STATION}),
    "GET /v1/evidence/key": (OPEN, set()),
    "GET /metrics": ("key", STAFF),
    "POST /v1/inspections": ("key", {STATION}),
    "PUT /v1/uploads/{sha256}": ("key", {STATION}),
    "GET /v1/inspections": ("key", ANY_KEY),
    "GET /v1/inspections/count": ("key", ANY_KEY),
    "GET /v1/inspections/{inspection_id}": ("key", ANY_KEY),
    "DELETE /v1/inspections/{inspection_id}": ("key", {ADMIN}),
    "GET /v1/inspections/{inspection_id}/photos/{index}": ("key", ANY_KEY),
    # A signed link is the key; without one it is for nobody.
    "GET /v1/photos/{inspection_id}/{index}": (OPEN, set()),
    "GET /v1/inspections/{inspection_id}/evidence": ("key", ANY_KEY),
    "GET /v1/inspections/{inspection_id}/audit": ("key", {REVIEWER, ENGINEER}),
    "GET /v1/inspections/{inspection_id}/label": ("key", {STATION}),
    "POST /v1/inspections/{inspection_id}/photos": ("key", {STATION}),
    "POST /v1/inspections/{inspection_id}/category": ("key", {STATION}),
    "POST /v1/inspections/{inspection_id}/pieces": ("key", {STATION}),
    "POST /v1/inspections/{inspection_id}/answer": ("key", {STATION}),
    "POST /v1/inspections/{inspection_id}/decision": ("key", {STATION}),
    "POST /v1/inspections/{inspection_id}/decision/undo": ("key", {STATION}),
    "POST /v1/reviews/claim": ("key", {REVIEWER}),
    "POST /v1/reviews/{inspection_id}": ("key", {REVIEWER}),
    "POST /v1/reviews/{inspection_id}/undo": ("key", {REVIEWER}),
    "GET /v1/reviews/stats": ("key", {REVIEWER, ENGINEER}),
    "GET /v1/events": ("key", {STATION, ENGINEER, SELLER}),
    "POST /v1/webhooks": ("key", {SELLER}),
    "GET /v1/webhooks": ("key", {SELLER}),
    "GET /v1/webhooks/{webhook_id}": ("key", {SELLER}),
    "PATCH /v1/webhooks/{webhook_id}": ("key", {SELLER}),
    "DELETE /v1/webhooks/{webhook_id}": ("key", {SELLER}),
    "POST /v1/webhooks/{webhook_id}/rotate": ("key", {SELLER}),
    "POST /v1/webhooks/{webhook_id}/ping": ("key", {SELLER}),
    "POST /v1/webhooks/{webhook_id}/replay": ("key", {SELLER}),
    "GET /v1/webhooks/{webhook_id}/deliveries": ("key", {SELLER}),
    "POST /v1/webhooks/{webhook_id}/deliveries/{number}/retry": ("key", {SELLER}),
    "GET /v1/promise": ("key", {REVIEWER, ENGINEER, SELLER}),
    "GET /v1/rubrics/examples/{name}": ("key", ANY_KEY),
    "GET /v1/rubrics/{category}": ("key", ANY_KEY),
    "POST /v1/catalogue/skus": ("key", {ENGINEER}),
    "GET /v1/catalogue/skus": ("key", ANY_KEY),
    "DELETE /v1/catalogue/skus": ("key", {ENGINEER}),
    "POST /v1/catalogue/rmas": ("key", {ENGINEER}),
    "GET /v1/catalogue/rmas": ("key", ANY_KEY),
    "DELETE /v1/catalogue/rmas": ("key", {ENGINEER}),
    "GET /v1/models": ("key", STAFF),
    "POST /v1/models/{category}/activate": ("key", {ENGINEER}),
    "POST /v1/models/{category}/shadow": ("key", {ENGINEER}),
    "GET /v1/models/{category}/shadow": ("key", {ENGINEER}),
    "DELETE /v1/models/{category}/shadow": ("key", {ENGINEER}),
    "GET /v1/stations": ("key", {ADMIN}),
    "POST /v1/stations": ("key", {ADMIN}),
    "GET /v1/stations/own": ("key", {STATION}),
    "PATCH /v1/stations/{station_id}": ("key", {ADMIN}),
    "DELETE /v1/stations/{station_id}": ("key", {ADMIN}),
    "POST /v1/stations/{station_id}/pairing": ("key", {ADMIN}),
    "POST /v1/pairing": (OPEN, set()),
    "GET /v1/people": ("key", {ADMIN}),
    "POST /v1/people": ("key", {ADMIN}),
    "PATCH /v1/people/{person_id}": ("key", {ADMIN}),
    "POST /v1/people/{person_id}/invitation": ("key", {ADMIN}),
    "GET /station": (OPEN, set()),
    "GET /station/strings": (OPEN, set()),
    "GET /station/worker.js": (OPEN, set()),
    "GET /station/manifest.webmanifest": (OPEN, set()),
    "GET /station/label/{inspection_id}": (OPEN, set()),
    "GET /station/{name}": (OPEN, set()),
    "GET /desk": ("page", {REVIEWER}),
    "GET /desk/review": ("page", {REVIEWER}),
    "GET /desk/items": ("page", {REVIEWER, ENGINEER}),
    "GET /desk/items/{inspection_id}": ("page", {REVIEWER, ENGINEER}),
    "GET /desk/seller": ("page", {SELLER}),
    "GET /desk/seller/promise": ("page", {SELLER}),
    "GET /desk/seller/items.csv": ("page", {SELLER}),
    "GET /desk/seller/items/{inspection_id}": ("page", {SELLER}),
    "GET /desk/seller/items/{inspection_id}/evidence": ("page", {SELLER}),
    "GET /models": (OPEN, set()),
    "GET /desk/models": ("page", {ENGINEER}),
    "POST /desk/models/{category}/{act}": ("page", {ENGINEER}),
    "GET /desk/webhooks": ("page", {SELLER}),
    "POST /desk/webhooks": ("page", {SELLER}),
    "GET /desk/webhooks/{webhook_id}": ("page", {SELLER}),
    "GET /desk/webhooks/{webhook_id}/{act}": ("page", {SELLER}),
    "POST /desk/webhooks/{webhook_id}/{act}": ("page", {SELLER}),
    "GET /desk/quality": ("page", {REVIEWER, ENGINEER}),
    "GET /desk/quality/{table}.csv": ("desk", {REVIEWER, ENGINEER}),
    "GET /desk/results": ("page", {REVIEWER, ENGINEER}),
    "GET /desk/results/figures": ("page", {REVIEWER, ENGINEER}),
    "GET /desk/results/views": ("page", {REVIEWER, ENGINEER}),
    "POST /desk/results/views": ("page", {REVIEWER, ENGINEER}),
    "GET /desk/results/views/{view_id}/delete": ("page", {REVIEWER, ENGINEER}),
    "POST /desk/results/views/{view_id}/delete": ("page", {REVIEWER, ENGINEER}),
    "GET /desk/results/export/{kind}": ("desk", {REVIEWER, ENGINEER}),
    "POST /desk/api/claim": ("desk", {REVIEWER}),
    "POST /desk/api/items/{inspection_id}/decide": ("desk", {REVIEWER}),
    "POST /desk/api/items/{inspection_id}/ask": ("desk", {REVIEWER}),
    "POST /desk/api/items/{inspection_id}/undo": ("desk", {REVIEWER}),
    "POST /desk/api/items/{inspection_id}/renew": ("desk", {REVIEWER}),
    "POST /desk/api/tasks/{task_id}/release": ("desk", {REVIEWER}),
    "POST /desk/api/items/{inspection_id}/dispositions": ("desk", {REVIEWER}),
    "GET /desk/api/session": ("desk", {REVIEWER}),
    "GET /desk/api/items/{inspection_id}": ("desk", {REVIEWER}),
    "GET /desk/api/items/{inspection_id}/photos/{index}": ("desk", {REVIEWER, ENGINEER, SELLER}),
    "GET /desk/api/rubric/examples/{name}": ("desk", {REVIEWER}),
    "GET /desk/strings": (OPEN, set()),
    "GET /desk/assets/{name}": (OPEN, set()),
    "GET /desk/login": (OPEN, set()),
    "POST /desk/login": ("login", set()),
    "POST /desk/login/passkey/begin": ("login", set()),
    "POST /desk/login/passkey": ("login", set()),
    "GET /desk/welcome": (OPEN, set()),
    "POST /desk/welcome": ("login", set()),
    "POST /desk/welcome/name": ("login", set()),
    "POST /desk/welcome/passkey/begin": ("login", set()),
    "POST /desk/welcome/passkey": ("login", set()),
    "GET /desk/people": ("page", {ADMIN}),
    "GET /desk/people/stations/{act}": ("page", {ADMIN}),
    "GET /desk/people/people/{act}": ("page", {ADMIN}),
    "POST /desk/people/stations/{act}": ("page", {ADMIN}),
    "POST /desk/people/people/{act}": ("page", {ADMIN}),
    "POST /desk/logout": ("own session", set()),
    "POST /desk/language": (OPEN, set()),
}


@dataclass(frozen=True)
class Caller:
    """Somebody who asks: with a key in the header, or with the cookie of a session at the desk, or with neither.

    `role` is empty where the key or the session is not valid.
    """

    who: str
    client: httpx.Client
    role: str = ""
    seated: bool = False


def callers(service: Any) -> Iterator[Caller]:
    right = service.key(ADMIN)
    revoked = service.key(ADMIN, "revoked")
    over = seat(service, revoked)
    service.runtime.keys.revoke(revoked.split("_")[1])
    yield Caller("nobody", service.with_key(None))
    for who, key in {"a wrong key": right[:-2], "a key of another form": "admin", "a revoked key": revoked}.items():
        yield Caller(who, service.with_key(key))
    yield Caller("a session whose key is revoked", over)
    for role in (STATION, REVIEWER, ENGINEER, ADMIN, SELLER):
        yield Caller(f"a key, {role}", service.as_role(role), role)
    for role in (REVIEWER, ENGINEER, ADMIN, SELLER):
        yield Caller(f"a session, {role}", seat(service, service.key(role)), role, seated=True)


def seat(service: Any, key: str) -> httpx.Client:
    """A browser that has logged in, and sends what the desk's own pages send."""
    client: httpx.Client = service.with_key(None)
    client.headers["origin"] = service.url
    assert client.post("/desk/login", data={"key": key}).status_code == 303
    page = client.get("/desk/login", follow_redirects=True).text
    client.headers["x-csrf-token"] = page.split('data-csrf="')[1].split('"')[0]
    return client


def legal(caller: Caller, kind: str, roles: set[str], answer: httpx.Response) -> bool:
    """Whether this is how the caller should be answered."""
    status, may = answer.status_code, caller.role in roles | {ADMIN}
    let_in = status not in (401, 403) and status < 500 and "/login" not in answer.headers.get("location", "")
    if kind == OPEN:
        return let_in
    if kind == "login":  # asked here as another site would
        return status == 403
    if kind == "own session":  # who has none has none to end
        return status in (303, 403)
    if kind == "key":
        valid = bool(caller.role) and not caller.seated
        return (let_in if may else status == 403) if valid else status == 401
    if not caller.seated:
        return status == (401 if kind == "desk" else 303)
    return let_in if may else status == 403


def ask(caller: Caller, route: str) -> httpx.Response:
    method, path = route.split(" ")
    headers = {"origin": "null" if TABLE[route][0] == "login" else str(caller.client.base_url).rstrip("/")}
    values = {"index": "0", "number": "1", "path": "swagger-ui.css", "table": "errors", "kind": "csv"}
    return caller.client.request(method, re.sub(r"{(\w+)}", lambda m: values.get(m[1], "x"), path), headers=headers)


def test_every_route_is_in_the_table(service: Any) -> None:
    assert {f"{method} {path}" for method, path in service.routes()} == set(TABLE)


def test_everything_in_the_description_is_in_the_table(service: Any) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} <= set(TABLE)


def test_everybody_gets_what_is_theirs_and_nothing_else(service: Any) -> None:
    wrong, count = [], 0
    ending = sorted(TABLE, key=lambda route: TABLE[route][0] == "own session")  # the sessions end last
    for caller in callers(service):
        for route in ending:
            answer = ask(caller, route)
            count += 1
            if not legal(caller, *TABLE[route], answer):
                wrong.append(f"{caller.who}: {route} -> {answer.status_code}")
    assert wrong == []
    assert count == 14 * len(TABLE)


def test_head_tells_no_more_than_get_and_an_unknown_path_nothing(service: Any) -> None:
    client = service.with_key(None)
    for route in TABLE:
        method, path = route.split(" ")
        if method == "GET":
            get, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (get.status_code, b""), path
    assert [client.request(m, "/v1/nothing").status_code for m in ("GET", "POST", "PUT", "OPTIONS")] == [404] * 4
