"""What the station promises, measured in a real browser: taps, answers over a slow network, and nothing lost.

    .venv/bin/python benchmarks/station_bench.py            # about 45 minutes; writes benchmarks/results/station.json
    .venv/bin/python benchmarks/station_bench.py --only taps

`taps`: what is tapped for an item whose views are taken one after another before a fake camera, its RMA scanned, where
inspector and model agree; the second item and later ones, as the first opens the camera by hand. `slow`: from the press
on Grade until the answer is painted, with four photos of 12 megapixels over 2 Mbps and 250 ms, chosen as an inspector
takes them, some seconds apart; `slow_before` likewise with the photos as they were sent at first: none ahead of the
press, none made smaller, all in one form. `next`: from the press on Grade until the next item can be scanned, on this
machine, each item on the disk when it is answered. `cuts`: see `station_cuts.py`.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Playwright, sync_playwright
from rich.progress import track
from rig import REGRADE, Service, parser, percentiles, write
from slow_link import SlowLink
from station_browser import (
    FLAGS,
    TWELVE,
    answer_ms,
    chromium,
    context_options,
    enter,
    photos,
    reducing_ms,
    scan,
    sent,
    taps,
)
from station_cuts import measure as measure_cuts

from regrade.serving.examples import camera
from regrade.serving.examples.items import PHOTOS

PER_ITEM: Final = 4
BITS: Final = 2_000_000
ROUND_TRIP_S: Final = 0.25
PACE_S: Final = 5.0
"""Between two photos: the item is turned, and the next side looked at."""
LOOK_S: Final = 3.0
"""From the last photo to the press."""
GOALS: Final = {"taps": "n + 1", "slow_p95_ms": 1500, "next_p95_ms": 300, "lost": 0, "doubled": 0}


def measure_taps(playwright: Playwright, options: argparse.Namespace) -> dict[str, Any]:
    """Work items before a fake camera by touch, and count what was tapped for each."""
    counted: dict[int, int] = {}
    with Service() as service, tempfile.TemporaryDirectory() as folder:
        carton = Image.open(PHOTOS / "carton-torn-1.jpg").convert("RGB").resize((960, 720))
        played = camera.write_video(Path(folder) / "carton.y4m", [carton] * 3)
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS, *camera.flags(played)])
        page = browser.new_page(**context_options(), has_touch=True)
        page.set_default_timeout(60_000)
        enter(page, service.url, _key(service), category="packaging")
        views = page.locator(".views:not([hidden]) li").count()
        for number in range(options.items + 1):
            taps(page)
            scan(page, f"TAP-{number:03d}")
            if number == 0:
                page.tap("#take")
            for view in range(views):
                page.wait_for_selector("dialog.camera[data-wrong='']")
                page.wait_for_function(
                    "at => document.querySelector('.camera-step strong')?.textContent.startsWith(at)",
                    arg=f"{view + 1} ",
                )
                page.tap("#shutter")
            page.wait_for_selector("#result:visible")
            said = page.locator(".choice.said")
            if said.count():
                said.tap()
                page.wait_for_selector("#bench-done")
                counted[number] = int(page.evaluate("window.tapped"))
            # Where the inspector decides first, by lot, they may not agree: such an item is not counted.
        browser.close()
    later = [count for number, count in counted.items() if number]
    return {"views": views, "items": len(later), "first": counted.get(0), "taps": sorted(set(later)), "goal": views + 1}


def measure_slow(playwright: Playwright, options: argparse.Namespace) -> dict[str, Any]:
    """Work items over the slow link, with photos that are taken some seconds apart."""
    waited, late, made = [], [], photos(TWELVE)
    with _slow(playwright) as (service, page, link):
        enter(page, link.url, _key(service), category="packaging")
        reduced = [round(reducing_ms(page, next(made))) for _ in range(3)]
        for number in track(range(options.slow + 1), "over the slow link"):
            scan(page, f"SLOW-{number:03d}")
            four = [next(made) for _ in range(PER_ITEM)]
            for count, one in enumerate(four):
                begun = time.monotonic()
                page.set_input_files("#files", [one])
                page.wait_for_function("n => document.querySelectorAll('.thumb').length === n", arg=count + 1)
                wait = PACE_S if count + 1 < PER_ITEM else LOOK_S
                page.wait_for_timeout(max(0.0, wait - (time.monotonic() - begun)) * 1000)
            there, shown, _ = answer_ms(page)
            if number:  # the first one loads the page's parts
                waited.append(shown)
                late.append(there)
        sizes, listed = _sizes(service), _list(service)
    megabytes = round(float(np.mean([len(one["buffer"]) for one in four])) / 1e6, 2)
    return percentiles(waited, (50, 95)) | _interval(waited) | {
        "items": len(waited), "photo_mb": megabytes, "sent_mb": sizes, "seconds_between_photos": PACE_S,
        "seconds_to_the_press": LOOK_S, "photos_there_ms": percentiles(late, (50, 95)), "making_smaller_ms": reduced,
        "server_ms": percentiles([one["timings_ms"]["total"] for one in listed], (50, 95)),
    }  # fmt: skip


def measure_before(options: argparse.Namespace) -> dict[str, Any]:
    """The same photos over the same link in one form after the press, as the station sent them at first."""
    made, waited = photos(TWELVE), []
    with (
        Service() as service,
        SlowLink(int(service.url.rsplit(":", 1)[1]), BITS, ROUND_TRIP_S) as link,
        httpx.Client(base_url=link.url, headers=service.headers, timeout=180, trust_env=False) as client,
    ):
        for number in range(max(2, options.slow // 6)):
            files = [("photos", (f"{n}.jpg", next(made)["buffer"], "image/jpeg")) for n in range(PER_ITEM)]
            item = {"item": json.dumps({"rma": f"BEFORE-{number}", "category": "packaging"})}
            begun = time.perf_counter()
            client.post("/v1/inspections", files=files, data=item).raise_for_status()
            waited.append((time.perf_counter() - begun) * 1000)
    return percentiles(waited, (50, 95)) | {"items": len(waited)}


def measure_next(playwright: Playwright, options: argparse.Namespace) -> dict[str, Any]:
    """Work items on this machine, of photos that are there when Grade is pressed."""
    made, shown, ready = photos((1600, 1200)), [], []
    with Service() as service:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page(**context_options())
        page.set_default_timeout(60_000)
        enter(page, service.url, _key(service), category="packaging")
        for number in track(range(options.items + 3), "on this machine"):
            scan(page, f"NEXT-{number:03d}")
            page.set_input_files("#files", [next(made) for _ in range(PER_ITEM)])
            sent(page, PER_ITEM)
            page.wait_for_timeout(300)
            _, one, two = answer_ms(page)
            if number >= 3:
                shown.append(one)
                ready.append(two)
        server = [one["timings_ms"]["total"] for one in _list(service)][: len(ready)]
        browser.close()
    return percentiles(ready, (50, 95)) | _interval(ready) | {
        "items": len(ready), "answer_ms": percentiles(shown, (50, 95)), "server_ms": percentiles(server, (50, 95)),
    }  # fmt: skip


class _slow:  # noqa: N801 - a context, used as a function
    """The service behind the slow link, with a page."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright

    def __enter__(self) -> Any:
        self._service = Service().__enter__()
        self._link = SlowLink(int(self._service.url.rsplit(":", 1)[1]), BITS, ROUND_TRIP_S).__enter__()
        self._browser = self._playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = self._browser.new_page(**context_options())
        page.set_default_timeout(180_000)
        return self._service, page, self._link

    def __exit__(self, *error: Any) -> None:
        self._browser.close()
        self._link.__exit__(None, None, None)
        self._service.__exit__(None, None, None)


