"""How long a reviewer waits at the desk from the key that submits an item until the next one has been painted.

    .venv/bin/python benchmarks/desk_keys.py       # about 2 minutes; writes benchmarks/results/desk_keys.json

Items of four 12-megapixel photos are posted to the service as a station does; then a real browser (Chromium, 1366×768)
works them off by keyboard, with a second to look at each item, with half a second, and with keys as fast as items
appear, when the next item has hardly been asked for. The page itself takes the time (its performance measure
`desk.next`): from the event of the key to the frame that holds the next item's data and its first photo.
"""

import argparse
import shutil
from typing import Any, Final

import httpx
from photos import bodies_of, photo_of, stamped
from playwright.sync_api import Page, sync_playwright
from rich.progress import track
from rig import Service, parser, percentiles, write

PER_ITEM: Final = 4
LIMIT_MS: Final = 150.0
"""What it may take."""
PACES: Final = {"a second an item": 1000, "half a second": 500, "as fast as keys go": 0}
"""Milliseconds that an item is looked at, by name."""
SCREEN: Final = {"width": 1366, "height": 768}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Start the service, fill its queue, and work it off at each pace."""
    width, height = (816, 612) if options.quick else (4032, 3024)
    items = 4 if options.quick else options.items
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise SystemExit("There is no Chromium here. Install it (Debian: apt-get install chromium) and run again.")
    bodies, kind = bodies_of([photo_of(seed, width, height) for seed in range(8)], PER_ITEM, "electronics")
    paces: dict[str, Any] = {}
    with Service() as service, sync_playwright() as playwright:
        # Nothing of electronics is graded without a person: every item comes to the desk.
        headers = {**service.headers, "Content-Type": kind}
        with httpx.Client(base_url=service.url, headers=headers, timeout=60, trust_env=False) as client:
            for n in track(range(items * len(PACES) + 1), "posting"):
                client.post("/v1/inspections", content=stamped(bodies[n % len(bodies)], n)).raise_for_status()
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        for name, look_ms in PACES.items():
            page = chromium.new_page(viewport=SCREEN)  # type: ignore[arg-type]
            _enter(page, service)
            for _ in track(range(items), name):
                _decide(page, look_ms)
            taken = page.evaluate("performance.getEntriesByName('desk.next').map(m => [m.duration, m.detail.loaded])")
            page.close()
            paces[name] = percentiles([ms for ms, _ in taken], (50, 95)) | {
                "items": len(taken),
                "loaded_before": round(sum(loaded for _, loaded in taken) / max(1, len(taken)), 3),
            }
        version = chromium.version
        chromium.close()
    return {
        "photos_per_item": PER_ITEM,
        "megapixels": round(width * height / 1e6, 1),
        "chromium": version,
        "limit_ms": LIMIT_MS,
        "key_to_next_item_ms": paces,
    }


def _enter(page: Page, service: Service) -> None:
    page.goto(f"{service.url}/desk/login?next=/desk/review")
    page.fill("#key", service.headers["Authorization"].removeprefix("Bearer "))
    page.press("#key", "Enter")
    page.wait_for_selector("body[data-item]", state="attached")
    page.wait_for_load_state("networkidle")


def _decide(page: Page, look_ms: int) -> None:
    """Look, press 2 and Enter, and wait until another item is on show."""
    page.wait_for_timeout(look_ms)
    before = page.evaluate("document.body.dataset.item")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.wait_for_function("before => ![before, ''].includes(document.body.dataset.item)", arg=before)


def main() -> None:
    made = parser(__doc__, service=False)
    made.add_argument("--items", type=int, default=50, help="at each pace")
    options = made.parse_args()
    found = measure(options)
    write(found, "desk_keys", out=options.out)
    for name, one in found["key_to_next_item_ms"].items():
        print(f"{name:20} p50 {one['p50']:6.1f}  p95 {one['p95']:6.1f}  max {one['max']:6.1f} ms", end="  ")
        print(f"({one['items']} items, {one['loaded_before']:.0%} loaded before the key)")


if __name__ == "__main__":
    main()
