"""Browsers at the pages of a running service: the station with photos to give it, the desk with items to review."""

import io
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    FilePayload,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)
from sqlalchemy import delete

from regrade.models.types import Defect
from regrade.serving.base.dispositions import Reason
from regrade.serving.examples.items import PHOTOS
from regrade.serving.policy.load import DEFAULT_POLICY
from regrade.serving.storage.records import Inspection, new_id
from regrade.serving.storage.tables import tasks

expect.set_options(timeout=15_000)

CONFIDENCE: dict[str, str | float] = {
    "probability": 0.78,
    "condition": "damaged",
    "category": "packaging",
    "needed": 0.97,
}

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
FAILED_LOAD = "Failed to load resource"
"""What Chromium logs of every answer of 400 and up; the tests provoke these."""


@pytest.fixture
def serve_by(serve: Any, tmp_path: Path) -> Callable[[str, str], Any]:
    """Starts a service by the shipped policy, in which the one place that a pattern matches reads otherwise."""

    def start(pattern: str, wanted: str) -> Any:
        policy, found = re.subn(pattern, wanted, DEFAULT_POLICY.read_text(encoding="utf-8"))
        assert found == 1
        file = tmp_path / "policy.yaml"
        file.write_text(policy, encoding="utf-8")
        return serve(policy_file=file)

    return start


@pytest.fixture
def serve_first(serve_by: Callable[[str, str], Any]) -> Callable[[float], Any]:
    """Starts a service at which the inspector decides first at this share of the items."""
    return lambda share: serve_by(r"first_share: [\d.]+", f"first_share: {share}")


@pytest.fixture
def service(serve_first: Callable[[float], Any]) -> Any:
    """A service that shows the model's word at once: no lot decides what a test sees."""
    return serve_first(0.0)


@pytest.fixture
def station_key(service: Any) -> str:
    """A key of the role that the page needs."""
    key: str = service.key("station", "bench 1")
    return key


