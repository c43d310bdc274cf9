"""Nothing is lost or doubled at the station: photos sent ahead, items kept, a network that goes."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Request, Route, expect

from regrade.serving.policy.load import DEFAULT_POLICY

Stored = Callable[[str], list[dict[str, Any]]]
Intercept = Callable[..., None]
LoseFirst = Callable[[Page], list[str]]


@pytest.fixture(scope="module")
def others(carton: Image.Image) -> list[FilePayload]:
    """Three other photos of the carton, as Playwright uploads them."""
    found: list[FilePayload] = []
    for number in range(3):
        buffer = io.BytesIO()
        carton.crop((number * 10, 0, 1100, 900)).save(buffer, "JPEG", quality=90)
        found.append({"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    return found


def fill_in(page: Page, rma: str, *photos: FilePayload) -> None:
    page.fill("#rma", rma)
    page.set_input_files("#files", list(photos))


def all_sent(page: Page, count: int) -> None:
    """Wait until the photos in the tray are at the service."""
    expect(page.locator(".thumb")).to_have_count(count)
    expect(page.locator(".thumb progress:not([hidden])")).to_have_count(0)


def reload(page: Page) -> None:
    page.reload()
    page.wait_for_selector("body[data-ready]")


def test_a_press_only_names_the_photos(
    page: Page, stored: Stored, sharp: FilePayload, others: list[FilePayload]
) -> None:
    fill_in(page, "RMA-ahead", sharp, others[0])
    all_sent(page, 2)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    page.click("#grade")
    page.wait_for_selector("#result:visible")
    [post] = [one for one in sent if one.method in ("POST", "PUT")]
    body = json.loads(post.post_data or "")
    assert len(post.post_data or "") < 500
    assert [one["sha256"] for one in body["photos"]] == [one["sha256"] for one in stored("RMA-ahead")[0]["photos"]]


def test_a_reload_keeps_the_item_in_hand(
    page: Page, stored: Stored, sharp: FilePayload, others: list[FilePayload]
) -> None:
    page.fill("#seller", "Lihua")
    page.fill("#amount", "12.50")
    page.select_option("#category", "packaging")
    fill_in(page, "RMA-kept", sharp, others[0])
    all_sent(page, 2)
    page.wait_for_timeout(300)
    reload(page)
    expect(page.locator("#rma")).to_have_value("RMA-kept")
    expect(page.locator("#seller")).to_have_value("Lihua")
    expect(page.locator(".thumb img")).to_have_count(2)
    page.click("#grade")
    page.wait_for_selector("#result:visible")
    [item] = stored("RMA-kept")
    assert (item["item"]["declared_value"]["amount"], len(item["photos"])) == (12.5, 2)


def test_a_new_tab_after_a_crash_has_the_item_and_another_tab_beside_it_has_not(
    page: Page, service: Any, sharp: FilePayload
) -> None:
    fill_in(page, "RMA-crash", sharp)
    all_sent(page, 1)
    page.wait_for_timeout(300)
    beside = page.context.new_page()
    beside.goto(f"{service.url}/station")
    beside.wait_for_selector("body[data-ready]")
    expect(beside.locator("#rma")).to_have_value("")
    beside.close()
    page.close()
    later = page.context.new_page()
    later.goto(f"{service.url}/station")
    later.wait_for_selector("body[data-ready]")
    expect(later.locator("#rma")).to_have_value("RMA-crash")
    expect(later.locator(".thumb img")).to_have_count(1)


def test_items_of_a_time_without_network_go_out_in_order_and_once(
    page: Page, service: Any, stored: Stored, sharp: FilePayload, others: list[FilePayload]
) -> None:
    page.context.set_offline(True)
    for number, photo in enumerate(others):
        fill_in(page, f"RMA-{number}", sharp, photo)
        page.click("#grade")
        expect(page.locator("#message")).to_contain_text("kept on this device")
        page.click("#next")
        expect(page.locator("#outbox-counts")).to_contain_text(f"{number + 1} wait")
    expect(page.locator("#rma")).to_have_value("")
    page.context.set_offline(False)
    expect(page.locator("#outbox li.done")).to_have_count(3)
    listed = service.client.get("/v1/inspections").json()["items"]
    assert [one["item"]["rma"] for one in reversed(listed)] == ["RMA-0", "RMA-1", "RMA-2"]
    assert all(len(one["photos"]) == 2 for one in listed)


def test_what_waits_survives_a_reload_and_a_result_can_be_opened(
    page: Page, service: Any, stored: Stored, sharp: FilePayload
) -> None:
    page.route("**/v1/**", lambda route: route.abort())
    fill_in(page, "RMA-later", sharp)
    page.click("#grade")
    expect(page.locator("#message")).to_contain_text("kept on this device")
    page.click("#next")
    reload(page)
    expect(page.locator("#outbox-counts")).to_have_text("1 wait to be sent")
    page.unroute("**/v1/**")
    reload(page)
    expect(page.locator("#outbox li.done")).to_have_count(1)
    page.click("#outbox li button.secondary")
    expect(page.locator("#result .now")).to_be_visible()
    expect(page.locator("#rma")).to_have_value("RMA-later")
    expect(page.locator("#outbox")).to_be_hidden()
    assert len(stored("RMA-later")) == 1


def test_an_answer_that_was_lost_before_a_reload_makes_one_row(
    page: Page, stored: Stored, sharp: FilePayload, lose_the_first_answer: LoseFirst
) -> None:
    keys = lose_the_first_answer(page)
    fill_in(page, "RMA-lost", sharp)
    page.click("#grade")
    expect(page.locator("#message")).to_contain_text("kept on this device")
    reload(page)
    expect(page.locator("#result .hint")).to_contain_text("had been graded before")
    expect(page.locator("#rma")).to_have_value("RMA-lost")
    assert (len(keys), len(set(keys)), len(stored("RMA-lost"))) == (2, 1, 1)
    reload(page)  # now it is known, and shown again
    expect(page.locator("#result .now")).to_be_visible()
    page.click("#grade")
    expect(page.locator("#result .hint")).to_contain_text("had been graded before")
    assert len(stored("RMA-lost")) == 1


def test_what_one_key_may_have_sent_no_other_sends_again(
    page: Page, service: Any, stored: Stored, sharp: FilePayload
) -> None:
    page.route("**/v1/inspections", lambda route: (route.fetch(), route.abort())[1])
    fill_in(page, "RMA-mine", sharp)
    page.click("#grade")
    expect(page.locator("#message")).to_contain_text("kept on this device")
    page.click("#next")
    page.unroute("**/v1/inspections")
    page.click("#settings-open")
    page.fill("#key", service.key("station", "bench 2"))
    page.press("#key", "Enter")
    expect(page.locator("#outbox li")).to_contain_text("the key that it was sent with")
    page.wait_for_timeout(500)
    assert len(stored("RMA-mine")) == 1


def test_an_item_that_was_changed_while_it_waited_is_sent_as_it_is_now(
    page: Page, stored: Stored, sharp: FilePayload
) -> None:
    page.context.set_offline(True)
    fill_in(page, "RMA-changed", sharp)
    page.click("#grade")
    expect(page.locator("#outbox-counts")).to_have_text("1 wait to be sent")
    page.fill("#seller", "acme")
    page.press("#seller", "Tab")
    expect(page.locator("#outbox")).to_be_hidden()
    page.context.set_offline(False)
    page.click("#grade")
    expect(page.locator(".verdict .rma").first).to_have_text("RMA-changed")
    (made,) = stored("RMA-changed")
    assert made["item"]["seller"] == "acme"


def test_a_cut_upload_goes_on_where_it_was(page: Page, service: Any, stored: Stored, sharp: FilePayload) -> None:
    ranges: list[str | None] = []

    def cut_the_first(route: Route, request: Request) -> None:
        ranges.append(request.headers.get("content-range"))
        if len(ranges) > 1:
            return route.continue_()
        data = request.post_data_buffer or b""
        half = len(data) // 2
        headers = {**request.headers, "content-range": f"bytes 0-{half - 1}/{len(data)}"}
        service.with_key(None).put(request.url, content=data[:half], headers=headers)
        return route.abort()

    page.route("**/v1/uploads/*", cut_the_first)
    fill_in(page, "RMA-cut", sharp)
    all_sent(page, 1)
    size = len(sharp["buffer"])
    assert ranges == [None, f"bytes */{size}", f"bytes {size // 2}-{size - 1}/{size}"]
    page.click("#grade")
    page.wait_for_selector("#result:visible")
    assert len(stored("RMA-cut")) == 1


def test_photos_that_the_service_has_no_more_are_sent_again(
    page: Page, service: Any, stored: Stored, sharp: FilePayload
) -> None:
    fill_in(page, "RMA-expired", sharp)
    all_sent(page, 1)
    for path in (service.settings.data_dir / "uploads").rglob("*"):
        if path.is_file():
            path.unlink()
    page.click("#grade")
    page.wait_for_selector("#result:visible")
    assert len(stored("RMA-expired")) == 1


def test_a_photo_that_is_removed_is_sent_no_further(page: Page, service: Any, sharp: FilePayload) -> None:
    held: list[Route] = []
    page.route("**/v1/uploads/*", lambda route: held.append(route))
    page.set_input_files("#files", [sharp])
    page.wait_for_function("document.querySelectorAll('.thumb').length === 1")
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(50)
    with page.expect_event("requestfailed", lambda request: "/v1/uploads/" in request.url):
        page.get_by_role("button", name="Remove photo 1").click()


def large(side: int, orientation: int = 1) -> FilePayload:
    """A photo with a long side of `side` pixels, whose EXIF says how it is held."""
    image = Image.effect_noise((side, side // 2), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80, exif=exif)
    return {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


@pytest.mark.parametrize(("side", "expected"), [(3000, (1500, 3000)), (0, (1800, 3600))])
def test_a_large_photo_is_made_smaller_and_upright_on_the_device(
    serve: Any, blank_at: Callable[[str], Page], side: int, expected: tuple[int, int]
) -> None:
    service = serve(station_photo_side=side)
    page = blank_at(f"{service.url}/station")
    page.fill("#key", service.key("station"))
    page.press("#key", "Enter")
    photo = large(3600, orientation=6)
    fill_in(page, "RMA-large", photo)
    page.click("#grade")
    page.wait_for_selector("#result:visible")
    [item] = service.client.get("/v1/inspections").json()["items"]
    [sent] = item["photos"]
    assert (sent["width"], sent["height"]) == expected
    original = service.client.get(f"/v1/inspections/{item['id']}/photos/0?original=true").content
    assert (original == photo["buffer"]) == (side == 0)


@pytest.mark.parametrize(("category", "untouched"), [("packaging", True), ("footwear", False), ("", True)])
def test_the_original_is_sent_where_the_policy_asks_for_it(
    serve: Any, blank_at: Callable[[str], Page], tmp_path: Path, category: str, untouched: bool
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(DEFAULT_POLICY.read_text(encoding="utf-8") + "\nphotos: {originals: [packaging]}\n", "utf-8")
    service = serve(policy_file=policy)
    page = blank_at(f"{service.url}/station")
    page.fill("#key", service.key("station"))
    page.press("#key", "Enter")
    photo = large(3600, orientation=6)
    page.select_option("#category", "footwear")
    fill_in(page, "RMA-original", photo)
    all_sent(page, 1)
    page.select_option("#category", category)  # what was made smaller before it was known is put back
    all_sent(page, 1)
    page.click("#grade")
    page.wait_for_selector("#result:visible")
    [item] = service.client.get("/v1/inspections").json()["items"]
    original = service.client.get(f"/v1/inspections/{item['id']}/photos/0?original=true").content
    assert (original == photo["buffer"]) == untouched


def test_hashes_are_the_same_where_the_browser_has_none(page: Page) -> None:
    script = """async () => { const { digest, sha256 } = await import('/station/hash.js');
      const hex = (bytes) => [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
      const sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 300000];
      return Promise.all(sizes.map(async (size) => {
        const data = Uint8Array.from({ length: size }, (_, index) => (index * 7 + size) & 255);
        return hex(await digest(data)) === await sha256(new Blob([data]));
      })); }"""
    assert page.evaluate(script) == [True] * 10


def test_the_page_opens_without_a_network_and_can_be_installed(page: Page, service: Any) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    reload(page)  # from now on the worker is asked
    assert page.evaluate("navigator.serviceWorker.controller !== null")
    session = page.context.new_cdp_session(page)
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [one["errorId"] for one in errors if one["errorId"] != "in-incognito"] == []
    page.context.set_offline(True)
    reload(page)
    expect(page.locator("#grade")).to_contain_text("Grade item")
    page.context.set_offline(False)
    cached = page.evaluate(
        "caches.keys().then(async (names) => (await Promise.all(names.map(async (name) =>"
        " (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname)))).flat())"
    )
    assert cached
    assert all(re.fullmatch(r"/station(/[\w.-]+)?", path) for path in cached)


def test_another_version_of_the_files_takes_the_place_of_the_one_before(page: Page, service: Any) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    [before] = page.evaluate("caches.keys()")
    script = service.client.get("/station/worker.js").text
    other = re.sub(r'VERSION = "\w+"', 'VERSION = "another"', script)
    page.context.route("**/station/worker.js", lambda route: route.fulfill(body=other, content_type="text/javascript",
                       headers={"Service-Worker-Allowed": "/station"}))  # fmt: skip
    page.evaluate("navigator.serviceWorker.getRegistration('station').then((one) => one.update())")
    page.wait_for_function("caches.keys().then((names) => names.join() === 'regrade-station-another')")
    assert before != "regrade-station-another"


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
@pytest.mark.parametrize("size", [(1366, 768), (390, 844)])
def test_the_list_of_what_waits_fits_the_screen_and_can_be_used_by_everybody(
    page: Page, sharp: FilePayload, violations: Callable[[Page], list[str]], lang: str, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.click(f"[data-language='{lang}']")
    page.context.set_offline(True)
    for rma in ("R" * 128, "RMA-2"):
        fill_in(page, rma, sharp)
        page.click("#grade")
        expect(page.locator("#message")).to_be_visible()
        page.click("#next")
    expect(page.locator("#outbox li")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert violations(page) == []
    page.context.set_offline(False)


@pytest.mark.parametrize("way", ["scanned", "typed"])
def test_the_next_item_leaves_the_one_that_waits_as_it_is(
    page: Page, service: Any, stored: Stored, others: list[FilePayload], way: str
) -> None:
    """Without pressing *Next item*: the next RMA says enough."""
    page.context.set_offline(True)
    fill_in(page, "SC-0001", *others[:2])
    page.click("#grade")
    expect(page.locator(".waiting")).to_have_count(1)
    if way == "scanned":
        page.locator("#next").focus()
        page.keyboard.type("SC-0002")
        page.keyboard.press("Enter")
    else:
        page.fill("#rma", "SC-0002")
        page.press("#rma", "Enter")
    expect(page.locator("#rma")).to_have_value("SC-0002")
    expect(page.locator(".thumb")).to_have_count(0)
    page.set_input_files("#files", [others[2]])
    page.click("#grade")
    expect(page.locator(".waiting")).to_have_count(2)
    page.context.set_offline(False)
    expect(page.locator("#result .now")).to_be_visible()
    expect(page.locator("#outbox li.done")).to_have_count(1)
    assert [len(stored(rma)[0]["photos"]) for rma in ("SC-0001", "SC-0002")] == [2, 1]
