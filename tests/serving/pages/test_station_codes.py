"""Codes before the station's camera, read by the reader that the page brings along (Chromium here has none)."""

import io
from typing import Any

import pytest
import segno
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from tests.serving.pages.test_station_camera import Opened, begin, opened, playwright  # noqa: F401

LEFT = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")
PARITY = ("LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL")


def qr(text: str) -> Image.Image:
    buffer = io.BytesIO()
    segno.make(text, error="m").save(buffer, kind="png", scale=6, border=4)
    return Image.open(buffer).convert("RGB")


def ean13(digits: str) -> Image.Image:
    """Bars of GS1's General Specifications, 5.2.1: even digits of the left half are mirrored and turned."""
    mirrored = [("".join("10"[int(bit)] for bit in code))[::-1] for code in LEFT]
    left = "".join(
        LEFT[int(digit)] if parity == "L" else mirrored[int(digit)]
        for digit, parity in zip(digits[1:7], PARITY[int(digits[0])], strict=True)
    )
    right = "".join("".join("10"[int(bit)] for bit in LEFT[int(digit)]) for digit in digits[7:])
    modules = f"101{left}01010{right}101"
    picture = Image.new("RGB", (3 * (len(modules) + 22), 150), "white")
    draw = ImageDraw.Draw(picture)
    for at, bit in enumerate(modules):
        if bit == "1":
            draw.rectangle((3 * (at + 11), 15, 3 * (at + 11) + 2, 135), fill="black")
    return picture


@pytest.fixture(scope="module")
def seen(carton: Image.Image) -> dict[str, Image.Image]:
    """The carton with a code on it."""
    codes = {"rma": qr("RMA-5521"), "goods": ean13("4006381333931"), "two": None}
    found = {}
    for name, code in codes.items():
        scene = carton.resize((960, 720), Image.Resampling.LANCZOS)
        for place, one in [((360, 330), code)] if code else [((120, 330), qr("BOX-1")), ((620, 330), qr("LOT-22"))]:
            scene.paste(one, place)
        found[name] = scene
    return found


def take_all(page: Page) -> None:
    """All four views, one after another."""
    for count in (1, 2, 3):
        page.click("#shutter")
        expect(page.locator(".camera-strip li")).to_have_count(count)
    page.click("#shutter")
    page.wait_for_selector("#result:visible")


def test_a_code_before_the_camera_is_the_rma_where_none_is_known(opened: Opened, service: Any) -> None:  # noqa: F811
    page = opened("rma")
    begin(page, rma="")
    expect(page.locator(".camera-code")).to_have_text("RMA: RMA-5521")
    expect(page.locator("#rma")).to_have_value("RMA-5521")
    take_all(page)
    (made,) = service.client.get("/v1/inspections", params={"rma": "RMA-5521"}).json()["items"]
    assert made["item"].get("answers") is None


def test_a_code_of_goods_is_kept_with_the_item_and_is_no_rma(opened: Opened, service: Any) -> None:  # noqa: F811
    page = opened("goods")
    begin(page, rma="")
    page.wait_for_timeout(1500)
    expect(page.locator("#rma")).to_have_value("")
    page.keyboard.press("Escape")
    page.fill("#sku", "SKU-9")
    begin(page, rma="R-20")
    expect(page.locator(".camera-code")).to_have_text("Kept with the item: 4006381333931")
    take_all(page)
    (made,) = service.client.get("/v1/inspections", params={"sku": "SKU-9"}).json()["items"]
    assert made["item"]["answers"] == {"codes": ["4006381333931"]}


def test_of_two_codes_neither_is_taken_for_the_rma(opened: Opened) -> None:  # noqa: F811
    page = opened("two")
    begin(page, rma="")
    page.wait_for_timeout(1500)
    expect(page.locator("#rma")).to_have_value("")
    expect(page.locator(".camera-code")).to_have_text("")


def test_what_was_read_is_there_after_a_reload_and_gone_with_the_item(opened: Opened) -> None:  # noqa: F811
    page = opened("two")
    begin(page, rma="R-21")
    expect(page.locator(".camera-code")).to_contain_text("Kept with the item")
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#rma")).to_have_value("R-21")
    page.click("#take")
    page.wait_for_selector("dialog.camera[data-wrong]")
    page.wait_for_timeout(1500)
    expect(page.locator(".camera-code")).to_have_text("")  # nothing new
    page.keyboard.press("Escape")
    page.click("#clear")
    begin(page, rma="R-22")
    expect(page.locator(".camera-code")).to_contain_text("Kept with the item")


def test_without_the_reader_photos_are_taken_all_the_same(opened: Opened) -> None:  # noqa: F811
    page = opened("rma")
    page.route("**/zxing-reader.js", lambda route: route.abort())
    begin(page, rma="R-23")
    page.click("#shutter")
    expect(page.locator(".camera-strip li")).to_have_count(1)
