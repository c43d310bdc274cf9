"""What a browser keeps of a review is not trusted: it may be damaged, forbidden, full, or too much."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from regrade.serving.storage.tables import tasks

Put = Callable[..., list[str]]
Sit = Callable[..., Page]

BLOCKED = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
CHOSEN = "#condition-rows input:checked"


def on_show(page: Page) -> str:
    return str(page.evaluate("document.body.dataset.item"))


def saved(page: Page, count: int) -> None:
    page.wait_for_selector(f"body[data-decided='{count}']", state="attached", timeout=30_000)


def enter(page: Page, condition: str, note: str) -> None:
    """Choose a condition and write a note, without submitting."""
    page.keyboard.press(condition)
    page.fill("#note", note)
    page.keyboard.press("Escape")


def review(page: Page, service: Any, query: str = "") -> Page:
    """Come back to the review."""
    page.goto(f"{service.url}/desk/review{query}")
    page.wait_for_selector("body[data-ready]")
    return page


def drafts(page: Page) -> list[dict[str, Any]]:
    """What this browser keeps."""
    return [json.loads(text) for text in page.evaluate("Object.values(localStorage)")]


def kept(page: Page, note: str) -> None:
    """Wait until the browser has kept a draft with this note."""
    page.wait_for_function("note => Object.values(localStorage).some((text) => text.includes(note))", arg=note)


def asked(page: Page) -> list[str]:
    """The dialogs that the page opens from now on."""
    found: list[str] = []
    page.on("dialog", lambda dialog: found.append(dialog.type))
    return found


GOOD = {"condition": "damaged", "action": None, "note": "of before", "defects": None, "photo": 0}
BOX = {"photo": 0, "type": "hole", "severity": "major", "score": 1, "box": [1, 2, 30, 40], "own": True}
UNSOUND: dict[str, Any] = {
    "no JSON": "{",
    "a number": "7",
    "null": "null",
    "no draft": {"draft": None},
    "another item's": {"inspection": "x"},
    "an odd item": {"inspection": "\ud800" * 70},
    "of yesterday": {"at": -13 * 3600_000},
    "of no time": {"at": None},
    "endless": {"seconds": 1e9},
    "condition": {"draft": GOOD | {"condition": "new"}},
    "note": {"draft": GOOD | {"note": ["x"]}},
    "photo": {"draft": GOOD | {"photo": 2}},
    "defects": {"draft": GOOD | {"defects": {"length": 1}}},
    "defect": {"draft": GOOD | {"defects": [None]}},
    "type": {"draft": GOOD | {"defects": [BOX | {"type": "<img>"}]}},
    "box": {"draft": GOOD | {"defects": [BOX | {"box": [0, 0, 5000, 10]}]}},
}
PLANT = """([task, given, good]) => {
    const name = `regrade.draft.${document.body.dataset.key}.${task}`;
    const whole = { inspection: good.inspection, aside: false, seconds: 3, draft: good.draft, ...given };
    whole.at = "at" in whole ? whole.at && Date.now() + whole.at : Date.now();
    localStorage.setItem(name, typeof given === "string" ? given : JSON.stringify(whole));
}"""


@pytest.fixture
def plant(service: Any, put: Put, sit: Sit) -> Callable[[Any], Page]:
    """Shows an item of which the browser already keeps something."""

    def begin(given: Any) -> Page:
        [one] = put(service)
        page = sit(service, "/desk")
        with service.runtime.database.read() as connection:
            task = connection.execute(select(tasks.c.id)).scalar_one()
        page.evaluate(PLANT, [task, given, {"inspection": one, "draft": GOOD}])
        return review(page, service)

    return begin


def test_what_is_kept_and_fits_comes_back(plant: Callable[[Any], Page]) -> None:
    page = plant({"draft": GOOD | {"action": "no such action", "defects": [BOX]}})
    expect(page.locator("#restored")).to_be_visible()
    expect(page.locator("#note")).to_have_value("of before")
    expect(page.locator("#action-rows input:checked")).to_have_count(1)
    expect(page.locator("#defect-list li")).to_have_count(1)


@pytest.mark.parametrize("what", UNSOUND)
def test_what_is_kept_and_makes_no_sense_is_dropped(plant: Callable[[Any], Page], what: str) -> None:
    page = plant(UNSOUND[what])
    expect(page.locator("#restored")).to_be_hidden()
    expect(page.locator("#note")).to_have_value("")
    assert page.locator(CHOSEN).count() == 0
    assert drafts(page) == []
    page.keyboard.press("1")
    page.keyboard.press("n")
    saved(page, 1)


def test_where_the_browser_keeps_nothing_work_goes_on_and_leaving_asks(service: Any, put: Put, sit: Sit) -> None:
    _, second = put(service, 2)
    page = sit(service, "/desk")
    page.add_init_script(BLOCKED)
    review(page, service)
    page.keyboard.press("1")
    page.keyboard.press("n")
    saved(page, 1)
    assert on_show(page) == second
    enter(page, "3", "nowhere to be kept")
    questions = asked(page)
    page.click("nav a >> nth=0")
    page.wait_for_selector("#start")
    assert questions == ["beforeunload"]


def test_a_full_browser_gives_up_older_drafts_first_and_then_asks(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    page = sit(service)
    page.evaluate("localStorage.setItem(`regrade.draft.${document.body.dataset.key}.old`, JSON.stringify("
                  "{ at: Date.now() - 9, note: 'x'.repeat(9000) }))")  # fmt: skip
    page.evaluate("""() => {
        for (const size of [4_000_000, 500_000, 50_000, 5000, 500, 50, 5, 1])
            try { for (let i = 0; ; i += 1) localStorage.setItem(`other ${size} ${i}`, "x".repeat(size)); } catch {}
    }""")
    enter(page, "3", "short")
    page.wait_for_function("() => Object.values(localStorage).some((text) => text.includes('short'))")
    assert not [draft for draft in page.evaluate("Object.keys(localStorage)") if draft.endswith(".old")]
    page.fill("#note", "n" * 4000)
    page.evaluate("localStorage.setItem('more', 'x'.repeat(8500))")
    questions = asked(page)
    page.click("nav a >> nth=0")
    page.wait_for_selector("#start")
    assert questions == ["beforeunload"]


def test_the_newest_forty_are_kept(service: Any, put: Put, sit: Sit) -> None:
    put(service)
    page = sit(service)
    page.evaluate("""() => {
        const name = `regrade.draft.${document.body.dataset.key}.`;
        for (let i = 0; i < 60; i += 1) localStorage.setItem(name + i, JSON.stringify({ at: Date.now() - 60_000 * i }));
    }""")
    enter(page, "3", "the sixty-first")
    kept(page, "the sixty-first")
    page.wait_for_function("() => localStorage.length === 40")
    names = [name.rpartition(".")[2] for name in page.evaluate("Object.keys(localStorage)")]
    assert {int(name) for name in names if name.isdigit()} == set(range(39))
