"""Adapters: files read strictly, and items told to receivers that hold to the schemas that Loop and AfterShip document.

The schemas are written down from public documentation. No real account was tried.
"""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from regrade.serving.access.photo_links import PhotoLinks
from regrade.serving.base.errors import AdapterError
from regrade.serving.events.adapters.calls import most_of, requests, to_tell
from regrade.serving.events.adapters.read import read_adapter, read_file
from regrade.serving.events.adapters.shelf import SHIPPED, Shelf
from regrade.serving.events.deliveries import Deliveries
from regrade.serving.http.routes.events.out import event_bytes
from regrade.serving.rubric.load import load_rubrics
from tests.serving.events.conftest import Deliver
from tests.serving.events.test_delivery import until

LOOP = (SHIPPED / "loop.yaml").read_text()
AFTERSHIP = (SHIPPED / "aftership.yaml").read_text()
_COMMON = {
    "line_item_id": {"type": "integer"},
    "return_processor": {"type": "string", "maxLength": 100},
    "note": {"type": "string", "maxLength": 65535},
    "inspected_at": {"type": "string"},
}


def _items(required: list[str], own: dict[str, Any]) -> dict[str, Any]:
    item = {"type": "object", "required": required, "properties": _COMMON | own, "additionalProperties": False}
    items = {"type": "array", "minItems": 1, "maxItems": 30, "items": item}
    return {"type": "object", "required": ["items"], "properties": {"items": items}, "additionalProperties": False}


SCHEMAS = {
    "POST /dispositioning/grade": _items(
        ["line_item_id", "description"],
        {
            "description": {"type": "string", "maxLength": 255},
            "condition_category": {
                "enum": ["grade_a", "grade_b", "grade_c", "grade_d", "incorrect_item", "missing", "junk"]
            },
            "images": {"type": "array", "maxItems": 5, "items": {"type": "string", "pattern": "^https://"}},
        },
    ),
    "POST /dispositioning/assess": _items(
        ["line_item_id", "disposition_outcome"],
        {"disposition_outcome": {"enum": ["back_to_stock", "resale_hold", "recycle", "donate", "missing"]}},
    ),
    "PATCH /returns/rma/A1B2C3D4/items/10579097059534": {
        "oneOf": [
            {
                "required": ["item_tags"],
                "properties": {
                    "item_tags": {
                        "type": "array",
                        "items": {"required": ["id"], "properties": {"id": {"type": "string", "minLength": 32}}},
                    }
                },
                "additionalProperties": False,
            },
            {
                "required": ["merchant_uploaded_image_urls"],
                "properties": {"merchant_uploaded_image_urls": {"type": "array", "items": {"type": "string"}}},
                "additionalProperties": False,
            },
        ]
    },
}


