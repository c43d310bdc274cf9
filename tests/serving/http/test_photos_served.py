"""What is sent of a photo: upright, and nothing of place, time, owner and camera; the original to admins alone."""

import io
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regrade.serving.base.i18n import LANGUAGES
from regrade.serving.storage.picture_cache import PictureCache
from regrade.serving.storage.records import new_id

pytestmark = pytest.mark.slow

SECRET = b"Jane Smith, 31 deg 14 N"


def told(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x013B] = SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 14.0, 5.5), 3: "E", 4: (121.0, 28.0, 9.0)})
    return exif.tobytes()


def with_xmp(jpeg: bytes) -> bytes:
    payload = b"http://ns.adobe.com/xap/1.0/\0<x>" + SECRET + b"</x>"
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:] + SECRET


def path_of(made: Any, index: int = 0) -> str:
    return f"/v1/inspections/{made.json()['id']}/photos/{index}"


def opened(answer: Any) -> Image.Image:
    assert answer.status_code == 200, answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


@pytest.fixture
def photos(render_photo: Any) -> dict[str, bytes]:
    """A photo of each kind that says who took it and where; 640 × 480 in the file."""
    exif = {"exif": told()}
    return {
        "JPEG": with_xmp(render_photo(0, comment=SECRET, **exif)),
        "JPEG on its side": with_xmp(render_photo(0, exif=told(6))),
        "two pictures": render_photo(0, kind="MPO", save_all=True, append_images=[Image.new("RGB", (99, 9))], **exif),
        "PNG": render_photo(0, kind="PNG", **exif),
        "PNG on its side": render_photo(0, kind="PNG", exif=told(8)),
        "WebP": render_photo(0, kind="WEBP", xmp=SECRET, **exif),
        "AVIF": render_photo(0, kind="AVIF", **exif),
        "AVIF on its side": render_photo(0, kind="AVIF", exif=told(6)),
        "HEIC": render_photo(0, kind="HEIF", **exif),
        "HEIC on its side": render_photo(0, kind="HEIF", exif=told(6)),
    }