def _key(service: Service) -> str:
    """A new key for the station."""
    command = [str(REGRADE), "keys", "create", "--data-dir", str(service.data_dir), "--role", "station"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _list(service: Service) -> list[dict[str, Any]]:
    answer = httpx.get(f"{service.url}/v1/inspections?limit=200", headers=service.headers, trust_env=False)
    items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
    return items


def _sizes(service: Service) -> float:
    """Mean megabytes of the photos as they were sent."""
    files = [path.stat().st_size for path in (service.data_dir / "photos").rglob("*") if path.is_file()]
    return round(float(np.mean(files)) / 1e6, 2)


def _interval(values: list[float]) -> dict[str, list[float]]:
    """The 95% percentile bootstrap interval of the 95th percentile."""
    drawn = np.random.default_rng(0).choice(np.asarray(values), (5000, len(values)))
    low, high = np.percentile(np.percentile(drawn, 95, axis=1), (2.5, 97.5))
    return {"p95_interval": [round(float(low), 1), round(float(high), 1)]}


def main() -> None:
    made = parser(__doc__, service=False)
    made.add_argument("--only", choices=("taps", "slow", "slow_before", "next", "cuts"))
    made.add_argument("--items", type=int, default=40, help="of `taps` and `next`")
    made.add_argument("--slow", type=int, default=20, help="items over the slow link")
    made.add_argument("--cuts", type=int, default=200, help="items while all goes wrong")
    made.add_argument("--seed", type=int, default=1)
    options = made.parse_args()
    if options.quick:
        options.items = options.slow = 2
        options.cuts = 5
    path = options.out / "station.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    found = {name: value for name, value in found.items() if name in ("taps", "slow", "slow_before", "next", "cuts")}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="regrade-station-") as folder:
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "taps": lambda: measure_taps(playwright, options),
            "slow": lambda: measure_slow(playwright, options),
            "slow_before": lambda: measure_before(options),
            "next": lambda: measure_next(playwright, options),
            "cuts": lambda: measure_cuts(playwright, Path(folder), options.cuts, options.seed),
        }
        for name, part in parts.items():
            if options.only in (None, name):
                before = round(os.getloadavg()[0], 1)
                found[name] = part() | {"load": [before, round(os.getloadavg()[0], 1)]}
                print(name, json.dumps(found[name]), flush=True)
                write({"goals": GOALS, **found}, "station", out=options.out)


if __name__ == "__main__":
    main()
