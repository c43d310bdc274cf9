"""Pictures of the desk, of its demo items, on a server of its own: `python -m regrade.serving.demo.screenshots`.

Needs the development tools (Playwright) and a Chromium. The data is that of `regrade demo`, posted several times under
other RMAs; when the items came in is moved into the past, so that the queue looks like one. The quality page is shown
on a server of its own, with the simulated history of `regrade demo --weeks`; so is the film strip of one item at the
station.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml
from sqlalchemy import select, update

from regrade.models.errors import RegradeError
from regrade.serving.access.keys import KeyStore
from regrade.serving.base.i18n import LANGUAGES
from regrade.serving.base.settings import load_settings
from regrade.serving.demo import film
from regrade.serving.demo.command import DemoService, running
from regrade.serving.demo.history import write_history
from regrade.serving.examples.items import demo_items
from regrade.serving.planning.client import post_inspection
from regrade.serving.policy.load import DEFAULT_POLICY
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections, tasks

if TYPE_CHECKING:
    from playwright.sync_api import Page

    Shot = Callable[..., Path]
    Round = Callable[[Page, str, tuple[str, str], Shot], Iterator[Path]]

SIZES = {"desktop": (1366, 768), "tablet": (1024, 768)}
STATIONS = ("LA-03", "LA-07", "NJ-02")
ROUNDS = 4
"""How often the demo items are posted."""

DESK = ("login", "queue", "review", "draw", "help", "blind")
SITE = ("quality", "quality-stations", "quality-page", "results", "results-figures")
"""What is shown of the desk, and of a site with a history; these are the ends of the pictures' names."""

WEEKS = 12
"""How long that history is."""

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
        for served, shown, whats in ((_desk, _round, DESK), (_site, _quality, SITE)):
            if rounds := _wanted(options.only, whats):
                with tempfile.TemporaryDirectory(prefix="regrade-pictures-") as folder, served(Path(folder)) as place:
                    for path in _pictures(rounds, shown, *place, options.out):
                        sys.stdout.write(f"{path}\n")
        for path in _films(options.only, options.out):
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
    with ExitStack() as stack:
        stack.callback(os.environ.pop, "REGRADE_POLICY_FILE")
        service = stack.enter_context(running(data))
        database = Database(f"sqlite:///{data / 'regrade.db'}")
        try:
            first, second = (KeyStore(database).create("reviewer", name)[0] for name in ("Mei Chen", "Jonas Weber"))
            _post(service)
            _decide(service, first)
            _age(database)
            yield service, (first, second)
        finally:
            database.close()


@contextmanager
def _site(folder: Path) -> Iterator[tuple[DemoService, tuple[str, str]]]:
    """A service with a simulated history, and the key of somebody who looks at it, twice."""
    settings = load_settings(data_dir=folder / "data")
    write_history(settings, datetime.now(UTC), WEEKS)
    with running(settings.data_dir) as service:
        database = Database(settings.url)
        try:
            key = KeyStore(database).create("engineer", "Priya Nair")[0]
            yield service, (key, key)
        finally:
            database.close()


def _wanted(only: str, whats: Sequence[str]) -> list[tuple[str, str]]:
    """The sizes and languages in which some of `whats` has a name that begins with `only`."""
    every = [(size, lang) for size in SIZES for lang in LANGUAGES]
    return [(size, lang) for size, lang in every if any(f"{size}-{lang}-{what}".startswith(only) for what in whats)]


def _post(service: DemoService) -> None:
    number = 48_210
    for turn in range(ROUNDS):
        for index, one in enumerate(demo_items()):
            number += 3 + index
            item = {**one.item, "rma": f"RMA-{number}", "station": STATIONS[(turn + index) % len(STATIONS)]}
            post_inspection(service.host, service.port, service.station_key, item, one.photos)


def _decide(service: DemoService, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=60, trust_env=False) as client:
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


def _pictures(
    rounds: Sequence[tuple[str, str]], shown: "Round", service: DemoService, keys: tuple[str, str], out: Path
) -> Iterator[Path]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox", "--disable-gpu"])
        for size, lang in rounds:
            width, height = SIZES[size]
            viewport = {"width": width, "height": height}
            context = browser.new_context(viewport=viewport, locale=lang, reduced_motion="reduce")  # type: ignore[arg-type]
            page = context.new_page()

            def shot(what: str, *, whole: bool = False, of: "Page" = page, name: str = f"{size}-{lang}") -> Path:
                path = out / f"{name}-{what}.jpg"
                of.screenshot(path=path, type="jpeg", quality=88, full_page=whole)
                return path

            yield from shown(page, service.url, keys, shot)
            context.close()
        browser.close()


def _films(only: str, out: Path) -> Iterator[Path]:
    """The strip of one item at the station, in each language."""
    from playwright.sync_api import sync_playwright

    for lang in (lang for lang in LANGUAGES if f"tablet-{lang}-film".startswith(only)):
        with (
            tempfile.TemporaryDirectory(prefix="regrade-film-") as folder,
            film.station(Path(folder)) as service,
            sync_playwright() as playwright,
        ):
            yield film.film(playwright, _chromium(), service, lang, out)


def _chromium() -> str:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise RegradeError("There is no Chromium here. Install it (Debian: apt-get install chromium) and run again.")
    return path


def _quality(page: "Page", url: str, keys: tuple[str, str], shot: "Shot") -> Iterator[Path]:
    """The quality page in one language on one screen, what is seen first and all of it; and the results."""
    page.goto(f"{url}/desk/login?next=/desk/quality")
    page.fill("#key", keys[0])
    page.press("#key", "Enter")
    page.wait_for_selector("#stations-title")
    page.goto(f"{url}/desk/quality?by=people")
    yield shot("quality")
    yield shot("quality-page", whole=True)
    page.locator("#stations-title").evaluate("title => title.closest('section').scrollIntoView()")
    yield shot("quality-stations")
    page.goto(f"{url}/desk/results")
    page.wait_for_load_state("networkidle")
    yield shot("results")
    page.goto(f"{url}/desk/results/figures")
    yield shot("results-figures", whole=True)


def _round(page: "Page", url: str, keys: tuple[str, str], shot: "Shot") -> Iterator[Path]:
    """All pages in one language on one screen."""
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
