"""The pages of webhooks: made there, tried, paused, turned to another secret, and what became of each event."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.serving.events.conftest import Receiver, listen  # noqa: F401 - a fixture

Sit = Callable[..., Page]
Listen = Callable[..., Receiver]


@pytest.fixture
def service(serve: Any) -> Any:
    """A service whose webhooks may go to this machine."""
    return serve(webhook_networks="127.0.0.0/8")


def test_one_is_made_tried_and_paused(service: Any, sit: Sit, listen: Listen, violations: Any) -> None:  # noqa: F811
    receiver = listen()
    page = sit(service, "/desk/webhooks", role="admin")
    expect(page.locator("nav [aria-current=page]").first).to_have_text("Webhooks")
    page.get_by_label("Address").fill("https://10.0.0.1/hooks")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("alert")).to_contain_text("must be a public address")
    expect(page.get_by_label("Address")).to_have_value("https://10.0.0.1/hooks")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_label("Graded").check()
    assert violations(page) == []
    page.get_by_role("button", name="Make it").click()
    secret = page.locator(".secret code").inner_text()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("status")).to_contain_text("arrived")
    assert receiver.verified(secret)[0]["type"] == "webhook.ping"
    expect(page.locator(".secret")).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".tag").first).to_have_text("paused")
    page.get_by_text("New secret …").click()
    assert violations(page) == []
    page.get_by_role("button", name="Make a new secret").dblclick()
    expect(page.locator(".secret code")).not_to_have_text(secret)
    turned = page.locator(".secret code").inner_text()
    page.reload()
    assert page.locator(".secret code").inner_text() == turned
    expect(page.get_by_text("New secret …")).to_have_count(0)
    page.get_by_text("Remove …").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("Events are sent nowhere yet.")).to_be_visible()


def test_its_log_says_what_failed_in_both_languages_and_sends_again(
    service: Any,
    sit: Sit,
    listen: Listen,  # noqa: F811
    photo: bytes,
    violations: Any,
) -> None:
    receiver = listen(lambda event, times: (422 if times == 1 else 200, {}))
    assert service.client.post("/v1/webhooks", json={"url": receiver.url}).status_code == 201
    service.post([photo], {"rma": "RMA-1"})
    receiver.wait(1)
    page = sit(service, "/desk/webhooks", role="admin")
    page.get_by_role("link", name=receiver.url).click()
    page.wait_for_function("() => document.body.innerText.includes('422') || (location.reload(), false)", polling=1000)
    assert violations(page) == []
    page.get_by_role("button", name="Send again: inspection.graded").click()
    receiver.wait(2)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")  # it is laid out a moment later
    page.click("[data-language='zh-CN']")
    expect(page.locator("#log")).to_have_text("发送记录")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_is_for_admins_alone(service: Any, sit: Sit) -> None:
    page = sit(service, "/desk/quality", role="engineer")
    expect(page.get_by_role("link", name="Webhooks")).to_have_count(0)


def test_an_adapter_that_lacks_its_secret_says_where_to_put_it(service: Any, sit: Sit, violations: Any) -> None:
    page = sit(service, "/desk/webhooks", role="admin")
    page.get_by_label("Adapter").select_option("loop")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("alert")).to_contain_text("loop.secret")
    expect(page.get_by_label("Adapter")).to_have_value("loop")
    assert violations(page) == []
