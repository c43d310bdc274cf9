"""A browser at the station, as an inspector has it, for benchmarks: with files as photos, or before a fake camera."""

import io
import shutil
from base64 import b64encode
from collections.abc import Iterator
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


def answer_ms(page: Page) -> tuple[float, float, float]:
    """Press on Grade, wait for the result, and begin the next item: milliseconds until all photos are at the service,
    until the result is painted, and until the next item can be scanned."""
    script = """() => new Promise((done) => {
      const of = (id) => document.getElementById(id);
      const begun = performance.now();
      let there = null;
      const look = () => {
        if (document.querySelector(".thumb progress:not([hidden])")) requestAnimationFrame(look);
        else there = performance.now() - begun;
      };
      look();
      const watch = new MutationObserver(() => {
        if (of("result").hidden) return;
        watch.disconnect();
        requestAnimationFrame(() => requestAnimationFrame(() => {
          const shown = performance.now();
          of("next").click();
          const ready = () => of("rma").value === "" && document.activeElement === of("rma");
          const wait = () => {
            if (ready()) done([there, shown - begun, performance.now() - begun]);
            else requestAnimationFrame(wait);
          };
          wait();
        }));
      });
      watch.observe(of("result"), { attributes: true });
      of("grade").click();
    })"""
    there, shown, ready = page.evaluate(script)
    return float(there or 0), float(shown), float(ready)


def reducing_ms(page: Page, photo: FilePayload) -> float:
    """How long this browser, on this machine as busy as it is, takes to make a photo smaller."""
    script = """async (letters) => {
      const { reduce } = await import("/station/reduce.js");
      const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
      const begun = performance.now();
      await reduce(new File([bytes], "a.jpg", { type: "image/jpeg" }), "");
      return performance.now() - begun;
    }"""
    return float(page.evaluate(script, b64encode(photo["buffer"]).decode()))


def sent(page: Page, count: int) -> None:
    """Wait until `count` photos are at the service."""
    script = """(count) => document.querySelectorAll('.thumb').length === count
      && !document.querySelector('.thumb progress:not([hidden])')"""
    page.wait_for_function(script, arg=count)


def taps(page: Page) -> None:
    """Count what is tapped from now on: `window.tapped`."""
    page.evaluate("""() => { const begun = window.tapped !== undefined; window.tapped = 0;
      const tap = (event) => { if (event.isTrusted && event.detail) window.tapped += 1; };
      if (!begun) addEventListener('click', tap, true); }""")


def context_options() -> dict[str, Any]:
    """A tablet on its stand."""
    return {"viewport": {"width": 1180, "height": 820}, "locale": "en-US"}
