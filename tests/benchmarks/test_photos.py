"""The photos of the benchmarks pass the quality gate, weigh what a phone's do, and are never sent twice."""

import hashlib
import json

import pytest
from day import HOURS, MEAN_PHOTOS, PEAK, arrivals, items
from load_client import STAMP
from multipart import parse_form_data
from photos import SIZES, bodies_of, item_body, item_of, photo_of, stamped, twin

from regrade.models.photos.intake import open_photo
from regrade.models.photos.quality import assess


@pytest.mark.parametrize("megapixels", [0.5, 2, 5])
def test_photos_pass_the_quality_gate(megapixels: float) -> None:
    photo = open_photo(photo_of(1, *SIZES[megapixels]))
    assert (photo.width, photo.height) == SIZES[megapixels]
    assert assess(photo).ok


def test_a_photo_of_12_megapixels_weighs_3_to_4_megabytes() -> None:
    width, height = SIZES[12]
    small_width, small_height = SIZES[2]
    small = photo_of(0, small_width, small_height)
    assert 3e6 < len(small) / (small_width * small_height) * width * height < 4e6


def test_stamps_change_the_hash_of_every_photo_and_the_number_of_the_item() -> None:
    photo = photo_of(0, 160, 120)
    assert photo.count(STAMP) == 1
    assert hashlib.sha256(stamped(photo, 1)).digest() != hashlib.sha256(stamped(photo, 2)).digest()
    body, _ = item_body([photo, photo_of(1, 160, 120)], item_of())
    assert stamped(body, 7).count(b"stamp-0000000007") == 3


def test_a_twin_is_the_same_picture_in_another_file() -> None:
    photo = photo_of(3, 160, 120)
    other = twin(photo, 77)
    assert other != photo == twin(other, 3)
    assert (open_photo(other).rgb == open_photo(photo).rgb).all()


def test_a_body_is_the_multipart_of_its_photos_and_its_item() -> None:
    import io

    photos = [photo_of(seed, 160, 120) for seed in range(3)]
    body, kind = item_body(photos, item_of("apparel"))
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    forms, files = parse_form_data(environ, strict=True)
    assert json.loads(forms["item"]) == {"rma": STAMP.decode(), "category": "apparel"}
    assert [file.raw for file in files.getall("photos")] == photos


def test_items_never_hold_the_same_photo_twice() -> None:
    with pytest.raises(ValueError, match="as many different ones"):
        bodies_of([photo_of(0, 160, 120)], 2)


def test_the_hours_of_the_day_average_one_and_one_of_them_is_the_peak() -> None:
    assert sum(HOURS) == pytest.approx(len(HOURS))
    assert PEAK == 3 == HOURS[7]


def test_a_compressed_day_has_the_shape_and_the_peak_rate_of_the_real_one() -> None:
    day = arrivals(12.5 * 50, 600, bodies=5, seed=1)
    by_hour = [sum(60 * n <= moment < 60 * (n + 1) for moment in day.moments) for n in range(10)]
    assert by_hour[7] * MEAN_PHOTOS / 60 == pytest.approx(12.5 * 50, rel=0.05)
    for found, shape in zip(by_hour, HOURS, strict=True):
        assert found / by_hour[7] == pytest.approx(shape / 3, rel=0.15)


def test_a_day_goes_on_where_it_stopped() -> None:
    day = arrivals(12.5, 600, bodies=5, seed=1)
    rest = day.since(200)
    assert rest.seconds == 400
    assert rest.order == day.order[-len(rest.order) :]
    assert [moment + 200 for moment in rest.moments] == pytest.approx([m for m in day.moments if m > 200])


def test_the_items_of_a_day_have_four_photos_on_average() -> None:
    made = items(32, "packaging", seed=0, largest=0.5)
    assert sum(made.photos) / 32 == pytest.approx(MEAN_PHOTOS, rel=0.1)
    assert [body.count(b'name="photos"') for body in made.bodies] == made.photos
