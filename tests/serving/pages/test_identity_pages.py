"""The station and the desk say that it is another item, and show the code where it was read."""

import io
import re
from typing import Any

import numpy as np
import zxingcpp
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.serving.pages.test_station_page import grade

EVIL = "<img src=x onerror=alert(1)>"


def labelled(photo: FilePayload, kind: str, text: str, pixels: int = 2) -> FilePayload:
    """`photo` with a code on it."""
    drawn = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, kind))
    picture = Image.open(io.BytesIO(photo["buffer"])).convert("RGB")
    label = np.array(drawn.to_image(scale=pixels, add_quiet_zones=True))
    picture.paste(Image.fromarray(label).convert("RGB"), (10, 10))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return {"name": "labelled.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


def expect_pen(service: Any) -> None:
    skus = [{"sku": "PEN", "gtins": ["4006381333931"]}, {"sku": "INK", "gtins": ["036000291452"]}]
    assert service.client.post("/v1/catalogue/skus", json={"items": skus}).status_code == 200
    rmas = [{"rma": "ID-1", "lines": [{"sku": "PEN"}]}]
    assert service.client.post("/v1/catalogue/rmas", json={"items": rmas}).status_code == 200


def test_the_station_says_that_it_is_another_item(page: Page, service: Any, sharp: FilePayload) -> None:
    expect_pen(service)
    grade(page, "ID-1", labelled(sharp, "UPCA", "036000291452"))
    banner = page.locator(".identity.mismatch")
    expect(banner).to_contain_text("does not look like the declared item: code 0036000291452 was read")
    expect(banner).to_contain_text("SKU INK")
    expect(page.locator(".picture .code.wrong polygon.line")).to_have_count(1)


def test_the_desk_shows_the_verdict_and_the_box(page: Page, service: Any, sharp: FilePayload, sit: Any) -> None:
    expect_pen(service)
    grade(page, "ID-1", labelled(sharp, "UPCA", "036000291452"))
    desk = sit(service)
    desk.goto(f"{service.url}/desk/review")
    expect(desk.locator("#identity .mismatch")).to_contain_text("is expected")
    expect(desk.locator("#overlay .code.wrong")).to_have_count(1)


def test_markup_in_a_code_stays_text(page: Page, service: Any, sharp: FilePayload) -> None:
    expect_pen(service)
    grade(page, "ID-1", labelled(sharp, "QRCode", EVIL, pixels=3))
    page.locator(".identity summary").click()
    expect(page.locator(".identity-codes code")).to_have_text(EVIL)
    expect(page.locator(".identity img")).to_have_count(0)
    expect(page.locator(".identity")).to_have_class(re.compile("nothing_read"))
