"""All of it? From the catalogue to codes, the inspector's count, what is done with the item, and the evidence."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from regrade.models.pieces.types import Count
from regrade.serving.http.now import now_of
from regrade.serving.http.schemas import NowOut
from regrade.serving.policy.load import DEFAULT_POLICY, Policy, parse_policy
from regrade.serving.storage.records import Inspection
from tests.serving.http.test_identity import with_code

pytestmark = pytest.mark.slow

CHARGER, MOUSE = "4006381333931", "036000291452"
SKU = {
    "sku": "MOUSE",
    "category": "packaging",
    "gtins": [MOUSE],
    "declared_value": {"amount": 60.0, "currency": "USD"},
    "pieces": [{"name": "Charger", "codes": [CHARGER]}, {"name": "cable", "quantity": 2}],
}
SHIPPED = DEFAULT_POLICY.read_text(encoding="utf-8")
ALL = [{"name": "Charger", "quantity": 1}, {"name": "cable", "quantity": 2}]


@pytest.fixture
def mice(service: Any) -> Any:
    """A service that expects a mouse with a charger and two cables in `R-1`."""
    assert service.client.post("/v1/catalogue/skus", json={"items": [SKU]}).status_code == 200
    rmas = [{"rma": "R-1", "lines": [{"sku": "MOUSE"}]}]
    assert service.client.post("/v1/catalogue/rmas", json={"items": rmas}).status_code == 200
    return service


def graded(service: Any, photo: bytes, rma: str = "R-1", **more: Any) -> Any:
    answer = service.post([photo], {"rma": rma, "category": "packaging", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def count(service: Any, made: Any, pieces: Any, client: Any = None, lang: str = "en") -> Any:
    where = f"/v1/inspections/{made['id']}/pieces"
    return (client or service.client).post(where, json={"pieces": pieces}, headers={"Accept-Language": lang})


def short(pieces: Any) -> dict[str, int]:
    return {one["name"]: one["quantity"] for one in pieces}


def test_what_belongs_to_it_is_known_and_nobody_has_looked_yet(mice: Any, photo: bytes) -> None:
    found = graded(mice, photo)["pieces"]
    assert found["state"] == "unknown"
    assert short(found["expected"]) == {"Charger": 1, "cable": 2}
    assert (found["seen"], found["counted"], found["missing"], found["extra"]) == ([], None, None, None)
    assert "pieces" not in graded(mice, photo, "R-9")


def test_a_code_of_a_piece_tells_of_it_and_makes_the_item_no_wrong_one(mice: Any, photo: bytes) -> None:
    made = graded(mice, with_code(photo, "EAN13", CHARGER))
    assert made["pieces"]["state"] == "unknown"  # a guess settles nothing
    assert made["pieces"]["seen"] == [{"name": "Charger", "quantity": 1, "codes": [CHARGER], "photos": [0]}]
    assert made["identity"]["verdict"] == "nothing_read"


def test_a_count_decides_anew_and_may_be_sent_again(mice: Any, photo: bytes) -> None:
    made = graded(mice, photo)
    before = mice.client.get(f"/v1/inspections/{made['id']}").json()["disposition"]["expected_recovery"]["amount"]
    station = mice.as_role("station", "bench 3")
    answer = count(mice, made, [{"name": "CABLE", "quantity": 1}, {"name": "manual"}], station)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    found = told["pieces"]
    assert (found["state"], found["counted"]["by"], found["counted"]["role"]) == ("incomplete", "bench 3", "station")
    assert (short(found["missing"]), short(found["extra"])) == ({"Charger": 1, "cable": 1}, {"manual": 1})
    assert found["words"] == "Missing: Charger, cable. Also there: manual."
    assert (told["revision"], told["revisions"][1]["cause"]) == (2, "pieces")
    assert told["disposition"]["expected_recovery"]["amount"] < before
    assert any("Missing: Charger; cable; that takes $" in reason for reason in told["disposition"]["reasons"])
    again = count(mice, made, [{"name": "cable"}, {"name": "manual"}, {"name": "Charger", "quantity": 0}], station)
    assert (again.status_code, again.headers["Idempotency-Replayed"], again.json()["revision"]) == (200, "true", 2)
    whole = count(mice, made, ALL, station, "zh-CN").json()
    assert (whole["pieces"]["state"], whole["pieces"]["words"], whole["revision"]) == ("complete", "配件齐全。", 3)
    first = mice.client.get(f"/v1/inspections/{made['id']}", params={"revision": 1}).json()
    assert first["pieces"]["state"] == "unknown"


def binned(inspection: Inspection, policy: Policy) -> bool:
    now = now_of(inspection, policy, "en")
    return now is not None and now.bin is not None


def test_a_bin_is_named_once_somebody_has_counted(mice: Any, photo: bytes) -> None:
    made = mice.runtime.inspections.get(graded(mice, photo)["id"])
    opened = replace(
        made, status="graded", result=replace(made.result, grade=replace(made.result.grade, condition="opened"))
    )
    policy = mice.runtime.policy
    assert now_of(opened, policy, "en") == NowOut(state="count")
    counted = opened.pieces.counted(Count((), "bench 3", "k", "station", made.created_at))
    assert binned(replace(opened, pieces=counted), policy)
    # Nobody opens what is sealed to count what is in it, and where nothing depends on it nobody need count.
    assert binned(replace(made, status="graded"), policy)
    lax = parse_policy(re.sub(r"(?m)^  - action: relist\n    when: {pieces_are(.*\n){4}|^pieces: .*\n", "", SHIPPED))
    assert binned(opened, lax)


def test_bad_counts_are_refused_and_say_why(mice: Any, photo: bytes) -> None:
    made, other = graded(mice, photo), graded(mice, photo, "R-9")
    assert count(mice, other, ALL).status_code == 409
    assert "expects no pieces" in count(mice, other, ALL).json()["detail"]
    twice = count(mice, made, [{"name": "cable"}, {"name": "Cable"}])
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "pieces")
    for wrong in ([{"name": "cable", "quantity": -1}], [{"name": ""}], "all", [{"name": "cable", "quantity": "2"}]):
        assert count(mice, made, wrong).status_code == 422
    assert count(mice, {"id": "none"}, ALL).status_code == 404
    assert count(mice, made, ALL, mice.as_role("reviewer")).status_code == 403


def test_the_bench_counts_with_its_decision_and_takes_both_back(mice: Any, photo: bytes) -> None:
    made = graded(mice, photo)
    assert made["review"]["who"] == "bench"
    decided = f"/v1/inspections/{made['id']}/decision"
    answer = mice.client.post(decided, json={"condition": "opened", "pieces": [{"name": "cable", "quantity": 2}]})
    assert answer.status_code == 200, answer.text
    assert short(answer.json()["pieces"]["missing"]) == {"Charger": 1}
    assert answer.json()["disposition"]["action"] != "relist"
    assert count(mice, made, ALL).status_code == 409
    same = mice.client.post(decided, json={"condition": "opened", "pieces": [{"name": "Cable", "quantity": 2}]})
    assert same.headers["Idempotency-Replayed"] == "true"
    assert mice.client.post(decided, json={"condition": "opened", "pieces": ALL}).status_code == 409
    assert mice.client.post(f"{decided}/undo").json()["pieces"]["state"] == "unknown"
    other = graded(mice, photo, "R-9")
    unexpected = mice.client.post(f"/v1/inspections/{other['id']}/decision", json={"condition": "used", "pieces": ALL})
    assert (unexpected.status_code, unexpected.json()["errors"][0]["field"]) == (422, "pieces")


def test_a_reviewer_keeps_the_item_and_corrects_the_count(mice: Any, photo: bytes) -> None:
    made = graded(mice, photo)
    ann = mice.as_role("reviewer", "Ann")
    token = ann.post("/v1/reviews/claim").json()["lease"]["token"]
    assert count(mice, made, []).status_code == 200
    body = {"lease": token, "condition": "opened", "pieces": ALL}
    answer = ann.post(f"/v1/reviews/{made['id']}", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()["pieces"]
    assert (found["state"], found["counted"]["by"], found["counted"]["role"]) == ("complete", "Ann", "reviewer")


def test_it_is_in_event_evidence_results_and_the_seller_s_view_and_outlives_a_restart(
    mice: Any, serve: Any, photo: bytes
) -> None:
    made = graded(mice, photo, seller="acme")
    told = count(mice, made, [{"name": "cable"}]).json()
    *_, event = mice.client.get("/v1/events").json()["items"]
    assert short(event["data"]["pieces"]["missing"]) == {"Charger": 1, "cable": 1}
    evidence = mice.client.get(f"/v1/inspections/{made['id']}/evidence").json()
    assert (evidence["consistent"], evidence["payload"]["pieces"]["state"]) == (True, "incomplete")
    assert evidence["payload"]["provenance"]["bundles"]
    seen = mice.as_role("seller", "Acme").get(f"/v1/inspections/{made['id']}").json()["pieces"]
    assert (seen["state"], short(seen["missing"])) == ("incomplete", {"Charger": 1, "cable": 1})
    trail = mice.client.get(f"/v1/inspections/{made['id']}/audit").json()
    assert '"cause": "pieces"' in json.dumps(trail)
    mice.stop()
    again = serve(mice.settings.data_dir)
    assert again.client.get(f"/v1/inspections/{made['id']}").json()["pieces"] == told["pieces"]


def test_new_photos_leave_the_count_as_it_is(mice: Any, photo: bytes) -> None:
    made = graded(mice, photo)
    count(mice, made, ALL)
    files = [("photos", ("p.jpg", with_code(photo, "EAN13", CHARGER), "image/jpeg"))]
    again = mice.client.post(f"/v1/inspections/{made['id']}/photos", files=files, data={"replace": "0"}).json()
    assert (again["pieces"]["state"], again["pieces"]["seen"][0]["name"]) == ("complete", "Charger")


def test_names_of_pieces_are_erased_with_the_item(mice: Any, photo: bytes) -> None:
    sku = SKU | {"sku": "RARE", "pieces": [{"name": "Zeptofil"}]}
    mice.client.post("/v1/catalogue/skus", json={"items": [sku]})
    made = graded(mice, photo, "R-3", sku="RARE")
    count(mice, made, [{"name": "Zeptofil"}, {"name": "Quarzuhr"}])
    decided = {"condition": "opened", "pieces": [{"name": "Quarzuhr"}]}
    assert mice.client.post(f"/v1/inspections/{made['id']}/decision", json=decided).status_code == 200
    assert mice.client.delete(f"/v1/inspections/{made['id']}").status_code == 200
    mice.client.delete("/v1/catalogue/skus", params={"sku": "RARE"})
    assert "pieces" not in mice.client.get(f"/v1/inspections/{made['id']}").json()
    assert mice.client.get(f"/v1/inspections/{made['id']}/evidence").json()["consistent"] is True
    mice.stop()
    files = [path for path in mice.settings.data_dir.rglob("*") if path.is_file()]
    assert [path for path in files if b"Quarzuhr" in path.read_bytes()] == []


def test_codes_of_pieces_come_by_table(mice: Any) -> None:
    table = f"sku,pieces\nBOX,charger [{CHARGER} LH-90]; cable x2 [C-1]; lid\n"
    headers = {"Content-Type": "text/csv"}
    assert mice.client.post("/v1/catalogue/skus", content=table, headers=headers).status_code == 200
    pieces = mice.client.get("/v1/catalogue/skus", params={"sku": "BOX"}).json()["pieces"]
    assert [(one["name"], one["quantity"], one["codes"]) for one in pieces] == [
        ("charger", 1, [CHARGER, "LH-90"]),
        ("cable", 2, ["C-1"]),
        ("lid", 1, []),
    ]


def test_lists_files_label_and_quality_say_what_is_missing(mice: Any, photo: bytes) -> None:
    made = graded(mice, photo)
    count(mice, made, [{"name": "cable"}])
    label = mice.client.get(f"/v1/inspections/{made['id']}/label", params={"format": "html", "size": "4x6"}).text
    assert "Missing: Charger, cable" in label
    lead = mice.with_key(None)
    assert lead.post("/desk/login", data={"key": mice.key("reviewer")}, headers={"Origin": mice.url}).status_code == 303
    table = lead.get("/desk/results/export/csv", params={"columns": ["rma", "missing"]})
    assert table.text.splitlines()[1:] == ["R-1,Charger; cable"]
    assert "Most often missing" in lead.get("/desk/quality").text
    assert "MOUSE,1,1,1,Charger; cable,1" in lead.get("/desk/quality/pieces.csv").text
