"""A browser at the station page of a running service, and photos to give it."""

import io
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, ConsoleMessage, FilePayload, Page, sync_playwright

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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium without a window; skips loudly where none is installed.

    For one module: while it runs, an event loop does too, and other modules want to run their own.
    """
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("STATION PAGE NOT TESTED: no Chromium here; `apt-get install chromium` and run again")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def blank(chromium: Browser, service: Any) -> Iterator[Page]:
    """The station page as it first opens, without a key, at 1366×768 in English.

    The test fails if the page logs an error: that is how a breach of the content security policy shows.
    """
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(15_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and FAILED_LOAD not in message.text:
            errors.append(message.text)

    page.on("console", note)
    page.goto(f"{service.url}/station")
    page.wait_for_selector("body[data-ready]")
    yield page
    context.close()
    assert errors == []


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
