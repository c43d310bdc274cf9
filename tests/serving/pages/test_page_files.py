"""What the station page is served as, without a browser."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from regrade.models.photos.quality import ISSUES
from regrade.serving.base import i18n
from regrade.serving.http.routes.station import pages

SOURCES = Path(pages.__file__).parents[3] / "pages"
FILES = sorted(path for path in SOURCES.iterdir() if path.is_file())


def test_the_page_needs_no_key_and_forbids_what_it_does_not_use(service: Any) -> None:
    answer = httpx.get(f"{service.url}/station")
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    # WebAssembly, of which the reader of barcodes is made, may be compiled; no text may become a script.
    assert "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'" in policy
    assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")


def test_the_page_has_no_inline_script_and_style_and_no_address_outside() -> None:
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=\"|javascript:", text), file
        assert set(re.findall(r"https?://[^\"' )]+", text)) <= {"http://www.w3.org/2000/svg"}, file


def test_scripts_make_no_markup_from_text() -> None:
    for file in SOURCES.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), file


@pytest.mark.parametrize(("header", "lang"), [("zh-CN,zh;q=0.9", "zh-CN"), ("de,en;q=0.5", "en"), ("", "en")])
def test_the_page_comes_in_the_language_of_the_browser(service: Any, header: str, lang: str) -> None:
    page = httpx.get(f"{service.url}/station", headers={"Accept-Language": header}).text
    assert f'<html lang="{lang}">' in page
    assert i18n.text("station.grade", lang) in page


def test_the_page_offers_the_categories_and_currencies_of_the_service(service: Any) -> None:
    page = httpx.get(f"{service.url}/station").text
    runtime = service.runtime
    assert re.findall(r'<option value="([a-z]+)"', page) == list(runtime.grader.categories)
    assert re.findall(r"<option>([A-Z]{3})</option>", page) == list(runtime.policy.currencies)


@pytest.mark.parametrize("name", [p.name for p in FILES if p.suffix != ".html"])
def test_every_file_is_served_and_kept_by_its_tag(service: Any, name: str) -> None:
    first = httpx.get(f"{service.url}/station/{name}")
    again = httpx.get(f"{service.url}/station/{name}", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, first.content) == (200, (SOURCES / name).read_bytes())
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("name", "media_type"), [("zxing-reader.js", "text/javascript"), ("zxing_reader.wasm", "application/wasm")]
)
def test_what_is_not_ours_is_served_too(service: Any, name: str, media_type: str) -> None:
    answer = httpx.get(f"{service.url}/station/{name}")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, media_type)
    assert answer.content == (SOURCES / "vendor" / name).read_bytes()


@pytest.mark.parametrize("name", ["nothing.js", "station.html", "..%2Fapp.py", "%2e%2e%2fapp.py"])
def test_no_other_file_can_be_had(service: Any, name: str) -> None:
    answer = httpx.get(f"{service.url}/station/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_words_hold_nothing_but_what_the_page_shows(service: Any) -> None:
    words = httpx.get(f"{service.url}/station/strings").json()
    assert set(words) == set(i18n.LANGUAGES)
    assert not [key for key in words["en"] if key.startswith("reason.")]
    assert set(words["en"]) == set(words["zh-CN"])


def test_every_word_is_used_and_every_word_used_exists() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in FILES)
    text += Path(pages.__file__).read_text(encoding="utf-8")
    built = {"station.category_declared", "station.category_predicted", "station.offline", "station.too_slow"}
    built |= {f"station.{status}" for status in ("graded", "needs_review", "reviewed")}
    built |= {f"station.camera_{issue}" for issue in set(ISSUES) - {"too_small"}}
    used = {key for key in re.findall(r"station\.[a-z_]+", text) if not re.fullmatch(r"station\.(js|css|html)", key)}
    used = {key for key in used if not key.endswith("_")} - {"station.problem"} | built
    known = {key for key in i18n.catalogue("en") if re.fullmatch(r"station\.[a-z_]+", key)}
    assert used == known


def test_every_problem_that_has_words_of_its_own_exists() -> None:
    from regrade.serving.base.problems import KINDS

    own = {key.removeprefix("station.problem.") for key in i18n.catalogue("en") if key.startswith("station.problem.")}
    assert own <= set(KINDS)
