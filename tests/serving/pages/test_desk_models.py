"""The page of models: what grades, what is on trial, what is shown, and who may choose."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from regrade.models.grader import Grader

Sit = Callable[..., Page]
NEW = "2099.2.2"


@pytest.fixture
def tried(serve: Any, with_candidate: Path, grader: Grader, photo: bytes, put_judged: Any) -> Any:
    """A service with a candidate in shadow, and items that went alone and were looked at blind."""
    service = serve(grader=Grader.load(with_candidate, reuse=grader), bundles_dir=with_candidate, undo_seconds=0)
    service.post([photo], {"rma": "1", "category": "packaging", "station": "LA-01", "seller": "acme"})
    assert service.client.post("/v1/models/packaging/shadow", json={"version": NEW}).status_code == 200
    active = str(service.runtime.grader.versions["packaging"])
    put_judged(service, 60, active, NEW, "opened", "opened")
    put_judged(service, 6, active, NEW, "opened", "used", other="used")
    return service


def test_it_says_what_is_shown_in_both_languages_and_fits_a_phone(tried: Any, sit: Sit, violations: Any) -> None:
    page = sit(tried, "/desk/models", role="engineer")
    section = page.locator("#packaging")
    expect(section).to_contain_text(NEW)
    expect(section).to_contain_text("in shadow")
    expect(section.locator(".claims li")).to_have_count(2)
    expect(section.locator(".claims")).to_contain_text("more are expected to show it")
    expect(section.locator(".figures tbody tr")).to_have_count(5)
    expect(page.locator("#apparel")).to_contain_text("looks like those so far")
    expect(page.locator("nav [aria-current=page]")).to_have_text("Models")
    assert violations(page) == []
    page.click("[data-language='zh-CN']")
    expect(section).to_contain_text("影子试用")
    expect(section.locator(".claims")).to_contain_text("次盲评")
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_its_buttons_start_end_and_activate(tried: Any, sit: Sit) -> None:
    page = sit(tried, "/desk/models", role="engineer")
    section = page.locator("#packaging")
    section.get_by_role("button", name="End the trial").click()
    expect(section.locator(".claims")).to_have_count(0)
    section.get_by_text("Activate …").click()
    section.locator("select").last.select_option(NEW)
    section.get_by_role("button", name="Grade with it from now on").click()
    expect(section.locator(".title .version")).to_have_text(NEW)
    assert tried.runtime.grader.versions["packaging"] == NEW
    expect(section).to_contain_text("adapted here")
    section.get_by_text("Back to").click()  # which only asks
    expect(section).to_contain_text("Nothing that was graded changes.")
    assert tried.runtime.grader.versions["packaging"] == NEW
    section.get_by_role("button", name="again").click()
    expect(section.locator(".title .version")).not_to_have_text(NEW)
    section.get_by_text("Try in shadow …").click()
    section.locator("select").first.select_option("2099.1.1")
    section.get_by_role("button", name="Start the trial").click()
    expect(section).to_contain_text("No item has been judged by both yet.")


def test_what_cannot_be_done_is_said_and_reviewers_have_no_link(tried: Any, sit: Sit) -> None:
    page = sit(tried, "/desk/models", role="engineer")
    answer = page.evaluate(
        """async () => { const body = new URLSearchParams({csrf: document.body.dataset.csrf, version: "2001.1.1"});
        const answer = await fetch("/desk/models/packaging/shadow", {method: "POST", body});
        return [answer.status, await answer.text()]; }"""
    )
    assert answer[0] == 404
    assert "has no version 2001.1.1" in answer[1]
    assert tried.with_key(None).get("/models").headers["location"] == "/desk/models"


def test_a_bundle_that_was_taken_back_is_an_alarm_on_the_quality_page(tried: Any, sit: Sit) -> None:
    from regrade.serving.candidates.steps import note_rule

    detail = {"category": "packaging", "before": NEW, "version": "2026.11.6", "why": "money: 3 on 40 blind looks"}
    note_rule(tried.runtime.database, "promise.broken", "return", detail)
    page = sit(tried, "/desk/quality")
    expect(page.locator("#alarms li")).to_contain_text(["is graded with 2026.11.6 again"])
