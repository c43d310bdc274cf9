"""Receivers of webhooks on this machine, and what delivers to them: with delays that a test can wait for."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from regrade.datasets.category import load_categories
from regrade.models.types import CONDITIONS, CategoryCall, Defect, Grade, ItemResult, Quality
from regrade.serving.access.keys import ApiKey, KeyStore
from regrade.serving.erasure.eraser import Eraser
from regrade.serving.erasure.pseudonyms import Pseudonyms
from regrade.serving.events.attempts import Reach, Told
from regrade.serving.events.dispatcher import Dispatcher
from regrade.serving.events.endpoints import By, Endpoint, Endpoints
from regrade.serving.events.log import EventLog, Wanted
from regrade.serving.events.moments import Event
from regrade.serving.events.queue import Schedule
from regrade.serving.events.signing import Secrets
from regrade.serving.evidence import Signer
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import DEFAULT_POLICY, parse_policy
from regrade.serving.review import Claim, Desk, Filters, FirstLooks, Lottery, Verdict
from regrade.serving.rubric.in_force import InForce
from regrade.serving.rubric.load import load_rubrics
from regrade.serving.storage.database import Database
from regrade.serving.storage.photostore import LocalPhotoStore
from regrade.serving.storage.records import Inspection, StoredPhoto, new_id

HERE = (ip_network("127.0.0.0/8"),)
SOON = Schedule(delays=(0.05, 0.1, 0.2), longest_silence=0.1)
Answer = Callable[[dict[str, Any], int], tuple[int, dict[str, str]]]
"""What a receiver answers to an event that it is sent for the nth time: a status and headers."""


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent. `answer` says what it says to it; by default that all is well."""

    url: str
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: Answer = lambda event, times: (204, {})
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What came, in its order, repeated or not."""
        with self.changed:
            return [json.loads(body) for _, body in self.got]

    def taken(self, event: dict[str, Any], headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        with self.changed:
            self.got.append((headers, body))
            times = sum(json.loads(one)["id"] == event["id"] for _, one in self.got)
            self.changed.notify_all()
        return self.answer(event, times)

    def wait(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        """What came, once that are `count` requests."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, seconds), f"{len(self.got)} of {count} came"
        return self.events

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """What came, after the stock library of the Standard Webhooks has found every signature good."""
        return [Webhook(secret).verify(body, headers) for headers, body in self.got]


@pytest.fixture
def listen() -> Iterator[Callable[..., Receiver]]:
    """Starts receivers."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer | None = None) -> Receiver:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers = receiver.taken(json.loads(body), dict(self.headers.items()), body)
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hooks")
        if answer is not None:
            receiver.answer = answer
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return receiver

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@dataclass
class Site:
    """A database with a desk that decides in the real time, and what is told of it."""

    database: Database
    secrets: Secrets = field(default_factory=lambda: Secrets(bytes(range(32))))

    def __post_init__(self) -> None:
        categories = load_categories()
        text = DEFAULT_POLICY.read_text(encoding="utf-8")
        shares = "quality_control: {sample_share: 0.0, second_share: 0.0}\n"
        kept = [line for line in text.splitlines() if not line.startswith("quality_control:")]
        self.policy = parse_policy("\n".join(kept) + "\n" + shares, categories=categories)
        self.signer, lottery = Signer.generate(), Lottery(bytes(range(32)))
        self.store = InspectionStore(self.database, FirstLooks(lambda: self.policy, lottery), self.signer)
        rules = InForce(categories, self.policy, load_rubrics(categories=categories))
        times: dict[str, Any] = {"lease": timedelta(minutes=10), "undo": timedelta(seconds=60)}
        self.desk = Desk(self.database, lambda: rules, lottery, **times, signer=self.signer)
        keys = KeyStore(self.database)
        self.station, self.ann = (keys.create(role, role)[1] for role in ("station", "reviewer"))
        self.by = By(user="test")
        self.pseudonyms = Pseudonyms(b"p" * 32)
        self.alias = self.pseudonyms.of_seller
        self.log, self.endpoints = EventLog(self.database), Endpoints(self.database, self.secrets)

    def graded(
        self, rma: str = "RMA-1", seller: str | None = None, station: str = "LA-01", answers: Any = None
    ) -> Inspection:
        """An inspection that somebody must look at."""
        item: dict[str, Any] = {"rma": rma, "category": "footwear", "station": station}
        if seller is not None:
            item["seller"] = seller
        if answers is not None:
            item["answers"] = answers
        likely = {name: 0.4 if name == "used" else 0.2 for name in CONDITIONS}
        result = ItemResult(
            category=CategoryCall("footwear", "declared", 0.99, "footwear"),
            grade=Grade("used", likely, ("used",), 0.4, None, None),
            defects=(Defect(0, "scuff", 0.87, (10.0, 20.0, 110.0, 90.0), "minor"),),
            quality=(Quality(True, (), {}),),
            models={"footwear": "2026.11.1"},
            timings_ms={"total": 12.0},
        )
        found = decide(self.policy, result, declared_value=None, seller=seller)
        photos = (StoredPhoto(0, "ab" * 32, "image/jpeg", 1000, 640, 480),)
        now, key = datetime.now(UTC), self.station.id
        made = Inspection(new_id(), now, "needs_review", key, None, "d", item, result, found, photos)
        self.store.insert(made)
        return made

    def claim(self, inspection: Inspection, by: ApiKey | None = None) -> Claim:
        """The lease of an item."""
        claimed = self.desk.claim(by or self.ann, Filters(inspection_id=inspection.id))
        assert claimed is not None
        return claimed

    def decided(self, inspection: Inspection, condition: str = "opened") -> None:
        """A reviewer decides on an item."""
        self.desk.decide(inspection.id, self.claim(inspection).token, self.ann, Verdict(condition))

    def told(self) -> list[Event]:
        """All events, oldest first."""
        return list(self.log.page(Wanted(), 200, None).items)


@pytest.fixture
def site(tmp_path: Path, new_database: Any) -> Iterator[Site]:
    """A site of which nothing is told yet."""
    database = Database(new_database(tmp_path))
    yield Site(database)
    database.close()


@pytest.fixture
def eraser(site: Site, tmp_path: Path) -> Eraser:
    """What erases at the site."""
    photos = LocalPhotoStore(tmp_path / "photos")
    return Eraser(site.database, photos, lambda sha256: None, site.signer, site.pseudonyms)


def written(event: Event) -> bytes:
    """An event as it is sent, in short."""
    about = None if event.inspection is None else {"id": event.inspection.id, "status": event.inspection.status}
    return json.dumps({"id": event.id, "type": event.type, "data": about or dict(event.data)}).encode()


Deliver = Callable[..., Dispatcher]


@pytest.fixture
def deliver(site: Site) -> Iterator[Deliver]:
    """Starts what delivers."""
    started: list[Dispatcher] = []

    def start(write: Callable[[Event], bytes] = written, **more: Any) -> Dispatcher:
        given = {"alone": True, "days": 90.0, "schedule": SOON, "alias": site.alias, **more}
        dispatcher = Dispatcher(site.database, site.secrets, Reach(HERE, HERE), **given)
        started.append(dispatcher)
        dispatcher.start(Told(write, write))
        return dispatcher

    yield start
    for one in started:
        one.stop()


def hook(site: Site, receiver: Receiver, **more: Any) -> Endpoint:
    """A webhook at a receiver."""
    return site.endpoints.add(receiver.url, site.by, **more)
