"""One item at the station, from its scan to the next one: six pictures on one strip, for the README."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from regrade.serving.demo.command import DemoService, running
from regrade.serving.examples.camera import flags, write_video
from regrade.serving.examples.items import PHOTOS
from regrade.serving.policy.load import DEFAULT_POLICY

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

SCREEN: Final = {"width": 1024, "height": 768}
FRAME: Final = (512, 384)
COLUMNS: Final = 3
GAP: Final = 8
QUALITY: Final = 80
WORDS: Final = {"en": ("RMA-48211", "RMA-48212"), "zh-CN": ("RMA-48211", "RMA-48212")}
"""Codes that are scanned: of the item, and of the next."""


@contextmanager
def station(folder: Path) -> Iterator[DemoService]:
    """A service by the shipped policy, but that the model's word is shown at once."""
    changed = folder / "policy.yaml"
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    changed.write_text(re.sub(r"first_share: [\d.]+", "first_share: 0.0", text), encoding="utf-8")
    os.environ["REGRADE_POLICY_FILE"] = str(changed)
    try:
        with running(folder / "data") as service:
            yield service
    finally:
        del os.environ["REGRADE_POLICY_FILE"]


def film(playwright: "Playwright", chromium: str, service: DemoService, lang: str, out: Path) -> Path:
    """Work one item at the station of `service` by touch, before a fake camera; the strip of what was on show."""
    with tempfile.TemporaryDirectory(prefix="regrade-film-") as folder:
        shown = [Image.open(PHOTOS / f"carton-torn-{n}.jpg").convert("RGB").resize((960, 720)) for n in (1, 2)]
        seen = write_video(Path(folder) / "camera.y4m", [one for one in shown for _ in range(15)])
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", *flags(seen)]
        )
        context = browser.new_context(viewport=SCREEN, locale=lang, has_touch=True, reduced_motion="reduce")  # type: ignore[arg-type]
        page = context.new_page()
        frames = [Image.open(path).convert("RGB") for path in _worked(page, service, lang, Path(folder))]
        browser.close()
    path = out / f"tablet-{lang}-film.jpg"
    strip(frames).save(path, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return path


def strip(frames: list[Image.Image]) -> Image.Image:
    """`frames` in rows, read from left to right, with a gap between them."""
    width, height = FRAME
    rows = -(-len(frames) // COLUMNS)
    size = (COLUMNS * width + (COLUMNS - 1) * GAP, rows * height + (rows - 1) * GAP)
    sheet = Image.new("RGB", size, "white")
    for place, frame in enumerate(frames):
        row, column = divmod(place, COLUMNS)
        small = frame.resize(FRAME, Image.Resampling.LANCZOS)
        sheet.paste(small, (column * (width + GAP), row * (height + GAP)))
    return sheet


def _worked(page: "Page", service: DemoService, lang: str, folder: Path) -> Iterator[Path]:
    def shot(name: str) -> Path:
        path = folder / f"{name}.png"
        page.screenshot(path=path)
        return path

    first, second = WORDS[lang]
    page.goto(f"{service.url}/station")
    page.wait_for_selector("body[data-ready]")
    page.fill("#key", service.station_key)
    page.press("#key", "Enter")
    page.select_option("#category", "packaging")
    page.locator("body").evaluate("() => document.activeElement.blur()")
    page.keyboard.type(first)
    page.keyboard.press("Enter")
    yield shot("scan")
    page.tap("#take")
    views = page.locator(".views:not([hidden]) li").count()
    for view in range(views):
        page.wait_for_selector("dialog.camera[data-wrong='']")
        page.wait_for_function(
            "at => document.querySelector('.camera-step strong')?.textContent.startsWith(at)", arg=f"{view + 1} "
        )
        if view == 1:
            yield shot("camera")
        page.tap("#shutter")
    page.wait_for_selector("#result .bench-question")
    _to_the_top(page)
    yield shot("question")
    page.tap("#result .choice.said")
    page.wait_for_selector("#bench-done")
    _to_the_top(page)
    yield shot("decided")
    page.locator(".recent, #recent").first.scroll_into_view_if_needed()
    yield shot("bin")
    page.keyboard.type(second)
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.camera[data-wrong='']")
    yield shot("next")


def _to_the_top(page: "Page") -> None:
    page.locator("#result").evaluate("node => node.scrollIntoView({ block: 'start' })")
    page.wait_for_timeout(200)
