"""A browser at the station, as an inspector has it, for benchmarks: with files as photos, or before a fake camera."""

import io
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image
from playwright.sync_api import FilePayload, Page

from regrade.serving.examples.items import PHOTOS

FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
NOISE: Final = 6.0
"""Standard deviation of the sensor noise in grey levels: 12 megapixels weigh about 3 MB, as a phone's do."""
TWELVE: Final = (4032, 3024)


def chromium() -> str:
    """Where Chromium is. Ends the program where it is not."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("There is no Chromium here. Install it (Debian: apt-get install chromium) and run again.")
    return found


def photos(size: tuple[int, int], quality: int = 92, seed: int = 0) -> Iterator[FilePayload]:
    """Photos without end, of the examples that ship, `size` pixels large and with sensor noise; no two are alike, also
    when they are made smaller."""
    rng = np.random.default_rng(seed)
    files = sorted(PHOTOS.glob("carton-*.jpg"))
    large = [np.asarray(Image.open(one).convert("RGB").resize(size, Image.Resampling.LANCZOS)) for one in files[:4]]
    noise = (rng.standard_normal((size[1], size[0], 1), dtype=np.float32) * NOISE).astype(np.int16)
    number = 0
    while True:
        picture = large[number % len(large)].astype(np.int16) + np.roll(noise, number * 97, axis=1)
        mark = rng.integers(0, 256, (8, 8, 1)).repeat(size[1] // 60, axis=0).repeat(size[1] // 60, axis=1)
        picture[: mark.shape[0], : mark.shape[1]] = mark
        buffer = io.BytesIO()
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
        yield {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}
        number += 1


def video(path: Path, frames: Sequence[Image.Image]) -> Path:
    """Frames as raw video (YUV4MPEG2, 4:2:0), as Chromium's fake camera plays it, over and over."""
    width, height = frames[0].size
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            y, cb, cr = (np.asarray(band) for band in frame.convert("YCbCr").split())
            out.write(b"FRAME\n" + y.tobytes() + cb[::2, ::2].tobytes() + cr[::2, ::2].tobytes())
    return path


def enter(page: Page, url: str, key: str, **fields: str) -> None:
    """Open the station, or open it anew, with a key, and choose what an inspector chooses once a day."""
    page.goto(f"{url}/station")
    page.wait_for_selector("body[data-ready]")
    if page.locator("#settings").is_visible():
        page.fill("#key", key)
        page.press("#key", "Enter")
    for name, value in fields.items():
        page.select_option(f"#{name}", value)


def scan(page: Page, code: str) -> None:
    """Read a code as a wedge scanner does: keys faster than anybody types, and Enter."""
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def answer_ms(page: Page, button: str = "grade") -> tuple[float, float]:
    """Press `button`, wait for the result, and begin the next item: milliseconds until the result is painted, and until
    the next item can be scanned."""
    script = """(button) => new Promise((done) => {
      const of = (id) => document.getElementById(id);
      const begun = performance.now();
      const watch = new MutationObserver(() => {
        if (of("result").hidden) return;
        watch.disconnect();
        requestAnimationFrame(() => requestAnimationFrame(() => {
          const shown = performance.now();
          of("next").click();
          const ready = () => of("rma").value === "" && document.activeElement === of("rma");
          const wait = () => (ready() ? done([shown - begun, performance.now() - begun]) : requestAnimationFrame(wait));
          wait();
        }));
      });
      watch.observe(of("result"), { attributes: true });
      of(button).click();
    })"""
    shown, ready = page.evaluate(script, button)
    return float(shown), float(ready)


def sent(page: Page, count: int) -> None:
    """Wait until `count` photos are at the service."""
    script = """(count) => document.querySelectorAll('.thumb').length === count
      && !document.querySelector('.thumb progress:not([hidden])')"""
    page.wait_for_function(script, arg=count)


def taps(page: Page) -> None:
    """Count what is tapped from now on: `window.tapped`."""
    page.evaluate("""() => { window.tapped = 0;
      addEventListener('click', (event) => { if (event.isTrusted && event.detail) window.tapped += 1; }, true); }""")


def context_options() -> dict[str, Any]:
    """A tablet on its stand."""
    return {"viewport": {"width": 1180, "height": 820}, "locale": "en-US"}
