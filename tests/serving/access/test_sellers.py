"""A seller reaches nothing of another seller's: by no route, no query, no table; and a new route or table neither."""

import asyncio
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import insert, select, text

from regrade.serving.evidence.bundle import check_bundle
from regrade.serving.inspections.listing import Filters
from regrade.serving.storage.records import new_id
from regrade.serving.storage.scope import RULES, OutOfScopeError, seeing
from regrade.serving.storage.tables import api_keys, metadata
from tests.serving.access.test_roles_and_routes import seat
from tests.serving.events.test_delivery import until

OWN, OTHER = "acme", "globex"
NOTE, REVIEWER = "between ourselves", "Rita Reviewer"
UNKNOWN = "no such seller"
ABSENT = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def site(service: Any, render_photo: Any) -> dict[str, Any]:
    """A service with an item of each of two sellers and of nobody, reviewed, with a catalogue; `theirs` are words that
    only the other's item has."""
    made = {}
    for seed, seller in enumerate((OWN, OTHER, None)):
        item = {"rma": f"RMA-{seller}", "sku": f"SKU-{seller}", "station": f"bench {seller}"}
        answer = service.post([render_photo(seed)], item | ({"seller": seller} if seller else {}))
        assert answer.status_code == 201
        made[seller] = answer.json()
    reviewer = service.as_role("reviewer", REVIEWER)
    while (claim := reviewer.post("/v1/reviews/claim")).status_code == 200:
        one = claim.json()
        said = {"lease": one["lease"]["token"], "condition": "used", "note": NOTE}
        assert reviewer.post(f"/v1/reviews/{one['inspection']['id']}", json=said).status_code == 200
    skus = [{"sku": f"SKU-{seller}", "seller": seller, "title": f"thing of {seller}"} for seller in (OWN, OTHER)]
    rmas = [{"rma": "R-1", "seller": seller, "lines": [{"sku": f"SKU-{seller}"}]} for seller in (OWN, OTHER)]
    assert service.client.post("/v1/catalogue/skus", json={"items": skus}).status_code == 200
    assert service.client.post("/v1/catalogue/rmas", json={"items": rmas}).status_code == 200
    events = service.client.get("/v1/events").json()["items"]
    hooks = {}
    for seller in (OWN, OTHER):
        client = service.as_role("seller", f"of {seller}", sellers=(seller,))
        answer = client.post("/v1/webhooks", json={"url": f"https://{seller}.example/hooks", "description": seller})
        assert answer.status_code == 201
        hooks[seller] = answer.json()["id"]
        since = {"since": "2026-01-01T00:00:00Z"}
        place = f"/v1/webhooks/{hooks[seller]}"
        assert client.post(f"{place}/replay", json=since).json() == {"events": 2}
        until(partial(_tried, client, place))  # nobody answers: from now on nothing changes by itself
        client.patch(place, json={"enabled": False})
    sites = service.client.post("/v1/webhooks", json={"url": "https://site.example/hooks", "seller": OWN}).json()["id"]
    foreign = made[OTHER]
    theirs = {OTHER, hooks[OTHER], sites, foreign["id"], foreign["photos"][0]["sha256"]}
    theirs |= {one["id"] for one in events if one["data"]["id"] == foreign["id"]}
    return {"service": service, "made": made, "theirs": theirs, "events": events, "hooks": hooks, "sites": sites}


def _tried(client: httpx.Client, place: str) -> bool:
    return client.get(place).json()["last_at"] is not None


def guests(service: Any) -> Iterator[tuple[str, httpx.Client]]:
    """Somebody of the seller: with a key, and at the desk."""
    yield "key", service.as_role("seller", "of acme")
    yield "session", seat(service, service.key("seller", "of acme too"))


def addresses(service: Any, inspection_id: str, other: str, event: str, webhook: str) -> Iterator[str]:
    """Every address that may be read, about one inspection and another seller, in all ways that there are to ask."""
    values = {
        "inspection_id": inspection_id,
        "webhook_id": webhook,
        "act": "ping",
        "index": "0",
        "number": "1",
        "table": "errors",
        "category": "packaging",
    }
    described = service.client.get("/openapi.json").json()["paths"]
    asked = {
        "seller": [other], "rma": [f"RMA-{other}", "R-1"], "sku": [f"SKU-{other}"], "station": [f"bench {other}"],
        "inspection": [inspection_id], "after": [event], "width": ["64"], "status": ["reviewed"],
        "condition": ["used"], "disposition": ["refurbish"], "category": ["packaging"], "revision": ["1"],
        "cursor": [f"inspections.99999999999999999.{inspection_id}"], "type": ["inspection.graded"],
    }  # fmt: skip
    for method, path in service.routes():
        if method != "GET" or path.startswith("/static-offline-docs"):
            continue
        own = re.sub(r"{(\w+)}", lambda match: values.get(match[1], "x"), path)
        yield own
        for one in described.get(path, {}).get("get", {}).get("parameters", ()):
            for value in asked.get(one["name"], ()):
                required = "&rma=R-1" if path.endswith("/rmas") and one["name"] != "rma" else ""
                yield f"{own}?{one['name']}={quote(value)}{required}"
    yield f"/desk/seller?cursor=inspections.99999999999999999.{inspection_id}"


