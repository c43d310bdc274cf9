"""What the desk's pages are served as, without a browser."""

import re
from typing import Any

import httpx
import pytest

from regrade.serving.base import i18n
from regrade.serving.http.routes.desk import templates as desk_pages
from regrade.serving.http.routes.desk.filters import KINDS
from regrade.serving.storage.asks import ASK_KINDS
from regrade.serving.storage.reviews import KINDS as KINDS_OF_LOOKS

FOLDER = desk_pages.PAGES / "desk"
FILES = sorted(FOLDER.iterdir())


def test_no_page_has_inline_script_or_style_or_an_address_outside() -> None:
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=\"|javascript:", text), file
        assert set(re.findall(r"https?://[^\"' )]+", text)) <= {"http://www.w3.org/2000/svg"}, file


# Drafts of decisions, and an invitation's code, which works once, while its page is loaded anew in another language.
KEPT_IN_BROWSER = {"drafts.js": {"localStorage"}, "welcome.js": {"sessionStorage"}}


def test_scripts_make_no_markup_from_text_and_keep_next_to_nothing_in_the_browser() -> None:
    for file in FOLDER.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), file
        kept = set(re.findall(r"localStorage|sessionStorage|document\.cookie|indexedDB|caches", text))
        assert kept == KEPT_IN_BROWSER.get(file.name, set()), file


@pytest.mark.parametrize("name", sorted(desk_pages.assets()))
def test_every_file_is_served_and_kept_by_its_tag(service: Any, name: str) -> None:
    first = httpx.get(f"{service.url}/desk/assets/{name}")
    again = httpx.get(f"{service.url}/desk/assets/{name}", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, first.content) == (200, desk_pages.assets()[name][0])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "review.html", "station.js", "..%2F..%2Fapp.py"])
def test_no_other_file_can_be_had(service: Any, name: str) -> None:
    assert httpx.get(f"{service.url}/desk/assets/{name}").status_code == 404


def test_every_word_that_the_pages_use_exists() -> None:
    known = set(i18n.catalogue("en"))
    for file in FILES:
        used = set(re.findall(r"[\"'](desk\.[a-z_]+)[\"']", file.read_text(encoding="utf-8")))
        assert {key for key in used if not key.endswith("_")} - {"desk.css", "desk.next"} <= known, file


def test_words_that_are_put_together_exist() -> None:
    known = set(i18n.catalogue("en"))
    names = ("loading", "nothing", "unreachable", "paused", "elsewhere")
    states = [f"desk.{state}{part}" for state in names for part in ("", "_text")]
    page = (FOLDER / "review.html").read_text(encoding="utf-8")
    keys = [f"desk.help_{name}" for name in re.findall(r'\("[^"]+", "([a-z_]+)"\)', page)]
    reviews = r"reason\.(no_guarantee|confidence_short|value_at_risk|rule|category_\w+|\w+_needs_human|relist_unsure)"
    reasons = [key.replace("reason.", "desk.reason_") for key in known if re.fullmatch(reviews, key)]
    looks = [f"desk.look_{kind}" for kind in KINDS_OF_LOOKS]
    trail = [f"desk.trail_{action}" for action in ("claim", "release", "expire", "decide", "undo", "view")]
    statuses = [f"desk.status_{status}" for status in ("graded", "needs_review", "reviewed", "retake")]
    assert {*looks, *trail, "desk.trail_claim_again", "desk.trail_decide_own", *statuses} <= known
    asked = [
        f"desk.{what}_{kind}{more}"
        for kind in ASK_KINDS
        for what, more in (("ask", ""), ("ask", "_text"), ("asked", ""))
    ]
    asked += [f"desk.{what}_{kind}" for kind in ASK_KINDS for what in ("sent", "mark", "trail_ask")]
    assert {*asked, "desk.trail_regrade_photos", "desk.trail_regrade_category", "desk.trail_answer"} <= known
    assert len(keys) == 17
    assert set(states) | set(keys) | set(reasons) | {f"desk.kind_{kind}" for kind in KINDS} <= known
