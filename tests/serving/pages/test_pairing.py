"""Pairing in a browser: an admin shows a code, a tablet opens its link, and is the station from then on."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

TABLET: dict[str, Any] = {"viewport": {"width": 1024, "height": 768}, "locale": "en-US", "has_touch": True}


@pytest.fixture
def admin(sit: Callable[..., Page], service: Any) -> Page:
    """The page of stations and people, before an admin."""
    return sit(service, "/desk/people", "Root", "admin")


def show_code(admin: Page, station: str) -> str:
    """Add a station; the link that its code is shown with."""
    admin.fill("#new-station", station)
    admin.press("#new-station", "Enter")
    expect(admin.locator("#shown-code")).to_have_text(re.compile("^[2-9A-Z]{4}-[2-9A-Z]{4}$"))
    return admin.locator("#shown-link").input_value()


def open_tablet(chromium: Browser, link: str) -> Page:
    """Another device, which has opened a link."""
    page = chromium.new_context(**TABLET).new_page()
    page.set_default_timeout(15_000)
    page.goto(link)
    page.wait_for_selector("body[data-ready]")
    return page


def open_welcome(chromium: Browser, link: str) -> Page:
    """The page of somebody who was invited, once it says who they are."""
    page = chromium.new_context(locale="en-US").new_page()
    page.goto(link)
    expect(page.locator("#name")).not_to_have_value("")
    return page


def test_the_link_of_the_code_pairs_a_tablet_which_then_grades_as_its_station(
    admin: Page, chromium: Browser, service: Any, stored: Any, sharp: FilePayload
) -> None:
    tablet = open_tablet(chromium, show_code(admin, "LA-07"))
    expect(tablet.locator("#key-state")).to_have_text("Paired as LA-07")
    expect(tablet.locator("#settings")).to_be_hidden()
    assert "#" not in tablet.url
    tablet.fill("#rma", "RMA-paired")
    tablet.set_input_files("#files", [sharp])
    tablet.click("#grade")
    expect(tablet.locator(".now")).to_be_visible()
    (item,) = stored("RMA-paired")
    assert item["item"]["station"] == "LA-07"
    # It is still paired when it was shut and opened again, in another tab.
    again = tablet.context.new_page()
    tablet.close()
    again.goto(f"{service.url}/station")
    expect(again.locator("#key-state")).to_have_text("Paired as LA-07")
    again.context.close()


def test_the_code_can_be_typed_and_what_is_wrong_with_it_is_said(admin: Page, chromium: Browser, service: Any) -> None:
    show_code(admin, "LA-07")
    code = admin.locator("#shown-code").inner_text()
    tablet = open_tablet(chromium, f"{service.url}/station")
    tablet.fill("#pair-code", "2222-2222")
    tablet.press("#pair-code", "Enter")
    expect(tablet.locator("#key-error")).to_contain_text("This pairing code is wrong")
    expect(tablet.locator("#pair-code")).to_be_focused()
    tablet.fill("#pair-code", code.lower().replace("-", " "))
    tablet.press("#pair-code", "Enter")
    expect(tablet.locator("#key-state")).to_have_text("Paired as LA-07")
    tablet.context.close()


def test_a_link_that_is_no_good_says_so_at_the_field_of_the_code(admin: Page, chromium: Browser, service: Any) -> None:
    show_code(admin, "LA-07")
    code = admin.locator("#shown-code").inner_text()
    tablet = open_tablet(chromium, f"{service.url}/station#pair=2222-2222")
    expect(tablet.locator("#key-error")).to_contain_text("This pairing code is wrong")
    field = tablet.locator("#pair-code")
    expect(field).to_be_focused()
    expect(field).to_have_value("2222-2222")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(tablet.locator("#key")).to_have_attribute("aria-invalid", "false")
    field.fill(code)
    field.press("Enter")
    expect(tablet.locator("#key-state")).to_have_text("Paired as LA-07")
    expect(tablet.locator("#key-error")).to_have_text("")
    expect(field).to_have_attribute("aria-invalid", "false")
    tablet.context.close()


def test_a_tablet_that_was_revoked_says_so_and_one_that_was_renamed_too(
    admin: Page, chromium: Browser, service: Any
) -> None:
    tablet = open_tablet(chromium, show_code(admin, "LA-07"))
    station = admin.locator("[data-station='LA-07']")
    station.locator("summary", has_text="Rename").click()
    station.locator("input[name=name]").fill("LA-70")
    station.locator("input[name=name]").press("Enter")
    expect(admin.locator("[data-station='LA-70']")).to_contain_text("Chrome")
    tablet.reload()
    expect(tablet.locator("#key-state")).to_have_text("Paired as LA-70")
    station = admin.locator("[data-station='LA-70']")
    station.locator("summary", has_text="Revoke").click()
    station.get_by_role("button", name="Revoke the tablet").click()
    expect(admin.locator("[data-station='LA-70']")).to_contain_text("Revoked")
    tablet.reload()
    expect(tablet.locator("#key-error")).to_contain_text("no longer paired")
    expect(tablet.locator("#key-state")).to_have_text("Enter station key")
    tablet.context.close()


def test_a_double_click_makes_one_code_which_a_reload_and_another_language_keep(
    admin: Page, chromium: Browser, service: Any
) -> None:
    admin.fill("#new-station", "LA-07")
    admin.locator("#stations .adding button").dblclick()
    expect(admin.locator("#shown-code")).to_be_visible()
    code = admin.locator("#shown-code").inner_text()
    admin.reload()
    expect(admin.locator("#shown-code")).to_have_text(code)
    admin.click(".languages [value='zh-CN']")
    expect(admin.locator("h1")).to_have_text("工位与人员")
    expect(admin.locator("#shown-code")).to_have_text(code)
    tablet = open_tablet(chromium, admin.locator("#shown-link").input_value())
    expect(tablet.locator("#key-state")).to_have_text("Paired as LA-07")
    tablet.context.close()


def test_an_invitation_outlives_a_reload_and_another_language(admin: Page, chromium: Browser) -> None:
    admin.fill("#new-person", "Ann Li")
    admin.press("#new-person", "Enter")
    welcome = open_welcome(chromium, admin.locator("#shown-link").input_value())
    welcome.reload()
    expect(welcome.locator("#name")).to_have_value("Ann Li")
    welcome.click(".languages [value='zh-CN']")
    expect(welcome.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(welcome.locator("#name")).to_have_value("Ann Li")
    assert "code" not in welcome.url
    welcome.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_pages(
    admin: Page, chromium: Browser, service: Any, violations: Callable[[Page], list[str]], scheme: Any
) -> None:
    admin.emulate_media(color_scheme=scheme)
    show_code(admin, "LA-07")
    admin.fill("#new-person", "Ann Li")
    admin.press("#new-person", "Enter")
    expect(admin.locator("#shown-code")).to_have_class("code long")
    assert violations(admin) == []
    welcome = chromium.new_page(color_scheme=scheme, locale="zh-CN")
    welcome.goto(admin.locator("#shown-link").input_value())
    expect(welcome.locator("#name")).to_have_value("Ann Li")
    assert violations(welcome) == []
    welcome.goto(f"{service.url}/desk/login")
    expect(welcome.locator("#password")).to_be_visible()
    assert violations(welcome) == []
    welcome.goto(f"{service.url}/station")
    welcome.wait_for_selector("body[data-ready]")
    assert violations(welcome) == []
    welcome.close()


def test_on_a_phone_nothing_is_wider_than_the_screen_and_targets_are_for_fingers(admin: Page) -> None:
    show_code(admin, "LA-07 by the dock, third bench from the left, under the lamp")
    admin.set_viewport_size({"width": 390, "height": 844})
    assert admin.evaluate("document.documentElement.scrollWidth") <= 390
    targets = admin.locator("main :is(button, summary, select, input:not([type=hidden]))")
    heights = targets.evaluate_all("(found) => found.map((one) => one.getBoundingClientRect().height)")
    assert min(height for height in heights if height) >= 44


def test_the_page_speaks_chinese(admin: Page) -> None:
    admin.click(".languages [value='zh-CN']")
    expect(admin.locator("h1")).to_have_text("工位与人员")
    expect(admin.locator("nav [aria-current]")).to_have_text("人员")
