"""A real service on a free port with a fresh data directory, and photos that pass the quality gate."""

import base64
import io
import json
import shutil
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import pillow_heif
import pytest
import rfc8785
import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from PIL import Image, ImageDraw
from sqlalchemy import insert, select
from starlette.routing import Mount

from regrade.models.adaptation.head_file import Linear, read_head, with_head
from regrade.models.golden import proven
from regrade.models.grader import Grader
from regrade.models.registry.bundle import load_bundle, shipped_root
from regrade.models.registry.files import write_bundle
from regrade.models.types import CONDITIONS
from regrade.serving.access.keys import Role
from regrade.serving.base.settings import Settings
from regrade.serving.http.app import create_app
from regrade.serving.http.server import build_server
from regrade.serving.runtime import Runtime
from regrade.serving.storage import private
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import new_id
from regrade.serving.storage.tables import inspections, reviews, shadow_grades
from tests.databases import DOUBLED, KINDS, MISSING, WITH_SERVICES, Cluster, NewDatabase, copy_of, programs

RenderPhoto = Callable[..., bytes]

TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here speaks TLS; without this, every client would read the system's certificates, for 20 ms."""


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with the newest schema, to be copied: the migrations take longer than most tests."""
    file = tmp_path_factory.mktemp("schema") / "migrated.db"
    database = Database(f"sqlite:///{file}")
    database.migrate()
    database.close()
    assert sorted(path.name for path in file.parent.iterdir()) == ["migrated.db", "migrated.db-acknowledged"]
    return file


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what has a database on both kinds, in the folders where that is so."""
    if "database_kind" in metafunc.fixturenames and any(
        folder in metafunc.definition.path.parents for folder in DOUBLED
    ):
        alone = metafunc.definition.get_closest_marker("sqlite_only") is not None
        metafunc.parametrize("database_kind", KINDS[:1] if alone else (KINDS[0], _other(metafunc)), indirect=True)