def test_no_address_tells_of_another_seller(site: dict[str, Any]) -> None:
    service, foreign = site["service"], site["made"][OTHER]["id"]
    event = next(one["id"] for one in site["events"] if one["data"]["id"] == foreign)
    told, count = [], 0
    for who, client in guests(service):
        hook = site["hooks"][OTHER]
        there = addresses(service, foreign, OTHER, event, hook)
        absent = addresses(service, ABSENT, UNKNOWN, ABSENT, ABSENT)
        for address, other in zip(there, absent, strict=True):
            answer, nothing = client.get(address), client.get(other)
            count += 1
            asked = {foreign, OTHER, event, hook}
            body = answer.text
            for word in asked:
                body = body.replace(f"{word}", "") if word in address else body
            leaks = [word for word in site["theirs"] if word in body]
            same = (_blank(answer, (foreign, OTHER, event, hook)), answer.status_code)
            if leaks or same != (_blank(nothing, (ABSENT, UNKNOWN, ABSENT, ABSENT)), nothing.status_code):
                told.append((who, address, answer.status_code, nothing.status_code, leaks))
    assert told == [], [one[1:4] for one in told]
    assert count > 150


def _blank(answer: httpx.Response, asked: tuple[str, ...]) -> str:
    """What is answered, without what was asked and what is of the moment."""
    body = answer.text + str(sorted(answer.headers.get("etag", "")))
    for word in asked:
        body = body.replace(word, "·")
    return re.sub(r'data-csrf="[^"]*"|value="[0-9a-f]{64}"|"incident":"[^"]*"|_created \S+|\b[0-9.e+-]+\b', "", body)


def test_a_seller_finds_all_that_is_theirs(site: dict[str, Any]) -> None:
    service, own = site["service"], site["made"][OWN]
    client = service.as_role("seller")
    listed = client.get("/v1/inspections").json()["items"]
    assert [one["id"] for one in listed] == [own["id"]]
    assert client.get("/v1/inspections/count").json() == {"count": 1}
    assert client.get(f"/v1/inspections/{own['id']}").json() == listed[0]
    assert client.get(f"/v1/inspections/{own['id']}/photos/0?width=64").headers["content-type"] == "image/jpeg"
    assert [one["seller"] for one in client.get("/v1/catalogue/rmas?rma=R-1").json()["items"]] == [OWN]
    events = client.get("/v1/events").json()
    assert {one["data"]["id"] for one in events["items"]} == {own["id"]}
    assert client.get("/v1/events", params={"after": events["next_cursor"]}).json()["items"] == []
    assert client.get("/v1/rubrics/packaging").json()["economics"] is None


def test_nothing_can_be_done_to_another_sellers_webhook_nor_to_the_sites(site: dict[str, Any]) -> None:
    """Each route that changes one, by key and at the desk: as if there were none, and nothing is changed."""
    service, count = site["service"], 0
    before = service.client.get("/v1/webhooks").json()
    number = service.client.get(f"/v1/webhooks/{site['hooks'][OTHER]}/deliveries").json()["items"][0]["number"]
    bodies = {"PATCH": {"enabled": False}, "POST": {"since": "2026-01-01T00:00:00Z"}}
    acts = ("rotate", "ping", "remove", "pause", "resume", "replay", "retry")
    form = {"generation": "1", "since": "2026-01-01T00:00", "number": str(number)}
    for who, client in guests(service):
        for method, path in service.routes():
            if "{webhook_id}" not in path or method == "GET" or path.startswith("/v1") != (who == "key"):
                continue
            for act in acts if "{act}" in path else ("",):
                told = set()
                for hook in (site["hooks"][OTHER], site["sites"], ABSENT):
                    at = path.format(webhook_id=hook, number=number, act=act)
                    given: dict[str, Any] = {"json": bodies.get(method)} if who == "key" else {"data": form}
                    answer = client.request(method, at, **given)
                    told.add((answer.status_code, _blank(answer, (hook,))))
                    count += 1
                assert len(told) == 1, path
                assert told.pop()[0] == 404, path
    assert count == (6 + len(acts)) * 3
    after = service.client.get("/v1/webhooks").json()
    moving = ("pending", "dead", "behind", "failures", "last_at", "last_error", "last_status", "resume_at")
    assert [{k: v for k, v in one.items() if k not in moving} for one in before] == [
        {k: v for k, v in one.items() if k not in moving} for one in after
    ]


