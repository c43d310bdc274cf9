"""The bar of the desk with all its tabs: no wider than the page, in any language and at any width."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_with_all_tabs_no_page_is_wider_than_the_screen_and_no_tab_breaks(
    service: Any, put: Callable[..., list[str]], sit: Callable[..., Page], language: str
) -> None:
    put(service)
    page = sit(service, "/desk/people", "Root", "admin")
    page.click(f".languages [value='{language}']")
    wrong = []
    for path in ("/desk/review", "/desk", "/desk/people"):
        page.goto(f"{service.url}{path}")
        if path == "/desk/review":
            page.wait_for_selector("body[data-ready]")
        for width in (390, 900, 1024, 1366):
            page.set_viewport_size({"width": width, "height": 768})
            if folder := os.environ.get("REGRADE_SCREENSHOTS"):
                page.screenshot(path=f"{folder}/bar-{language}-{path.split('/')[-1]}-{width}.png")
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{path} at {width} is too wide")
            heights = "(tabs) => tabs.map((tab) => tab.getBoundingClientRect().height)"
            if max(page.locator("nav a").evaluate_all(heights)) > 60:
                wrong.append(f"{path} at {width} breaks a tab")
    assert wrong == []