@pytest.fixture
def stored(service: Any) -> Callable[[str], list[dict[str, Any]]]:
    """All inspections of one RMA that the service has, newest first."""

    def find(rma: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = service.client.get("/v1/inspections").json()["items"]
        return [item for item in items if item["item"]["rma"] == rma]

    return find


CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""What is looked for, in this order: the first draws no windows, and is quicker for it."""


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is; skips loudly where none is installed."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("PAGES NOT TESTED: no Chromium here; `apt-get install chromium` and run again")
    return path


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """Chromium without a window.

    For one module: while it runs, an event loop does too, and other modules want to run their own.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def blank_at(chromium: Browser) -> Iterator[Callable[[str], Page]]:
    """Opens a page at 1366×768 in English.

    The test fails if the page logs an error: that is how a breach of the content security policy shows.
    """
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and FAILED_LOAD not in message.text:
            errors.append(message.text)

    def open_page(url: str) -> Page:
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", note)
        page.goto(url)
        return page

    yield open_page
    context.close()
    assert errors == []


@pytest.fixture
def blank(blank_at: Callable[[str], Page], service: Any) -> Page:
    """The station page as it first opens, without a key."""
    page = blank_at(f"{service.url}/station")
    page.wait_for_selector("body[data-ready]")
    return page


@pytest.fixture
def page(blank: Page, station_key: str) -> Page:
    """The station page with a valid key."""
    blank.fill("#key", station_key)
    blank.press("#key", "Enter")
    return blank


@pytest.fixture(scope="session")
def carton() -> Image.Image:
    """A drawn carton on a bench, sharp and well lit."""
    noise = np.random.default_rng(7).normal(0, 9, (900, 1200, 3))
    canvas = Image.new("RGB", (1200, 900), (205, 208, 212))
    draw = ImageDraw.Draw(canvas)
    draw.polygon([(220, 260), (820, 200), (1010, 330), (420, 420)], fill=(196, 154, 106))
    draw.polygon([(220, 260), (420, 420), (430, 790), (230, 600)], fill=(158, 118, 76))
    draw.polygon([(420, 420), (1010, 330), (1000, 680), (430, 790)], fill=(178, 136, 90))
    draw.polygon([(500, 215), (560, 209), (760, 367), (690, 378)], fill=(222, 205, 170))
    draw.rectangle((560, 520, 780, 660), fill=(240, 240, 236))
    for x in range(575, 765, 9):
        draw.rectangle((x, 540, x + (x * 7) % 5 + 1, 600), fill=(20, 20, 20))
    textured = np.clip(np.asarray(canvas, dtype=np.float64) + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(textured)


def _upload(image: Image.Image, name: str) -> FilePayload:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return {"name": name, "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


@pytest.fixture(scope="session")
def sharp(carton: Image.Image) -> FilePayload:
    """A photo that passes the quality gate, as Playwright uploads it."""
    return _upload(carton, "carton.jpg")


@pytest.fixture(scope="session")
def blurred(carton: Image.Image) -> FilePayload:
    """The same photo, far out of focus."""
    return _upload(carton.filter(ImageFilter.GaussianBlur(14)), "blurred.jpg")


@pytest.fixture(scope="session")
def demo_photos() -> list[bytes]:
    """Two photos of a torn carton."""
    return [(PHOTOS / name).read_bytes() for name in ("carton-torn-1.jpg", "carton-torn-2.jpg")]


@pytest.fixture
def put(demo_photos: list[bytes]) -> Callable[..., list[str]]:
    """Put items into the queue of a service: one is graded through the API, the others have its photos and result.

    `blind`: the model was sure of them (with a policy that samples all, they are then looked at blind).
    """
    graded: dict[str, Inspection] = {}

    def insert(service: Any, count: int = 1, *, blind: bool = False, **item: Any) -> list[str]:
        runtime = service.runtime
        if service.url not in graded:
            answer = service.post(demo_photos, {"rma": "graded", "category": "packaging"})
            graded[service.url] = runtime.inspections.get(answer.json()["id"])
            with runtime.database.write() as connection:
                connection.execute(delete(tasks))
        like, put_in = graded[service.url], []
        review = () if blind else (Reason("confidence_short", CONFIDENCE),)
        box = (240.0, 300.0, 600.0, 700.0)
        # Sure of itself, and promised, whatever the shipped bundle promises of such an item.
        grade = like.result.grade
        assert grade is not None
        if blind:
            grade = replace(grade, auto_threshold=0.5, promised_error=0.05)
        for index in range(count):
            one = replace(
                like,
                id=new_id(),
                status="graded" if blind else "needs_review",
                created_at=datetime.now(UTC) - timedelta(hours=2) + timedelta(seconds=index),
                item={"rma": f"RMA-{index + 1:02}", **item},
                result=replace(like.result, grade=grade, defects=(Defect(0, "hole", 0.84, box, "major"),)),
                decision=like.decision and replace(like.decision, review=review),
            )
            runtime.inspections.insert(one)
            put_in.append(one.id)
        return put_in

    return insert


@pytest.fixture
def serve_sampling(serve_by: Callable[[str, str], Any]) -> Callable[[float, float], Any]:
    """Starts a service that has these shares of the sure and of the decided items looked at blind."""
    shares = r"sample_share: [\d.]+, second_share: [\d.]+"
    return lambda sample, second: serve_by(shares, f"sample_share: {sample}, second_share: {second}")


@pytest.fixture
def sampling(serve_sampling: Callable[[float, float], Any]) -> Any:
    """A service that has every item of which the model is sure looked at blind, and no second looks."""
    return serve_sampling(1, 0)


@pytest.fixture
def sit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Log somebody in at the desk of a service, at 1366×768 in English, and open a page of it.

    The test fails if a page logs an error: that is how a breach of the content security policy shows. It also fails
    if anything opens a dialog: that is how a script that somebody typed shows.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and FAILED_LOAD not in message.text:
            errors.append(message.text)

    def refuse(dialog: Dialog) -> None:
        if dialog.type == "beforeunload":  # the browser's own question
            dialog.accept()
            return
        errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open_page(
        service: Any, path: str = "/desk/review", name: str = "Ann", role: str = "reviewer", **options: Any
    ) -> Page:
        given = {"viewport": {"width": 1366, "height": 768}, "locale": "en-US", "reduced_motion": "reduce"} | options
        key = given.pop("key", None) or service.key(role, name)
        context = chromium.new_context(**given)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", note)
        page.on("dialog", refuse)
        page.goto(f"{service.url}{path}")
        page.fill("#key", key)
        page.press("#key", "Enter")
        page.wait_for_url(f"{service.url}{path}")
        if path.startswith("/desk/review"):
            page.wait_for_selector("body[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def intercept() -> Callable[..., None]:
    """Answer some of a page's requests in place of the service: `intercept(page, pattern, handler)`.

    The page is loaded anew: Chromium tells a page that is open already of an interception without waiting for it to
    listen, and what the page sends until then goes past the handler (1 of 150 on a busy machine).
    """

    def begin(page: Page, pattern: str | re.Pattern[str], handler: Callable[..., Any]) -> None:
        page.route(pattern, handler)
        page.reload()
        page.wait_for_selector("body[data-ready]")

    return begin


@pytest.fixture
def lose_the_first_answer(intercept: Callable[..., None]) -> Callable[[Page], list[str]]:
    """Have the service grade, and lose the first of its answers on the way; answers with the idempotency keys sent."""

    def begin(page: Page) -> list[str]:
        keys: list[str] = []

        def handle(route: Route, request: Request) -> None:
            keys.append(request.headers["idempotency-key"])
            response = route.fetch()
            if len(keys) == 1:
                route.abort()
            else:
                route.fulfill(response=response)

        intercept(page, "**/v1/inspections", handle)
        return keys

    return begin


@pytest.fixture
def violations() -> Callable[..., list[str]]:
    """What axe-core finds wrong with a page that is serious or worse; with `every`, all of it."""
    source = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")

    def run(page: Page, *, every: bool = False) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        assert len(found["passes"]) > 10
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found["violations"]
            if every or one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    return run