def test_a_seller_manages_their_own_webhooks_and_all_of_it_is_written_down(site: dict[str, Any]) -> None:
    service, client = site["service"], site["service"].as_role("seller", "Sel")
    (listed,) = client.get("/v1/webhooks").json()
    assert (listed["seller"], listed["owner"], listed["description"]) == (OWN, f"of {OWN}", OWN)
    made = client.post("/v1/webhooks", json={"url": "https://two.example/", "types": ["inspection.decided"]}).json()
    place = f"/v1/webhooks/{made['id']}"
    assert made["secret"].startswith("whsec_")
    assert client.patch(place, json={"enabled": False}).json()["stopped"] == "paused"
    assert client.post(f"{place}/rotate").json()["secret"] != made["secret"]
    assert client.post(f"{place}/ping").json()["delivered"] is False
    assert client.post(f"{place}/replay", json={"since": "2026-01-01T00:00:00Z"}).json() == {"events": 1}
    assert client.patch(place, json={"enabled": True}).json()["enabled"] is True
    until(lambda: client.get(f"{place}/deliveries").json()["items"] != [])
    (line,) = client.get(f"{place}/deliveries").json()["items"]
    assert line["inspection_id"] == site["made"][OWN]["id"]
    assert client.post(f"{place}/deliveries/{line['number']}/retry").status_code == 202
    assert client.delete(place).status_code == 204
    with service.runtime.desk.trail() as trail:
        mine = [one for one in trail if one.action == "webhook" and one.detail["webhook"] == made["id"]]
    assert {one.name for one in mine} == {"Sel"}
    steps = ["add", "change", "rotate", "ping", "replay", "change", "retry", "remove"]
    assert [one.detail["step"] for one in mine] == steps


@pytest.mark.parametrize(
    "given",
    [
        *({"seller": OTHER}, {"seller": UNKNOWN}, {"types": ["station.changed"]}, {"types": ["promise.broken"]}),
        *({"adapter": "loop"}, {"url": "http://acme.example/"}, {"url": "https://10.0.0.1/"}),
        *({"url": "https://127.0.0.1/"}, {"url": "http://127.0.0.1:8000/"}),
    ],
)
def test_a_webhook_that_is_not_for_sellers_is_refused(serve: Any, given: dict[str, Any]) -> None:
    service = serve(webhook_networks="127.0.0.0/8,10.0.0.0/8")  # the site's own network is not for them
    client = service.as_role("seller")
    answer = client.post("/v1/webhooks", json={"url": "https://acme.example/hooks"} | given)
    assert answer.status_code == 422
    assert "REGRADE_" not in answer.text
    assert client.get("/v1/webhooks").json() == []


def test_a_seller_of_two_sees_both(site: dict[str, Any]) -> None:
    both = site["service"].as_role("seller", sellers=(OWN, OTHER))
    assert {one["item"]["seller"] for one in both.get("/v1/inspections").json()["items"]} == {OWN, OTHER}


def test_evidence_of_what_was_erased_is_not_for_sellers(site: dict[str, Any]) -> None:
    # Its last step tells why it was erased, and which of its photos somebody else's item has too.
    service, made = site["service"], site["made"][OWN]
    address = f"/v1/inspections/{made['id']}/evidence"
    assert service.client.delete(f"/v1/inspections/{made['id']}", params={"reason": "asked by Ann"}).is_success
    for name, client in guests(service):
        at = address if name == "key" else f"/desk/seller/items/{made['id']}/evidence"
        answer = client.get(at)
        assert (answer.status_code, "Ann" in answer.text) == (410, False), name
    assert service.client.get(address).status_code == 200


def test_names_notes_and_stations_are_not_for_sellers(site: dict[str, Any]) -> None:
    service, own = site["service"], site["made"][OWN]["id"]
    for _, client in guests(service):
        for address in addresses(service, own, OWN, ABSENT, site["hooks"][OWN]):
            answer = client.get(address)
            body = answer.text.replace("bench acme", "") if "bench" in address else answer.text
            assert not [word for word in (NOTE, REVIEWER, f"bench {OWN}") if word in body], address