def test_nothing_but_the_picture_is_sent_and_it_is_upright(service: Any, photos: dict[str, bytes]) -> None:
    made = service.post(list(photos.values()))
    station = service.as_role("station")
    assert made.status_code == 201, made.text
    for index, (name, data) in enumerate(photos.items()):
        size = (480, 640) if "side" in name else (640, 480)
        about = made.json()["photos"][index]
        assert (about["width"], about["height"]) == size, name
        assert SECRET in data
        for query, expected in (("", size), ("?width=120", (120, 120 * size[1] // size[0]))):
            answer = station.get(path_of(made, index) + query)
            image = opened(answer)
            assert image.size == expected, name
            assert SECRET not in answer.content, name
            assert not image.getexif(), name
            assert getattr(image, "n_frames", 1) == 1, name
            assert answer.headers["content-type"] == Image.MIME[str(image.format)], name


def test_a_jpeg_that_needs_no_turning_is_not_encoded_anew(service: Any, photos: dict[str, bytes]) -> None:
    data = photos["JPEG"]
    answer = service.client.get(path_of(service.post([data])))
    scan = data[data.index(b"\xff\xda") : data.rindex(b"\xff\xd9") + 2]
    assert answer.content.endswith(scan)
    assert not list((service.settings.data_dir / "cache").rglob("*.jpg"))


def test_a_turned_photo_is_encoded_once_and_close_to_what_was_sent(service: Any, photos: dict[str, bytes]) -> None:
    path = path_of(service.post([photos["JPEG on its side"]]))
    first, second = service.client.get(path), service.client.get(path)
    assert first.content == second.content
    [kept] = (service.settings.data_dir / "cache").rglob("*.jpg")
    assert first.content in kept.read_bytes()
    stored = Image.open(io.BytesIO(photos["JPEG on its side"]))
    upright = np.asarray(stored.transpose(Image.Transpose.ROTATE_270), dtype=np.int16)
    assert np.abs(np.asarray(opened(first), dtype=np.int16) - upright).mean() < 3


def test_a_kept_picture_that_is_damaged_is_made_anew(service: Any, photos: dict[str, bytes]) -> None:
    path = path_of(service.post([photos["HEIC"]]))
    first = service.client.get(path)
    [kept] = (service.settings.data_dir / "cache").rglob("*.jpg")
    kept.write_bytes(kept.read_bytes()[:-100])
    assert service.client.get(path).content == first.content


def test_a_lost_photo_is_not_hidden_by_a_picture_of_it(service: Any, photos: dict[str, bytes]) -> None:
    made = service.post([photos["JPEG on its side"]])
    opened(service.client.get(path_of(made)))
    service.runtime.photos.path(made.json()["photos"][0]["sha256"]).unlink()
    answer = service.client.get(path_of(made))
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:regrade:problem:photo-damaged")


def test_a_photo_that_an_earlier_version_turned_is_shown_as_it_was_graded(service: Any, render_photo: Any) -> None:
    # EXIF in a WebP turned the photo for the grader then; browsers never followed it.
    made = service.post([render_photo(0, kind="WEBP", exif=told(6))]).json()
    old = service.runtime.inspections.get(made["id"])
    graded = replace(old, id=new_id(), photos=(replace(old.photos[0], width=480, height=640),))
    service.runtime.inspections.insert(graded)
    for query in ("", "?width=480"):
        assert opened(service.client.get(f"/v1/inspections/{graded.id}/photos/0{query}")).size == (480, 640)


def test_the_entity_tag_is_not_the_hash_of_a_file_that_is_not_sent(service: Any, photos: dict[str, bytes]) -> None:
    made = service.post([photos["JPEG"]])
    tags = [service.client.get(path_of(made) + query).headers["etag"] for query in ("", "?width=100", "?width=101")]
    assert len(set(tags)) == 3
    assert not any(made.json()["photos"][0]["sha256"] in tag for tag in tags)
    for tag, query in zip(tags, ("", "?width=100", "?width=101"), strict=True):
        assert service.client.get(path_of(made) + query, headers={"If-None-Match": tag}).status_code == 304
    assert service.client.get(path_of(made), headers={"If-None-Match": tags[1]}).status_code == 200


def test_the_original_is_for_admins_alone(service: Any, photos: dict[str, bytes]) -> None:
    made = service.post([photos["HEIC on its side"]])
    answer = service.client.get(path_of(made), params={"original": True})
    assert answer.content == photos["HEIC on its side"]
    assert answer.headers["content-type"] == "image/heic"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].endswith('.heic"')
    for role in ("station", "reviewer", "engineer"):
        refused = service.as_role(role).get(path_of(made), params={"original": True})
        assert (refused.status_code, refused.json()["needed"]) == (403, ["admin"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_refusal_says_what_can_be_had_instead(service: Any, photo: bytes, lang: str) -> None:
    path = path_of(service.post([photo]))
    headers = {"Accept-Language": lang}
    refused = service.as_role("engineer").get(path, params={"original": True}, headers=headers)
    assert "`original`" in refused.json()["detail"]


def test_an_original_is_the_whole_file_whatever_width_is_asked_for(service: Any, photo: bytes) -> None:
    answer = service.client.get(path_of(service.post([photo])), params={"original": True, "width": 100})
    assert answer.content == photo


def test_the_cache_keeps_to_its_bound_and_what_was_used_last(tmp_path: Any) -> None:
    cache = PictureCache(tmp_path, 4000)
    for number in range(10):
        cache.put(f"{number:064}", "full", bytes(900))
        (tmp_path / f"{number:064}"[:2] / f"{number:064}-full.jpg").touch()
    kept = [number for number in range(10) if cache.get(f"{number:064}", "full")]
    assert kept == list(range(10 - len(kept), 10))
    assert 2 <= len(kept) <= 4


def test_what_cannot_be_kept_is_shown_all_the_same(service: Any, photos: dict[str, bytes]) -> None:
    (service.settings.data_dir / "cache").write_text("a file where the folder should be")
    assert opened(service.client.get(path_of(service.post([photos["AVIF"]])))).size == (640, 480)


def test_a_photo_is_forgotten_with_all_that_was_made_of_it(tmp_path: Any) -> None:
    cache = PictureCache(tmp_path, 10_000)
    for made in ("full", "96"):
        cache.put("ab" * 32, made, b"picture")
    cache.put("cd" * 32, "full", b"another")
    cache.forget("ab" * 32)
    assert [cache.get("ab" * 32, made) for made in ("full", "96")] == [None, None]
    assert cache.get("cd" * 32, "full") == b"another"