def _other(metafunc: pytest.Metafunc) -> Any:
    """PostgreSQL; with a whole service around it mostly in `make test-postgresql` alone, for each takes half a
    second."""
    marks = [pytest.mark.postgresql, pytest.mark.skipif(programs() is None, reason=MISSING)]
    always = any(folder in metafunc.definition.path.parents for folder in WITH_SERVICES)
    if "serve" in metafunc.fixturenames and not always:
        marks.append(pytest.mark.long)
    return pytest.param(KINDS[1], marks=marks)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """What the test's databases are: `sqlite` or `postgresql`."""
    return getattr(request, "param", KINDS[0])


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A server of PostgreSQL, whose databases are each for one test."""
    if programs() is None:
        pytest.skip(MISSING)
    made = Cluster()
    yield made
    made.stop()


@pytest.fixture
def new_database(
    database_kind: str, migrated: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NewDatabase]:
    """Makes databases, empty and with the newest schema; see `NewDatabase`. Of a folder there is one. In PostgreSQL the
    last that was made is in the environment too, for commands that are told the folder alone."""
    made: dict[Path, str] = {}

    def make(folder: Path, name: str = "regrade.db", *, schema: bool = True) -> str:
        if database_kind == "sqlite":
            there = folder / name
            return f"sqlite:///{there}" if there.exists() or not schema else copy_of(migrated, folder, name)
        if folder / name not in made:
            server = request.getfixturevalue("cluster")
            made[folder / name] = server.migrated() if schema else server.create()
        monkeypatch.setenv("REGRADE_DATABASE_URL", made[folder / name])
        return made[folder / name]

    yield make
    for url in made.values():
        request.getfixturevalue("cluster").let_go(url)


@pytest.fixture(scope="session")
def ending() -> Iterator[deque[threading.Thread]]:
    """The services of tests that are over. They end beside the next test, for uvicorn waits 0.2 s before it does."""
    services: deque[threading.Thread] = deque()
    yield services
    _see_off(services)


@pytest.fixture
def alone(ending: deque[threading.Thread]) -> None:
    """For a test that looks at what belongs to the whole process: no service of an earlier test is left in it."""
    _see_off(ending)


@pytest.fixture(autouse=True)
def nearly_alone(request: pytest.FixtureRequest, ending: deque[threading.Thread]) -> None:
    """Only a test with a service of its own runs beside earlier ones that end."""
    _see_off(ending, but=2 if "serve" in request.fixturenames else 0)


@pytest.fixture(scope="session")
def grader() -> Grader:
    """The shipped grader, loaded once."""
    loaded = proven(lambda precision: Grader.load(precision=precision), "int8")
    loaded.warm_up()
    return loaded


@pytest.fixture
def two_versions(tmp_path: Path) -> Path:
    """A copy of the shipped bundles, without their past, and with a version 2099.1.1 of packaging that is not active.

    It differs from the active one in its card alone.
    """
    past = shutil.ignore_patterns("PREVIOUS", "activations.jsonl")
    root = Path(shutil.copytree(shipped_root(), tmp_path / "bundles", ignore=past))
    old = load_bundle(root, "packaging")
    files = {n: (old.folder / n).read_bytes() for n in ("head.onnx", "calibration.json", "metrics.json", "card.md")}
    write_bundle(
        root,
        "packaging",
        "2099.1.1",
        files={**files, "card.md": files["card.md"] + b"\nnew\n"},
        backbones={p: old.backbone_path(p).read_bytes() for p in old.backbones},
        labels=old.labels,
        defects=old.defects,
        input_side=old.input_side,
    )
    return root


CANDIDATE = "2099.2.2"


@pytest.fixture
def with_candidate(two_versions: Path) -> Path:
    """The same with a version 2099.2.2 of packaging beside: its head sees everything damaged, on the active one's
    backbone, and it says of itself that it is adapted."""
    return _write_candidate(two_versions, {})


@pytest.fixture
def with_adapted(two_versions: Path) -> Path:
    """The same, and it says that it was judged against the version that is active."""
    active = load_bundle(two_versions, "packaging").version
    return _write_candidate(two_versions, {"at": "2099-02-02T00:00:00+00:00", "judged_against": {"version": active}})


def _write_candidate(root: Path, adapted: dict[str, Any]) -> Path:
    old = load_bundle(root, "packaging")
    names = ("calibration.json", "metrics.json", "card.md", "category.yaml", "held_out.json")
    files = {name: (old.folder / name).read_bytes() for name in names}
    head = read_head(old.head_path.read_bytes())
    told = Linear(0.0 * head.weights, np.array([0.0] * (len(head.bias) - 1) + [40.0]))
    files["head.onnx"] = with_head(old.head_path.read_bytes(), told)
    files["held_out.json"] = json.dumps(json.loads(files["held_out.json"]) | {"version": CANDIDATE}).encode()
    files["metrics.json"] = json.dumps(json.loads(files["metrics.json"]) | {"adapted": adapted}).encode()
    networks = {p: old.backbone_path(p).read_bytes() for p in old.backbones}
    parts: dict[str, Any] = {"labels": old.labels, "defects": old.defects, "input_side": old.input_side}
    write_bundle(root, "packaging", CANDIDATE, files=files, backbones=networks, **parts)
    return root


@pytest.fixture(scope="session")
def render_photo() -> RenderPhoto:
    """Renders a sharp, well-lit scene of boxes on textured ground; another one for each seed."""

    pillow_heif.register_heif_opener()

    def render(seed: int = 0, size: tuple[int, int] = (640, 480), kind: str = "JPEG", **options: Any) -> bytes:
        random = np.random.default_rng(seed)
        ground = random.integers(70, 190, (size[1], size[0], 3), dtype=np.uint8)
        image = Image.fromarray(ground)
        draw = ImageDraw.Draw(image)
        for _ in range(8):
            x, y = int(random.integers(0, size[0] - 60)), int(random.integers(0, size[1] - 60))
            colour = tuple(int(value) for value in random.integers(0, 255, 3))
            draw.rectangle((x, y, x + size[0] // 6, y + size[1] // 6), fill=colour, outline="black", width=3)
        out = io.BytesIO()
        image.save(out, kind, **({"quality": 80} if kind == "JPEG" else {}) | options)
        return out.getvalue()

    return render


@pytest.fixture
def put_judged() -> Callable[..., None]:
    """Puts items into a service that a bundle of packaging let go, that another may have judged beside, and that a
    reviewer looked at blind; one item must be there, which they are like."""
    return _put_judged


def _put_judged(
    service: Any,
    n: int,
    graded_by: str,
    beside: str | None,
    said: str,
    truth: str,
    other: str | None = None,
    category: str = "packaging",
    seller: str | None = None,
) -> None:
    """`n` items that went alone as `said`, of which `beside` thinks `other`, and that turned out as `truth`, blind; of
    another `seller` than the one that they are like."""
    now = datetime.now(UTC)
    likely = {c: 0.97 if c == said else 0.01 for c in CONDITIONS}
    with service.runtime.database.write() as connection:
        like = dict(connection.execute(select(inspections).order_by(inspections.c.created_at)).first()._mapping)
        result = json.loads(json.dumps(like["result"]))
        result["models"], result["defects"] = {category: graded_by}, []
        result["category"] |= {"name": category, "best_guess": category}
        result["grade"] |= {"condition": said, "probabilities": likely, "promised_error": 0.05}
        if seller is not None:
            like |= {"seller": seller, "item": like["item"] | {"seller": seller}}
        rows = [
            like
            | {"id": new_id(), "created_at": now + timedelta(microseconds=i), "status": "graded", "sample_share": 1.0}
            | {"result": result, "model_condition": said, "idempotency_key": None, "category": category}
            for i in range(n)
        ]
        connection.execute(insert(inspections), rows)
        if beside is not None:
            opinion = {c: 0.97 if c == (other or said) else 0.01 for c in CONDITIONS}
            told = {"version": beside, "category": category, "condition": other or said, "probabilities": opinion}
            more = {"defects": [], "action": "refurbish", "alone": True, "loss": 0.1, "closer_missed": False}
            values = [told | more | {"inspection_id": row["id"], "at": row["created_at"]} for row in rows]
            connection.execute(insert(shadow_grades), values)
        look = {"key_id": like["key_id"], "reviewer": "Ann", "model_condition": said, "condition": truth}
        look |= {"disposition": {}, "disposition_source": "policy", "kind": "sample", "blind": True}
        looks = [
            look | {"id": new_id(), "inspection_id": row["id"], "decided_at": now + timedelta(microseconds=i)}
            for i, row in enumerate(rows)
        ]
        connection.execute(insert(reviews), looks)
        if truth != said:  # the tie is broken
            third = [one | {"id": new_id(), "kind": "third"} for one in looks]
            connection.execute(insert(reviews), third)


@dataclass
class Service:
    """A running service. `client` speaks to it as an admin."""

    url: str
    settings: Settings
    runtime: Runtime
    client: httpx.Client
    app: FastAPI = field(repr=False)
    stop: Callable[[], None] = field(repr=False)
    _stack: ExitStack = field(repr=False)

    def key(self, role: Role, name: str = "test", sellers: Sequence[str] = ("acme",)) -> str:
        """A new key of the given role; of a seller, one of `sellers`."""
        token, _ = self.runtime.keys.create(role, name, sellers if role == "seller" else ())
        return token

    def as_role(self, role: Role, name: str = "test", sellers: Sequence[str] = ("acme",)) -> httpx.Client:
        """A client with a new key of the given role."""
        return self.with_key(self.key(role, name, sellers))

    def with_key(self, key: str | None) -> httpx.Client:
        """A client with the given key, or none."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return self._stack.enter_context(_client(self.url, headers))

    def post(
        self,
        photos: list[bytes],
        item: object = None,
        *,
        key: str | None = None,
        client: httpx.Client | None = None,
        **headers: str,
    ) -> httpx.Response:
        """Post an item; `item` may be any JSON value or the bytes of the part."""
        given = {"rma": "RMA-1"} if item is None else item
        text = given if isinstance(given, bytes) else json.dumps(given).encode()
        files = [("photos", (f"{index}.jpg", data, "image/jpeg")) for index, data in enumerate(photos)]
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Idempotency-Key"] = key
        return (client or self.client).post("/v1/inspections", files=files, data={"item": text.decode()}, headers=sent)

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of everything that it answers; what is mounted are files, to be read."""
        found: list[tuple[str, str]] = []
        for context in iter_route_contexts(self.app.routes):
            mounted = isinstance(context.original_route, Mount)
            path = f"{context.path}/{{path}}" if mounted else str(context.path)
            found += [
                (method, path) for method in sorted({"GET"} if mounted else (context.methods or set()) - {"HEAD"})
            ]
        return found

    def files(self) -> list[Path]:
        """All photo files, temporary ones included."""
        return [path for path in (self.settings.data_dir / "photos").rglob("*") if path.is_file()]

    def assert_nothing_stored(self) -> None:
        """No row, no photo, no temporary file."""
        assert self.runtime.inspections.count() == 0
        assert self.files() == []


class Serve(Protocol):
    """Starts a service; keyword arguments are settings, and `grader` where it is not the shipped one (None: loaded)."""

    def __call__(self, data_dir: Path | None = None, **settings: Any) -> Service: ...


@pytest.fixture
def serve(
    tmp_path: Path, grader: Grader, new_database: NewDatabase, database_kind: str, ending: deque[threading.Thread]
) -> Iterator[Serve]:
    """Starts services that end with the test. Theirs is a data directory with the schema, and nothing else in it; one
    that is named is left to the service."""
    with ExitStack() as stack:

        def start(data_dir: Path | None = None, **given: Any) -> Service:
            folder = data_dir or tmp_path / "data"
            own = given.pop("grader", grader)
            values: dict[str, Any] = {"port": 0, "data_dir": folder, "workers": 2, "log_level": "warning"} | given
            if data_dir is None and not folder.exists():
                folder.mkdir(private.FOLDER)
                new_database(folder)
            elif database_kind != "sqlite":
                new_database(folder)
            settings = Settings(_env_file=None, **values)
            tokens: list[str] = []
            app = create_app(settings, grader=own, announce=tokens.append)
            server = build_server(app, settings)
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            stack.callback(_begin_to_stop, server, thread, ending)
            _wait_until(lambda: server.started and app.state.runtime.ready)
            runtime: Runtime = app.state.runtime
            token = tokens[0] if tokens else runtime.keys.create("admin", "test")[0]
            port = server.servers[0].sockets[0].getsockname()[1]
            client = _client(f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"})
            stack.enter_context(client)
            stop = partial(_stop, server, thread)
            return Service(str(client.base_url).rstrip("/"), settings, runtime, client, app, stop, stack)

        yield start


def _client(url: str, headers: dict[str, str]) -> httpx.Client:
    return httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False, verify=TRUST)


def _stop(server: uvicorn.Server, thread: threading.Thread) -> None:
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def _begin_to_stop(server: uvicorn.Server, thread: threading.Thread, ending: deque[threading.Thread]) -> None:
    server.should_exit = True
    ending.append(thread)


def _see_off(services: deque[threading.Thread], but: int = 0) -> None:
    """Wait until all services have ended but the last few."""
    while len(services) > but:
        thread = services.popleft()
        thread.join(30)
        assert not thread.is_alive(), "the service of an earlier test does not end"


def _wait_until(done: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "the service did not start"
        time.sleep(0.005)


@pytest.fixture
def service(serve: Serve) -> Service:
    """A service with the settings of a fresh installation, on a free port."""
    return serve()


@pytest.fixture(scope="session")
def sound() -> Callable[[dict[str, Any], str], bool]:
    """Whether a client that was written for the first evidence takes a bundle for signed by a key, raw in base64: one
    signature, by Ed25519 over the RFC 8785 form of `payload`."""

    def check(bundle: dict[str, Any], public_key: str) -> bool:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        try:
            key.verify(base64.b64decode(bundle["signature"]["value"]), rfc8785.dumps(bundle["payload"]))
        except InvalidSignature:
            return False
        return True

    return check


@pytest.fixture
def photo(render_photo: RenderPhoto) -> bytes:
    """One good JPEG."""
    return render_photo(0)