def test_a_seller_checks_their_evidence_with_the_public_key_alone(site: dict[str, Any]) -> None:
    service, own = site["service"], site["made"][OWN]["id"]
    bundle = service.as_role("seller").get(f"/v1/inspections/{own}/evidence").json()
    checked = check_bundle(bundle, service.runtime.signer.known)
    assert (bundle["audience"], bundle["consistent"], checked.findings) == ("seller", True, ())
    assert checked.withheld > 0
    assert bundle["payload"]["item"] == {"rma": "RMA-acme", "sku": "SKU-acme", "seller": OWN}
    changed = json.loads(json.dumps(bundle))
    changed["payload"]["item"]["rma"] = "RMA-2"
    assert [one.code for one in check_bundle(changed, service.runtime.signer.known).findings] == ["changed-view"]
    whole = service.client.get(f"/v1/inspections/{own}/evidence").json()
    hidden = {**whole, "steps": bundle["steps"], "payload": bundle["payload"]}
    assert check_bundle(hidden, service.runtime.signer.known).findings  # withheld, and not said so


def test_no_table_has_a_row_of_another_seller(site: dict[str, Any]) -> None:
    found = {}
    with seeing((OWN,)), site["service"].runtime.database.read() as connection:
        for name, table in metadata.tables.items():
            rows = connection.execute(select(table)).all()
            plain = connection.execute(text(f"SELECT count(*) FROM {name}")).scalar()
            within = connection.execute(text(f"WITH x AS (SELECT * FROM {name}) SELECT count(*) FROM x")).scalar()
            leaks = [word for word in site["theirs"] for row in rows if word in str(row)]
            found[name] = (plain == within == len(rows), leaks, rows == [] or name in RULES)
    assert found == dict.fromkeys(metadata.tables, (True, [], True))


def test_who_is_bound_to_nobody_sees_nothing(site: dict[str, Any]) -> None:
    with seeing(()):
        assert site["service"].runtime.inspections.page(Filters(), 10, None).items == ()
        assert site["service"].runtime.inspections.count() == 0


def test_nothing_is_written_for_a_seller(site: dict[str, Any]) -> None:
    database = site["service"].runtime.database
    with seeing((OWN,)):
        with pytest.raises(OutOfScopeError), database.write():
            pass
        for statement in ("DELETE FROM inspections", "WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x", "VACUUM"):
            with pytest.raises(OutOfScopeError), database.read() as connection:
                connection.execute(text(statement))


def test_what_is_seen_goes_along_to_threads(site: dict[str, Any]) -> None:
    runtime = site["service"].runtime
    with seeing((OWN,)):
        assert asyncio.run(runtime.call(runtime.inspections.count)) == 1
    assert asyncio.run(runtime.call(runtime.inspections.count)) == 3


def test_only_sellers_are_bound_to_sellers_and_always(service: Any) -> None:
    people = "/v1/people"
    without = service.client.post(people, json={"name": "Sel", "role": "seller"})
    unfit = service.client.post(people, json={"name": "Rev", "role": "reviewer", "sellers": [OWN]})
    assert [without.status_code, unfit.status_code] == [422, 422]
    assert "1 to 50" in without.json()["detail"]
    made = service.client.post(people, json={"name": "Sel", "role": "seller", "sellers": [OWN, OWN]}).json()
    assert made["sellers"] == [OWN]
    changed = service.client.patch(f"{people}/{made['id']}", json={"sellers": [OTHER]}).json()
    assert changed["sellers"] == [OTHER]
    assert service.client.patch(f"{people}/{made['id']}", json={"sellers": []}).status_code == 422
    assert service.client.patch(f"{people}/{made['id']}", json={"role": "reviewer"}).json()["sellers"] == []


def test_a_key_of_before_that_names_no_seller_sees_nothing(service: Any, photo: bytes) -> None:
    service.post([photo], {"rma": "RMA-1", "seller": OWN})
    token = service.key("seller")
    with service.runtime.database.write() as connection:
        connection.execute(api_keys.update().where(api_keys.c.id == token.split("_")[1]).values(sellers=None))
    assert service.with_key(token).get("/v1/inspections").json()["items"] == []


def test_a_thousand_items_of_others_do_not_show_in_pages(site: dict[str, Any]) -> None:
    """Pages of one: the cursors lead past all that others have in between."""
    runtime = site["service"].runtime
    table = metadata.tables["inspections"]
    with runtime.database.write() as connection:
        like = dict(connection.execute(select(table).where(table.c.seller == OWN)).one()._mapping)
        rows = [
            like | {"id": new_id(), "idempotency_key": None, "seller": OWN if at % 100 == 0 else OTHER,
                    "item": {"rma": "R", "seller": OWN if at % 100 == 0 else OTHER}}
            for at in range(1000)
        ]  # fmt: skip
        photos = metadata.tables["inspection_photos"]
        photo = dict(connection.execute(select(photos).where(photos.c.inspection_id == like["id"])).one()._mapping)
        connection.execute(insert(table), rows)
        connection.execute(insert(photos), [photo | {"inspection_id": row["id"]} for row in rows])
    client, seen, cursor = site["service"].as_role("seller"), [], None
    while True:
        page = client.get("/v1/inspections", params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [one["item"]["seller"] for one in seen] == [OWN] * 11
