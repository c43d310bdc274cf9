"""Whether it is the right item, from the photo to the answer, the desk's task, the events and the evidence."""

import io
import json
from typing import Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from tests.serving.conftest import RenderPhoto

pytestmark = pytest.mark.slow

PEN, INK = "4006381333931", "036000291452"
SKUS = [
    {"sku": "PEN", "category": "packaging", "gtins": [PEN], "declared_value": {"amount": 20.0, "currency": "USD"}},
    {"sku": "INK", "category": "packaging", "gtins": [INK]},
]


def with_code(photo: bytes, kind: str, text: str, pixels: int = 2) -> bytes:
    """`photo` with a label on it."""
    drawn = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, kind))
    label = Image.fromarray(np.array(drawn.to_image(scale=pixels, add_quiet_zones=True)))
    picture = Image.open(io.BytesIO(photo)).convert("RGB")
    picture.paste(label.convert("RGB"), (20, 20))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


@pytest.fixture
def returns(service: Any) -> Any:
    """A service that expects a pen in `R-1`, and a device with a serial number in `R-2`."""
    assert service.client.post("/v1/catalogue/skus", json={"items": SKUS}).status_code == 200
    rmas = [
        {"rma": "R-1", "lines": [{"sku": "PEN"}]},
        {"rma": "R-2", "lines": [{"sku": "DEV", "serial": "C02ZZ9QWJG5J"}]},
    ]
    assert service.client.post("/v1/catalogue/rmas", json={"items": rmas}).status_code == 200
    return service


def graded(service: Any, rma: str, photo: bytes, **more: Any) -> Any:
    answer = service.post([photo], {"rma": rma, "category": "packaging", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_the_right_code_is_a_match_with_its_box(returns: Any, photo: bytes) -> None:
    found = graded(returns, "R-1", with_code(photo, "EAN13", PEN))["identity"]
    assert (found["verdict"], found["expected"]["gtins"]) == ("match", ["0" + PEN])
    (code,) = found["codes"]
    assert (code["text"], code["format"], code["source"], code["photo"]) == (PEN, "ean_13", "barcode", 0)
    x1, y1, x2, y2 = code["box"]
    assert 20 <= x1 < x2 <= 300
    assert 20 <= y1 < y2 <= 200
    assert len(code["polygon"]) == 4


def test_another_item_goes_to_the_desk_and_never_back_on_the_shelf(returns: Any, photo: bytes) -> None:
    made = graded(returns, "R-1", with_code(photo, "UPCA", INK))
    found = made["identity"]
    assert (found["verdict"], found["looks_like"]) == ("mismatch", ["INK"])
    assert "0036000291452 was read, 4006381333931 is expected" in found["words"]  # both as they are printed
    assert "SKU INK" in found["words"]
    assert made["review"]["who"] == "desk"
    assert any("does not look like the item of the return" in reason for reason in made["review"]["reasons"])
    actions = [made["disposition"]["action"], *(one["action"] for one in made["disposition"]["alternatives"])]
    assert "relist" not in actions
    chinese = returns.client.get(f"/v1/inspections/{made['id']}", headers={"Accept-Language": "zh-CN"}).json()
    assert "应为" in chinese["identity"]["words"]


def test_another_copy_of_the_same_is_told_by_its_serial_number(returns: Any, photo: bytes) -> None:
    assert graded(returns, "R-2", with_code(photo, "Code128", "C02XK1ABJG5J"))["identity"]["verdict"] == "mismatch"
    assert graded(returns, "R-2", with_code(photo, "QRCode", "c02zz9qwjg5j"))["identity"]["verdict"] == "match"


def test_no_code_is_no_verdict_and_changes_nothing(returns: Any, photo: bytes) -> None:
    made = graded(returns, "R-1", photo)
    assert (made["identity"]["verdict"], made["identity"]["codes"]) == ("nothing_read", [])
    unknown = graded(returns, "R-9", with_code(photo, "EAN13", PEN))
    assert unknown["identity"]["verdict"] == "not_expected"


def test_what_the_station_scanned_counts_too(returns: Any, photo: bytes) -> None:
    found = graded(returns, "R-1", photo, answers={"codes": [INK]})["identity"]
    assert (found["verdict"], found["codes"][0]["source"], found["codes"][0]["photo"]) == ("mismatch", "scanner", None)


def test_a_small_code_in_a_large_photo_is_found_by_a_closer_look(returns: Any, render_photo: RenderPhoto) -> None:
    large = render_photo(size=(3200, 2400))
    found = graded(returns, "R-1", with_code(large, "EAN13", PEN, pixels=4))["identity"]
    assert found["verdict"] == "match"
    assert found["codes"][0]["box"][2] > 300


def test_it_survives_a_restart_and_is_in_the_event_and_the_evidence(returns: Any, serve: Any, photo: bytes) -> None:
    made = graded(returns, "R-1", with_code(photo, "UPCA", INK))
    (event,) = returns.client.get("/v1/events").json()["items"]
    assert event["data"]["identity"]["verdict"] == "mismatch"
    told = returns.client.get(f"/v1/inspections/{made['id']}/evidence").json()
    assert '"mismatch"' in json.dumps(told)
    returns.stop()
    again = serve(returns.settings.data_dir)
    assert again.client.get(f"/v1/inspections/{made['id']}").json()["identity"] == made["identity"]


def test_new_photos_are_read_and_the_earlier_verdict_stays_with_its_revision(returns: Any, photo: bytes) -> None:
    made = graded(returns, "R-1", with_code(photo, "UPCA", INK))
    files = [("photos", ("p.jpg", with_code(photo, "EAN13", PEN), "image/jpeg"))]
    where = f"/v1/inspections/{made['id']}"
    again = returns.client.post(f"{where}/photos", files=files, data={"replace": "0"})
    assert again.json()["identity"]["verdict"] == "match"
    assert returns.client.get(where, params={"revision": 1}).json()["identity"]["verdict"] == "mismatch"


def test_a_hostile_code_is_text_in_the_answer(returns: Any, photo: bytes) -> None:
    evil = '=HYPERLINK("x")<script>\u202e' + "A" * 600
    (code,) = graded(returns, "R-1", with_code(photo, "QRCode", evil, pixels=3))["identity"]["codes"]
    assert code["text"].startswith('=HYPERLINK("x")<script>\\u202eAAA')
    assert (len(code["text"]), code["cut"]) == (512, True)


def test_codes_are_erased_with_the_item(returns: Any, photo: bytes) -> None:
    made = graded(returns, "R-2", with_code(photo, "Code128", "C02XK1ABJG5J"))
    assert returns.client.delete(f"/v1/inspections/{made['id']}").status_code == 200
    assert "identity" not in returns.client.get(f"/v1/inspections/{made['id']}").json()
    kept = [
        path for path in returns.settings.data_dir.rglob("*") if path.is_file() and b"C02XK1ABJG5J" in path.read_bytes()
    ]
    assert kept == []


def test_gtins_are_imported_from_tables_and_bad_ones_refused(returns: Any) -> None:
    table = f"sku,gtins\nBOX,{PEN}; {INK}\n"
    headers = {"Content-Type": "text/csv"}
    assert returns.client.post("/v1/catalogue/skus", content=table, headers=headers).status_code == 200
    told = returns.client.get("/v1/catalogue/skus", params={"sku": "BOX"}).json()
    assert told["gtins"] == ["0" + PEN, "00" + INK]
    bad = returns.client.post("/v1/catalogue/skus", json={"items": [{"sku": "X", "gtins": ["4006381333932"]}]})
    assert bad.status_code == 422
    assert "check digit" in bad.text
