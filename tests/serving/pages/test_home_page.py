"""The first page, and what is answered where there is nothing: HTML for browsers, JSON for programs."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from regrade.serving.base.i18n import text

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_browser_finds_the_way_to_every_page(service: Any, blank_at: Callable[[str], Page], violations: Any) -> None:
    page = blank_at(f"{service.url}/")
    links = page.locator(".doors a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert links == ["/station", "/desk", "/docs", "/healthz"]
    assert violations(page) == []
    page.click("text=Station")
    page.wait_for_url(f"{service.url}/station")


def test_the_first_page_speaks_both_languages(service: Any, blank_at: Callable[[str], Page]) -> None:
    page = blank_at(f"{service.url}/")
    page.click("[data-language='zh-CN']")
    expect(page.locator("h1")).to_have_text(text("home.title", "zh-CN"))
    assert page.url == f"{service.url}/"
    page.goto(f"{service.url}/nowhere")
    expect(page.locator("h1")).to_have_text(text("missing.title", "zh-CN"))


@pytest.mark.parametrize(("asked", "lang"), [("zh-CN,zh;q=0.9", "zh-CN"), ("de,en;q=0.5", "en"), ("", "en")])
def test_both_pages_come_in_the_language_of_the_browser(service: Any, asked: str, lang: str) -> None:
    for path, key in (("/", "home.title"), ("/nowhere", "missing.title"), ("/v1/nowhere", "missing.title")):
        answer = service.with_key(None).get(path, headers={**BROWSER, "Accept-Language": asked})
        assert answer.headers["content-language"] == lang
        assert f'<html lang="{lang}">' in answer.text
        assert text(key, lang) in answer.text


def test_both_pages_forbid_what_they_do_not_use(service: Any) -> None:
    for path in ("/", "/nowhere"):
        answer = service.with_key(None).get(path, headers=BROWSER)
        assert "default-src 'none'; script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html;q=0.5, application/json", "text/html;q=x"])
def test_a_program_gets_links_and_problems(service: Any, accept: str) -> None:
    client = service.with_key(None)
    links = client.get("/", headers={"Accept": accept}).json()["links"]
    assert all(client.get(path).status_code in (200, 303, 401) for path in links.values())
    missing = client.get("/nowhere", headers={"Accept": accept})
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:regrade:problem:not-found")


def test_a_page_that_is_missing_shows_its_address_as_text(service: Any) -> None:
    answer = service.with_key(None).get("/<script>alert(1)</script>", headers=BROWSER)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


def test_a_part_of_a_page_that_is_missing_is_told_to_people_and_scripts(service: Any) -> None:
    client = service.with_key(None)
    shown = client.get("/station/nothing.js", headers=BROWSER)
    assert (shown.status_code, shown.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert client.get("/station/nothing.js").json()["type"] == "urn:regrade:problem:not-found"


@pytest.mark.parametrize("path", ["/regrade", "/regrade/", "/"])
def test_below_a_root_path_the_links_are_too(serve: Any, path: str) -> None:
    client = serve(root_path="/regrade").with_key(None)
    assert client.get(path).json()["links"]["station"] == "/regrade/station"
    page = client.get(path, headers=BROWSER).text
    assert 'href="/regrade/station"' in page
    assert 'href="/station"' not in page
