"""The live camera at the station, in a real browser with a fake camera that shows what a test wants it to see."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance, ImageFilter
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from regrade.models.photos.intake import open_photo
from regrade.models.photos.quality import assess
from regrade.serving.examples.camera import flags as camera_flags
from regrade.serving.examples.camera import write_video
from tests.serving.pages.conftest import FLAGS

Opened = Callable[..., Page]
Violations = Callable[[Page], list[Any]]


@pytest.fixture(scope="module")
def seen(carton: Image.Image) -> dict[str, Image.Image]:
    """What the camera may see, by what is wrong with it."""
    scene = carton.resize((960, 720), Image.Resampling.LANCZOS)
    return {
        "": scene,
        "blurry": scene.filter(ImageFilter.GaussianBlur(12)),
        "too_dark": ImageEnhance.Brightness(scene).enhance(0.1),
        "too_bright": Image.new("RGB", scene.size, (252, 252, 250)),
        "no_item": Image.new("RGB", scene.size, (128, 130, 127)),
    }


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    with sync_playwright() as one:
        yield one


@pytest.fixture
def opened(
    playwright: Any,
    chromium_path: str,
    service: Any,
    station_key: str,
    seen: dict[str, Image.Image],
    tmp_path: Path,
) -> Iterator[Opened]:
    """Opens the station with a key, before a camera that sees what is named."""
    browsers: list[Browser] = []
    errors: list[str] = []

    def start(what: str = "", *, camera: bool = True, **context: Any) -> Page:
        flags = ["--use-fake-ui-for-media-stream"]
        if camera:
            flags = camera_flags(write_video(tmp_path / f"{what}.y4m", [seen[what]] * 3))
        browsers.append(playwright.chromium.launch(executable_path=chromium_path, args=[*FLAGS, *flags]))
        page = (
            browsers[-1]
            .new_context(**{"viewport": {"width": 1366, "height": 768}, "locale": "en-US"} | context)
            .new_page()
        )
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{service.url}/station")
        page.wait_for_selector("body[data-ready]")
        page.fill("#key", station_key)
        page.press("#key", "Enter")
        return page

    yield start
    for browser in browsers:
        browser.close()
    assert errors == []


def begin(page: Page, rma: str = "R-1", category: str = "packaging") -> None:
    page.fill("#rma", rma)
    if category:
        page.select_option("#category", category)
    page.click("#take")
    page.wait_for_selector("dialog.camera[data-wrong]")


def test_an_item_takes_a_tap_for_each_photo_and_one_to_confirm(opened: Opened, service: Any) -> None:
    page = opened()
    begin(page)
    views = page.locator(".views:not([hidden]) li").all_text_contents()
    for index, view in enumerate(views):
        expect(page.locator(".camera-step")).to_have_text(f"{index + 1} / {len(views)}{view}")
        page.click("#shutter")
        if index + 1 < len(views):
            expect(page.locator(".camera-strip li")).to_have_count(index + 1)
    page.wait_for_selector("#result:visible")  # with the last photo the item is on its way
    page.locator(".choice.said").click()
    expect(page.locator("#bench-done")).to_be_visible()
    (made,) = service.client.get("/v1/inspections", params={"rma": "R-1"}).json()["items"]
    assert (made["status"], len(made["photos"])) == ("reviewed", len(views))
    assert min(made["photos"][0]["width"], made["photos"][0]["height"]) >= 480


@pytest.mark.parametrize(
    ("what", "advice"),
    [("blurry", "Blurred"), ("too_dark", "Too dark"), ("too_bright", "Too bright"), ("no_item", "Nothing is seen")],
)
def test_what_would_have_to_be_taken_again_is_said_before_it_is_taken(opened: Opened, what: str, advice: str) -> None:
    page = opened(what)
    begin(page)
    expect(page.locator(".camera-advice")).to_contain_text(advice)
    page.click("#shutter")
    expect(page.locator(".camera-advice")).to_contain_text("Once more takes it all the same")
    expect(page.locator(".camera-strip li")).to_have_count(0)
    page.click("#shutter")
    expect(page.locator(".camera-strip li")).to_have_count(1)


def test_space_takes_a_photo_escape_closes_and_a_view_may_be_skipped(opened: Opened) -> None:
    page = opened()
    begin(page)
    expect(page.locator("#shutter")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".camera-strip li")).to_have_count(1)
    page.click("#camera-skip")
    expect(page.locator(".camera-step strong")).to_have_text("3 / 4")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.camera")).to_have_count(0)
    expect(page.locator(".thumb")).to_have_count(1)
    page.click("#take")  # goes on with the views that are left
    expect(page.locator(".camera-step strong")).to_have_text("1 / 3")


def test_without_a_category_as_many_are_taken_as_are_wanted(opened: Opened) -> None:
    page = opened()
    begin(page, category="")
    for count in (1, 2, 3):
        page.click("#shutter")
        expect(page.locator(".camera-strip li")).to_have_count(count)
    page.click("#camera-done")
    expect(page.locator(".thumb")).to_have_count(3)
    expect(page.locator("#result")).to_be_hidden()


def test_after_an_item_with_the_camera_a_scan_opens_it_for_the_next(opened: Opened) -> None:
    page = opened()
    begin(page)
    page.click("#shutter")
    expect(page.locator(".camera-strip li")).to_have_count(1)
    page.click("#camera-done")
    page.click("#clear")
    page.keyboard.type("RMA-3301")
    page.keyboard.press("Enter")
    expect(page.locator("dialog.camera")).to_be_visible()
    expect(page.locator("#rma")).to_have_value("RMA-3301")
    page.keyboard.type("RMA-3302")  # and there is but one camera, however often something is scanned
    page.keyboard.press("Enter")
    expect(page.locator("#rma")).to_have_value("RMA-3302")
    expect(page.locator("dialog.camera")).to_have_count(1)


def test_whoever_chooses_files_is_not_shown_the_camera_by_a_scan(opened: Opened) -> None:
    page = opened()
    begin(page)
    page.click("#shutter")
    expect(page.locator(".camera-strip li")).to_have_count(1)
    page.click("#camera-done")
    page.click("#clear")
    with page.expect_file_chooser():
        page.click("#choose")
    page.keyboard.type("RMA-3303")
    page.keyboard.press("Enter")
    expect(page.locator("#rma")).to_have_value("RMA-3303")
    expect(page.locator("dialog.camera")).to_have_count(0)


def test_photos_that_the_desk_asks_for_are_taken_with_the_camera(opened: Opened, service: Any, photo: bytes) -> None:
    made = service.post(
        [photo], {"rma": "R-9", "category": "packaging", "declared_value": {"amount": 900, "currency": "USD"}}
    )
    reviewer = service.as_role("reviewer", "Ann")
    lease = reviewer.post("/v1/reviews/claim").json()["lease"]["token"]
    views = [view.name for view in service.runtime.in_force.categories["packaging"].views][:2]
    asked = {"lease": lease, "ask": "photos", "views": views}
    assert reviewer.post(f"/v1/reviews/{made.json()['id']}", json=asked).status_code == 200
    page = opened()
    page.locator("#asked button.primary").click()
    page.wait_for_selector("dialog.camera[data-wrong]")
    expect(page.locator(".camera-step strong")).to_have_text("1 / 2")
    page.click("#shutter")
    expect(page.locator(".camera-strip li")).to_have_count(1)
    page.click("#camera-done")  # too early: nothing is sent unasked, and nothing is lost
    page.get_by_role("button", name="Send the photos taken: 1").click()
    expect(page.locator("#asked")).to_contain_text("It is before the desk again")
    now = service.client.get(f"/v1/inspections/{made.json()['id']}").json()
    assert (now["revision"], len(now["photos"])) == (2, 2)


def test_a_scan_before_the_camera_fills_in_the_rma_and_takes_nothing(opened: Opened) -> None:
    page = opened()
    page.select_option("#category", "packaging")
    page.click("#take")
    page.wait_for_selector("dialog.camera[data-wrong]")
    page.keyboard.type("RMA-2207")
    page.keyboard.press("Enter")
    expect(page.locator("#rma")).to_have_value("RMA-2207")
    expect(page.locator(".camera-strip li")).to_have_count(0)


def test_a_photo_that_must_be_taken_again_opens_the_camera_for_itself(
    opened: Opened, service: Any, blurred: FilePayload
) -> None:
    page = opened(has_touch=True, is_mobile=True, viewport={"width": 820, "height": 1180})
    page.fill("#rma", "R-2")
    page.select_option("#category", "packaging")
    page.set_input_files("#files", [blurred])
    page.click("#grade")
    page.click(".retake-card button")
    page.click("#shutter")
    expect(page.locator(".status.retake")).to_have_count(0)
    page.wait_for_selector("#result:visible")
    expect(page.locator(".thumb")).to_have_count(1)


def test_without_a_camera_the_system_s_own_way_opens(opened: Opened) -> None:
    page = opened(camera=False)
    page.fill("#rma", "R-3")
    with page.expect_file_chooser():
        page.click("#take")


@pytest.mark.parametrize("size", [(390, 844), (820, 1180), (1366, 768)], ids=["phone", "tablet", "desktop"])
def test_all_can_use_it_in_both_languages(opened: Opened, violations: Violations, size: tuple[int, int]) -> None:
    page = opened(viewport={"width": size[0], "height": size[1]})
    for lang, words in (("en", "Good"), ("zh-CN", "可以拍摄")):
        page.click(f"[data-language='{lang}']")
        begin(page)
        expect(page.locator(".camera-advice")).to_have_text(words)
        assert violations(page) == []
        heights = page.locator(".camera button").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().height)"
        )
        assert min(height for height in heights if height) >= 44
        page.click("#camera-done")


def test_the_device_judges_as_the_service_does(opened: Opened, seen: dict[str, Image.Image]) -> None:
    page = opened()
    for what, picture in seen.items():
        buffer = io.BytesIO()
        picture.resize((416, 312), Image.Resampling.LANCZOS).save(buffer, "PNG")
        found = page.evaluate(
            """async (bytes) => {
                const { judge } = await import("./station/gate.js");
                const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
                const canvas = document.createElement("canvas");
                [canvas.width, canvas.height] = [picture.width, picture.height];
                canvas.getContext("2d").drawImage(picture, 0, 0);
                return judge(canvas);
            }""",
            list(buffer.getvalue()),
        )
        issues = assess(open_photo(buffer.getvalue())).issues
        assert (found or "", issues) == (what, (what,) if what else ())