@dataclass
class Api:
    """A server with documented calls: 401 without its key, 404 for what it does not know, 422 against the schema.
    `down` are how many calls it answers 503 first; `unknown` is a line item that it has not."""

    url: str = ""
    header: str = "X-Authorization"
    got: list[tuple[str, Any]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    down: int = 0
    unknown: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def taken(self, call: str, key: str | None, body: Any) -> int:
        """The status of an answer; what is taken is noted."""
        with self.lock:
            status = self._status(call, key, body)
            if status == 200:
                self.got.append((call, body))
            else:
                self.refused.append(status)
            return status

    def _status(self, call: str, key: str | None, body: Any) -> int:
        if self.down:
            self.down -= 1
            return 503
        if key != "its-own-key":
            return 401
        if call not in SCHEMAS:
            return 404
        wrong = not jsonschema_rs.is_valid(SCHEMAS[call], body)
        ids = [one.get("line_item_id") for one in body.get("items", [])]
        return 422 if wrong or (self.unknown is not None and self.unknown in ids) else 200


@pytest.fixture
def api() -> Iterator[Api]:
    """A receiver on this machine."""
    one = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = one.taken(f"{self.command} {self.path}", self.headers.get(one.header), body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PATCH = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield one
    server.shutdown()
    server.server_close()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """The adapters of an installation that has both keys, and its own AfterShip tags."""
    for folder in ("keys", "adapters"):
        (tmp_path / folder).mkdir(exist_ok=True)
    for name in ("loop", "aftership"):
        (tmp_path / "keys" / f"{name}.secret").write_text("its-own-key\n")
    (tmp_path / "adapters" / "aftership.yaml").write_text(AFTERSHIP.replace("word: }", f"word: {'d' * 32}}}"))
    return Shelf(tmp_path, PhotoLinks(b"l" * 32), "https://grade.example.com")


@pytest.fixture
def told(site: Any, api: Api, shelf: Shelf, deliver: Deliver) -> Callable[..., Any]:
    """Grades and decides on items with these answers, and then begins to tell `api` of them by an adapter."""
    rubrics = load_rubrics()

    def tell(adapter: str, *answers: dict[str, Any] | None) -> Any:
        made = site.endpoints.add(api.url, site.by, adapter=adapter, types=["inspection.graded", "inspection.decided"])
        for each in answers:
            site.decided(site.graded("A1B2C3D4", answers=each))
        deliver(lambda event: event_bytes(event, rubrics), shelf=shelf)
        return made

    return tell


def ended(site: Any, made: Any) -> list[tuple[str, str | None]]:
    """What became of all deliveries that told of decisions, oldest first."""
    page = Deliveries(site.database).page(made.id, 200).items
    return [(one.state, one.error) for one in reversed(page) if one.type == "inspection.decided"]


def test_loop_is_told_of_grades_and_dispositions_as_it_documents(site: Any, api: Api, told: Callable[..., Any]) -> None:
    made = told("loop", {"line_item_id": 123456789})
    until(lambda: len(api.got) == 2)
    (_, graded), (_, assessed) = api.got
    (item,) = graded["items"]
    assert (item["line_item_id"], item["condition_category"]) == (123456789, "grade_b")
    assert item["images"][0].startswith("https://grade.example.com/v1/photos/")
    assert assessed["items"][0]["disposition_outcome"] in ("back_to_stock", "resale_hold")
    until(lambda: ended(site, made) == [("delivered", None)])
    assert api.refused == []


def test_many_items_go_in_calls_of_at_most_thirty(site: Any, api: Api, told: Callable[..., Any]) -> None:
    told("loop", *({"line_item_id": number} for number in range(1, 41)))
    graded = "POST /dispositioning/grade"
    until(lambda: sum(len(body["items"]) for call, body in api.got if call == graded) >= 40)
    sizes = [len(body["items"]) for call, body in api.got if call == graded]
    assert max(sizes) <= 30
    assert len(sizes) < 40
    until(lambda: len({one["line_item_id"] for call, body in api.got for one in body["items"]}) == 40)


def test_what_is_refused_because_of_one_item_reaches_it_for_the_others(
    site: Any, api: Api, told: Callable[..., Any]
) -> None:
    api.unknown = 2
    made = told("loop", *({"line_item_id": number} for number in (1, 2, 3)))
    until(lambda: [state for state, _ in ended(site, made)] == ["delivered", "pending", "delivered"])
    assert ended(site, made)[1] == ("pending", "status")


def test_a_receiver_that_is_down_is_told_once_it_is_back(site: Any, api: Api, told: Callable[..., Any]) -> None:
    api.down = 3
    made = told("loop", {"line_item_id": 1})
    until(lambda: ended(site, made) == [("delivered", None)])
    assert 503 in api.refused


def test_an_item_without_what_the_receiver_must_be_told_is_given_up_and_says_so(
    site: Any, api: Api, told: Callable[..., Any]
) -> None:
    made = told("loop", None, {"line_item_id": "no number"}, {"line_item_id": 3})
    until(lambda: ended(site, made) == [("dead", "unmapped"), ("dead", "unmapped"), ("delivered", None)])


def test_without_its_secret_all_waits(site: Any, api: Api, told: Callable[..., Any], tmp_path: Path) -> None:
    secret = tmp_path / "keys" / "loop.secret"
    secret.unlink()
    made = told("loop", {"line_item_id": 1})
    page = Deliveries(site.database).page
    until(lambda: [one.error for one in page(made.id, 9, state="pending").items] == [None, "adapter"])
    secret.write_text("its-own-key")
    until(lambda: ended(site, made) == [("delivered", None)])
    assert api.refused == []


def test_aftership_is_told_of_tags_and_of_images(site: Any, api: Api, told: Callable[..., Any]) -> None:
    api.header = "as-api-key"
    told("aftership", {"item_id": "10579097059534"})
    until(lambda: len(api.got) == 2)
    assert [list(body) for _, body in api.got] == [["item_tags"], ["merchant_uploaded_image_urls"]]
    assert api.refused == []


def test_nothing_is_told_of_what_does_not_stand() -> None:
    event = {"created_at": "2026-11-30T10:00:00Z", "data": {"status": "needs_review", "grade": {"condition": "used"}}}
    assert to_tell(event) is None
    assert to_tell({**event, "data": {"reason": "of the site"}}) is None
    assert to_tell({**event, "data": {"status": "reviewed", "grade": {}, "erased": {"at": "now"}}}) is None


def test_what_stands_in_a_path_cannot_leave_it() -> None:
    adapter = read_adapter(AFTERSHIP.replace("word: }", "word: tag}"), "a")
    item = {
        "id": "i", "item": {"rma": "../x?y#z", "answers": {"item_id": 7}}, "photos": [], "at": "now",
        "grade": {"condition": "used"}, "disposition": {"action": "relist"},
    }  # fmt: skip
    assert next(requests(adapter, [item], lambda *_: "")).path == "/returns/rma/..%2Fx%3Fy%23z/items/7"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{condition: used, ", "{condition: worn, ", "'worn' is not legal. Legal values: unopened, opened, used"),
        ("    - {condition: used, word: grade_c}\n", "", "words.grade: no rule has a word for used × relist"),
        ("word: junk", "word: ", "a gap; write there what the receiver calls it"),
        ("{disposition: destroy, word: junk}", "{defect: lost, word: missing}", "'lost' is no defect. Legal values:"),
        ("{rma}", "{rna}", "{rna} is not known. Legal names: id, rma"),
        ("{word.grade}", "{word.grades}", "word.grades} is not known"),
        ("$photos: 5", "$fotos: 5", "$fotos is not known here"),
        ("$photos: 5", "$photos: many", "a whole number from 1 to 100"),
        ("link_days: 7", "link_days: 90", "out of range; it must be at most 30"),
        ("inspection.decided]", "inspection.sold]", "'inspection.sold' is not legal"),
        ("name: Loop", "name: Loop\ncolour: red", "no such field"),
        ("url: https:", "url: ftp:", "it must be text that fits ^https?://"),
        ("name: Loop", "name: Loop\nname: Other", "is already set on line"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_line_and_what_to_do(old: str, new: str, said: str) -> None:
    assert old in LOOP
    with pytest.raises(AdapterError, match=r"line [0-9]+") as caught:
        read_adapter(LOOP.replace(old, new, 1), "loop.yaml")
    assert said in str(caught.value)


def test_loop_can_be_used_as_it_is_and_aftership_says_what_to_fill_in(shelf: Shelf) -> None:
    assert most_of(shelf.usable("loop")) == 30
    with pytest.raises(AdapterError, match=r"words\.tag\[0\]\.word: a gap"):
        read_file(SHIPPED / "aftership.yaml")


def test_links_need_an_address_that_others_can_open(tmp_path: Path, shelf: Shelf) -> None:
    with pytest.raises(AdapterError, match="REGRADE_PUBLIC_URL"):
        Shelf(tmp_path, PhotoLinks(b"l" * 32), "").usable("loop")
    with pytest.raises(AdapterError, match=r"There is no adapter 'lop'\. There are: aftership, loop"):
        shelf.get("lop")
