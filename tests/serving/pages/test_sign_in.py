"""People who come in by name, in a browser with an authenticator of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, ConsoleMessage, Page, expect

PASSWORD = "three words suffice"
FAILED_LOAD = "Failed to load resource"


@pytest.fixture
def site(service: Any) -> str:
    """The service by a name: no passkey is for an address of numbers."""
    return str(service.url).replace("127.0.0.1", "localhost")


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A browser at no page yet."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    errors: list[str] = []

    def note(said: ConsoleMessage) -> None:
        if said.type == "error" and FAILED_LOAD not in said.text:
            errors.append(said.text)

    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", note)
    yield opened
    context.close()
    assert errors == []


def authenticator(page: Page, *, verified: bool = True) -> CDPSession:
    """Give the page's browser an authenticator that keeps passkeys, and whose holder it knows or does not."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": verified, "automaticPresenceSimulation": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return devtools


@pytest.fixture
def invitation(service: Any, site: str) -> Callable[..., str]:
    """Makes somebody new; the link of their invitation."""

    def invite(name: str = "Ann Li", role: str = "reviewer") -> str:
        made = service.client.post("/v1/people", json={"name": name, "role": role}).json()
        link: str = service.client.post(f"/v1/people/{made['id']}/invitation").json()["link"]
        return link.replace(service.url, site)

    return invite


def test_a_passkey_is_chosen_once_and_opens_the_desk_from_then_on(
    page: Page, invitation: Callable[..., str], site: str
) -> None:
    authenticator(page)
    page.goto(invitation())
    expect(page.locator("#name")).to_have_value("Ann Li")
    assert "#" not in page.url
    page.click("#passkey")
    page.wait_for_url(f"{site}/desk")
    expect(page.locator(".who")).to_have_text("Ann Li")
    page.click(".logout button")
    page.wait_for_url(f"{site}/desk/login")
    page.goto(f"{site}/desk/review")
    page.click("#passkey")
    page.wait_for_url(f"{site}/desk/review")
    expect(page.locator(".who")).to_have_text("Ann Li")


def test_a_browser_without_a_passkey_of_the_site_says_so(page: Page, invitation: Callable[..., str], site: str) -> None:
    invitation()
    authenticator(page, verified=False)
    page.goto(f"{site}/desk/login")
    page.click("#passkey")
    expect(page.locator("#passkey-fault")).to_contain_text("found no passkey")


def test_no_passkey_is_offered_where_there_can_be_none(
    page: Page, invitation: Callable[..., str], service: Any
) -> None:
    invitation()
    page.goto(f"{service.url}/desk/login")
    expect(page.locator("#password")).to_be_visible()
    expect(page.locator("#passkey")).to_be_hidden()


def test_a_password_is_chosen_and_a_wrong_one_keeps_the_name(
    page: Page, invitation: Callable[..., str], site: str
) -> None:
    page.goto(invitation())
    expect(page.locator("#password")).to_be_focused()
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(f"{site}/desk")
    page.click(".logout button")
    page.fill("#name", "ann li")
    page.fill("#password", "not these words")
    page.press("#password", "Enter")
    expect(page.locator("[role=alert].notice")).to_have_text("Name or password is wrong.")
    expect(page.locator("#name")).to_have_value("ann li")
    expect(page.locator("#password")).to_be_focused()
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(f"{site}/desk")


def test_an_invitation_that_was_used_is_refused_and_keys_still_open_the_desk(
    page: Page, invitation: Callable[..., str], service: Any, site: str
) -> None:
    link = invitation()
    page.goto(link)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(f"{site}/desk")
    page.context.clear_cookies()
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#passkey-fault")).to_contain_text("wrong, used, replaced or expired")
    page.goto(f"{site}/desk/login")
    page.click("details summary")
    page.fill("#key", service.key("reviewer", "Bo"))
    page.press("#key", "Enter")
    page.wait_for_url(f"{site}/desk")
    expect(page.locator(".who")).to_have_text("Bo")


def test_a_session_that_has_ended_is_begun_anew_by_its_person_without_leaving_the_page(
    page: Page, invitation: Callable[..., str], service: Any, site: str, put: Callable[..., list[str]]
) -> None:
    put(service, 1)
    authenticator(page)
    page.goto(invitation())
    page.click("#passkey")
    page.wait_for_url(f"{site}/desk")
    page.goto(f"{site}/desk/review")
    page.wait_for_selector("body[data-ready]")
    page.context.clear_cookies()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("#session")).to_be_visible()
    expect(page.locator("#session input[readonly]")).to_have_value("Ann Li")
    page.click("#session-passkey")
    expect(page.locator("#session")).to_be_hidden()
