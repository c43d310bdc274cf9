"""Pictures of the desk, of its demo items, on a server of its own: `python -m regrade.serving.demo.screenshots`.

Needs the development tools (Playwright) and a Chromium. The data is that of `regrade demo`, posted several times under
other RMAs; when the items came in is moved into the past, so that the queue looks like one.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml
from sqlalchemy import select, update

from regrade.models.errors import RegradeError
from regrade.serving.auth import KeyStore
from regrade.serving.cli.demo import DemoService, running
from regrade.serving.db import Database
from regrade.serving.demo.client import post_inspection
from regrade.serving.demo.items import demo_items
from regrade.serving.i18n import LANGUAGES
from regrade.serving.policy.load import DEFAULT_POLICY
from regrade.serving.tables import inspections, tasks

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"desktop": (1366, 768), "tablet": (1024, 768)}
STATIONS = ("LA-03", "LA-07", "NJ-02")
ROUNDS = 4
"""How often the demo items are posted."""

DECIDED = 3
"""Items that the first reviewer has decided; each waits for a second look, blind."""


def main() -> None:
    """Make the pictures that the options ask for."""
    parser = argparse.ArgumentParser(prog="python -m regrade.serving.demo.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="Folder for the pictures; made where it is not there.")
    parser.add_argument("--only", default="", help="Only pictures whose name begins so, such as desktop-en-review.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="regrade-pictures-") as folder, _desk(Path(folder)) as (service, keys):
            for path in _pictures(service, keys, options.out, options.only):
                sys.stdout.write(f"{path}\n")
    except RegradeError as error:
        sys.exit(f"Error: {error}")


@contextmanager
def _desk(folder: Path) -> Iterator[tuple[DemoService, tuple[str, str]]]:
    """A service with items to review, and the keys of two reviewers, of whom the first has decided on some."""
    policy = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8"))
    policy["quality_control"] = {"sample_share": 0.0, "second_share": 1.0}
    changed = folder / "policy.yaml"
    changed.write_text(yaml.safe_dump(policy, allow_unicode=True), encoding="utf-8")
    os.environ["REGRADE_POLICY_FILE"] = str(changed)
    data = folder / "data"
    with running(data) as service:
        database = Database(f"sqlite:///{data / 'regrade.db'}")
        try:
            first, second = (KeyStore(database).create("reviewer", name)[0] for name in ("Mei Chen", "Jonas Weber"))
            _post(service)
            _decide(service, first)
            _age(database)
            yield service, (first, second)
        finally:
            database.close()


def _post(service: DemoService) -> None:
    number = 48_210
    for turn in range(ROUNDS):
        for index, one in enumerate(demo_items()):
            number += 3 + index
            item = {**one.item, "rma": f"RMA-{number}", "station": STATIONS[(turn + index) % len(STATIONS)]}
            post_inspection(service.host, service.port, service.station_key, item, one.photos)


def _decide(service: DemoService, key: str) -> None:
    with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:
        for condition in ("unopened", "opened", "damaged")[:DECIDED]:
            claimed = client.post("/v1/reviews/claim").raise_for_status().json()
            body: dict[str, Any] = {"lease": claimed["lease"]["token"], "condition": condition}
            client.post(f"/v1/reviews/{claimed['inspection']['id']}", json=body).raise_for_status()


def _age(database: Database) -> None:
    """Spread the items over the last day and a half, the first posted the longest ago."""
    with database.write() as connection:
        waiting = connection.execute(select(tasks.c.id, tasks.c.inspection_id).order_by(tasks.c.created_at)).all()
        for place, row in enumerate(reversed(waiting)):
            since = datetime.now(UTC) - timedelta(minutes=4 + 11 * place + 2 * place**2)
            connection.execute(update(tasks).where(tasks.c.id == row.id).values(created_at=since))
            mine = inspections.c.id == row.inspection_id
            connection.execute(update(inspections).where(mine).values(created_at=since))


def _pictures(service: DemoService, keys: tuple[str, str], out: Path, only: str) -> Iterator[Path]:
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise RegradeError("There is no Chromium here. Install it (Debian: apt-get install chromium) and run again.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for size, (width, height) in SIZES.items():
            for lang in LANGUAGES:
                name = f"{size}-{lang}"
                if only.startswith(name) or name.startswith(only):
                    viewport = {"width": width, "height": height}
                    yield from _round(browser, service.url, keys, out, name, lang, viewport, only)
        browser.close()


def _round(
    browser: "Browser",
    url: str,
    keys: tuple[str, str],
    out: Path,
    name: str,
    lang: str,
    viewport: dict[str, int],
    only: str,
) -> Iterator[Path]:
    """All pages in one language on one screen."""
    context = browser.new_context(viewport=viewport, locale=lang, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()

    def shot(what: str) -> Path:
        path = out / f"{name}-{what}.jpg"
        page.screenshot(path=path, type="jpeg", quality=88)
        return path

    page.goto(f"{url}/desk/login")
    yield shot("login")
    page.fill("#key", keys[1])
    page.press("#key", "Enter")
    page.wait_for_selector(".table")
    page.wait_for_load_state("networkidle")
    yield shot("queue")
    _open(page, f"{url}/desk/review?kind=unsure&category=packaging&min_value=100")
    page.keyboard.press("4")
    yield shot("review")
    _open(page, f"{url}/desk/review?kind=unsure&category=electronics")
    page.keyboard.press("s")
    page.wait_for_selector("#rma:not(:empty)")
    page.wait_for_timeout(300)
    page.keyboard.press("b")
    _drag(page, (0.30, 0.42), (0.62, 0.86))
    page.keyboard.press("4")
    yield shot("draw")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    yield shot("help")
    _open(page, f"{url}/desk/review?kind=blind")
    yield shot("blind")
    quality = page.goto(f"{url}/desk/quality")
    if quality is not None and quality.ok:
        yield shot("quality")
    context.close()


def _open(page: "Page", address: str) -> None:
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    page.wait_for_load_state("networkidle")


def _drag(page: "Page", start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over the stage between two points of it, in shares of its sides."""
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
    page.mouse.up()


if __name__ == "__main__":
    main()
