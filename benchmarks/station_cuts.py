"""Items at a station whose network is cut, whose page is killed and whose server is killed (-9) at random."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from kill_rounds import Server
from playwright.sync_api import BrowserContext, FilePayload, Page, Playwright
from playwright.sync_api import Error as BrowserError
from slow_link import SlowLink
from station_browser import FLAGS, chromium, context_options, enter, photos

PHOTOS_EACH: Final = 2
SIZE: Final = (1600, 1200)
EVERY: Final = 4
"""Something happens at one of so many items, on average."""
EVENTS: Final = ("network", "page", "browser", "server")
PATIENCE_MS: Final = 60_000


@dataclass
class Bench:
    """One station: a browser with a profile that outlives it, a link to the service, and the service."""

    playwright: Playwright
    server: Server
    link: SlowLink
    profile: Path
    key: str
    chance: random.Random
    happened: dict[str, int] = field(default_factory=lambda: dict.fromkeys(EVENTS, 0))
    retyped: int = 0
    until: float = 0.0
    """When the network is there again."""

    def open(self) -> None:
        """Start the browser and open the station."""
        options: dict[str, Any] = {"executable_path": chromium(), "args": list(FLAGS), **context_options()}
        self.context: BrowserContext = self.playwright.chromium.launch_persistent_context(str(self.profile), **options)
        self.page: Page = self.context.pages[0] if self.context.pages else self.context.new_page()
        self.begin()

    def begin(self) -> None:
        """Open the station; without a network from what the browser has kept of it."""
        self.page.set_default_timeout(PATIENCE_MS)
        for _ in range(20):
            with suppress(BrowserError):
                enter(self.page, self.link.url, self.key)
                return
            self.settle()
        raise RuntimeError("the station does not open")

    def kill_page(self) -> None:
        """The tab dies, without a chance to keep anything, and is opened anew."""
        pages = [one for one in self._processes() if "--type=renderer" in " ".join(one.cmdline())]
        for one in pages:
            with suppress(psutil.Error):
                one.kill()
        with suppress(BrowserError):
            self.page.close()
        self.page = self.context.new_page()
        self.begin()

    def kill_browser(self) -> None:
        """All of the browser dies: a battery that is empty."""
        for one in self._processes():
            with suppress(psutil.Error):
                one.kill()
        with suppress(BrowserError):
            self.context.close()
        self.open()

    def kill_server(self) -> None:
        """The service dies and is started again."""
        self.server.end(signal.SIGKILL)
        self.server.start()
        self.server.wait_until_ready()

    def cut(self) -> None:
        """The network is gone for some seconds."""
        self.link.cut()
        self.until = time.monotonic() + self.chance.uniform(0.5, 8)

    def settle(self) -> None:
        """Let the network come back when it is time."""
        if self.until and time.monotonic() > self.until:
            self.link.mend()
            self.until = 0.0
        elif self.until:
            time.sleep(0.1)

    def happen(self) -> None:
        """One event at random, or none."""
        self.settle()
        if self.chance.random() * EVERY > 1 / 3:  # it is asked three times an item
            return
        what = self.chance.choice(EVENTS)
        self.happened[what] += 1
        time.sleep(self.chance.uniform(0, 0.5))
        act: dict[str, Callable[[], None]] = {
            "network": self.cut, "page": self.kill_page, "browser": self.kill_browser, "server": self.kill_server,
        }  # fmt: skip
        act[what]()

    def item(self, rma: str, pictures: Sequence[FilePayload]) -> None:
        """Work one item until the page has taken it: answered, or kept to be sent."""
        for _ in range(50):
            with suppress(BrowserError):
                if self._worked(rma, pictures):
                    return
            self.settle()
        raise RuntimeError(f"{rma} cannot be worked")

    def _worked(self, rma: str, pictures: Sequence[FilePayload]) -> bool:
        page = self.page
        if self._taken(rma):
            return True
        if page.input_value("#rma") != rma:
            if page.locator("#next").is_visible():
                page.click("#next")
            page.fill("#rma", rma)
        self.happen()
        if self.page is not page or page.input_value("#rma") != rma:
            self.retyped += 1
            return False
        if page.locator(".thumb").count() == 0:
            page.set_input_files("#files", list(pictures))
            page.wait_for_function("count => document.querySelectorAll('.thumb').length === count", arg=len(pictures))
        elif page.locator(".thumb").count() < len(pictures):  # killed before all were kept
            page.click("#clear")
            return False
        self.happen()
        if self.page is not page:
            return False
        page.click("#grade")
        self.happen()
        if self.page is not page:
            return False
        page.wait_for_selector("#next:visible", timeout=40_000)
        return True

    def _taken(self, rma: str) -> bool:
        """Whether the item has left the hand: its result is on show, or it is in the list of those that wait."""
        page = self.page
        if page.locator("#outbox").is_visible() and rma in page.locator("#outbox-list").inner_text():
            return True
        return page.locator("#result").is_visible() and page.input_value("#rma") == rma

    def _processes(self) -> list[psutil.Process]:
        mine = f"--user-data-dir={self.profile}"
        found = []
        for one in psutil.Process(os.getpid()).children(recursive=True):
            with suppress(psutil.Error):
                if mine in " ".join(one.cmdline()):
                    found.append(one)
        return found


def measure(playwright: Playwright, folder: Path, items: int, seed: int) -> dict[str, Any]:
    """Work `items` items while all of it goes wrong, let it calm down, and compare what was pressed with what came."""
    server = Server(folder / "data", folder / "log")
    (folder / "data").mkdir(mode=0o700)
    key, admin = server.key("station"), server.key("admin")
    server.start()
    server.wait_until_ready()
    made, pressed, begun = photos(SIZE, seed=seed), [], time.monotonic()
    with SlowLink(server.port) as link:
        bench = Bench(playwright, server, link, folder / "profile", key, random.Random(seed))
        bench.open()
        for number in range(items):
            rma = f"CUT-{number:03d}"
            bench.item(rma, [next(made) for _ in range(PHOTOS_EACH)])
            pressed.append(rma)
        link.mend()
        bench.page.reload()
        bench.begin()
        waiting = "() => !document.querySelector('#outbox-list .waits, #outbox-list progress')"
        bench.page.wait_for_timeout(3000)
        bench.page.wait_for_function(waiting, timeout=300_000)
        there = _there(server.url, admin, items)
        bench.context.close()
    server.end(signal.SIGTERM)
    return {
        "items": items,
        "events": bench.happened,
        "lost": sorted(set(pressed) - set(there)),
        "doubled": sorted({rma for rma in there if there.count(rma) > 1}),
        "out_of_order": [a for a, b in pairwise(there) if a > b],
        "typed_again": bench.retyped,
        "minutes": round((time.monotonic() - begun) / 60, 1),
    }


def _there(url: str, key: str, items: int) -> list[str]:
    """The RMAs at the service, in the order in which they came in; waits until there are `items`, for two minutes."""
    headers, found, end = {"Authorization": f"Bearer {key}"}, list[str](), time.monotonic() + 120
    with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        while time.monotonic() < end:
            found, cursor = [], None
            while True:
                params = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
                page = client.get("/v1/inspections", params=params).raise_for_status().json()
                found += [one["item"]["rma"] for one in page["items"]]
                if (cursor := page["next_cursor"]) is None:
                    break
            if len(set(found)) >= items:
                break
            time.sleep(1)
    return found[::-1]
