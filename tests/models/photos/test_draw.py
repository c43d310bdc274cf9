import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from regrade.models.photos.draw import COLOURS, STRIP, contact_sheet, draw_grade, line_width, strip_height
from regrade.models.types import Box, Defect

SIZES = [(320, 240), (1200, 900), (900, 1200), (4032, 3024)]


def textured(size: tuple[int, int]) -> Image.Image:
    """Green-blue noise: no pixel of it has the colour of a box."""
    pixels = np.random.default_rng(0).integers(60, 120, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def pixels(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture)


def crack(box: Box, severity: str = "major", score: float = 0.93) -> Defect:
    return Defect(0, "crack", score, box, severity)


def middle(size: tuple[int, int]) -> tuple[int, int, int, int]:
    return size[0] // 4, size[1] // 3, size[0] // 4 * 3, size[1] // 3 * 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("severity", ["minor", "major"])
def test_a_box_is_outlined_just_inside_its_edges(size: tuple[int, int], severity: str) -> None:
    x1, y1, x2, y2 = middle(size)
    drawn, width = pixels(draw_grade(textured(size), [crack((x1, y1, x2, y2), severity)])), line_width(size)
    rows = slice(y1 + width, y2 - width)
    for edge in (drawn[rows, x1 : x1 + width], drawn[rows, x2 - width : x2], drawn[y2 - width : y2, x1:x2]):
        assert (edge == COLOURS[severity]).all()


@pytest.mark.parametrize("size", SIZES)
def test_outside_of_box_and_label_the_photo_is_unchanged(size: tuple[int, int]) -> None:
    x1, y1, x2, y2 = middle(size)
    before, after = pixels(textured(size)), pixels(draw_grade(textured(size), [crack((x1, y1, x2, y2))]))
    changed = (before != after).any(-1)
    margin = max(size) // 20
    assert not changed[y2:].any()
    assert not changed[:, :x1].any()
    assert not changed[: y1 - margin].any()
    assert not changed[y1 + margin : y2 - margin, x1 + margin : x2 - margin].any()


def test_the_label_stands_above_the_box_on_ground_of_its_colour() -> None:
    drawn = pixels(draw_grade(textured((1200, 900)), [crack((300, 300, 900, 600))]))
    label = drawn[270:299, 302:380]
    coloured = (label == COLOURS["major"]).all(-1)
    written = (label == 255).all(-1)
    assert coloured.mean() > 0.4
    assert written.mean() > 0.05


def test_a_label_without_room_above_goes_inside_the_photo() -> None:
    drawn = pixels(draw_grade(textured((1200, 900)), [crack((0, 0, 400, 300))]))
    assert drawn.shape == (900, 1200, 3)
    assert (drawn[4:24, 10:90] == 255).all(-1).mean() > 0.05


def test_a_box_over_the_edge_is_cut_there() -> None:
    drawn = pixels(draw_grade(textured((640, 480)), [crack((-50, 100, 900, 700))]))
    assert (drawn[300, 0] == COLOURS["major"]).all()
    assert (drawn[300, 639] == COLOURS["major"]).all()


@pytest.mark.parametrize(
    "box", [(700.0, 500.0, 900.0, 600.0), (100.0, 100.0, 100.2, 100.2), (639.9, 479.9, 640.0, 480.0)]
)
def test_a_box_without_visible_area_still_draws(box: Box) -> None:
    assert draw_grade(textured((640, 480)), [crack(box)]).size == (640, 480)


def test_the_title_strip_is_added_above_and_leaves_the_photo_whole() -> None:
    photo = textured((800, 600))
    drawn = draw_grade(photo, [], ["damaged 97%", "repair, $41.20"])
    top = strip_height((800, 600), 2)
    assert drawn.size == (800, 600 + top)
    assert (pixels(drawn)[top:] == pixels(photo)).all()
    assert (pixels(drawn)[:top] == 255).all(-1).any()


def test_a_long_title_is_cut_before_the_edge() -> None:
    drawn = pixels(draw_grade(textured((320, 240)), [], ["damaged " * 40]))
    assert (drawn[: strip_height((320, 240), 1), -4:] == STRIP).all()


def test_the_given_photo_is_left_as_it_is() -> None:
    photo = textured((640, 480))
    before = pixels(photo).copy()
    draw_grade(photo, [crack((10, 10, 200, 200))], ["used 61%"])
    assert (pixels(photo) == before).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_any_mode_becomes_rgb(mode: str) -> None:
    assert draw_grade(textured((320, 240)).convert(mode), [crack((50, 50, 150, 150))]).mode == "RGB"


def test_letters_grow_with_the_photo() -> None:
    small, large = strip_height((640, 480), 1), strip_height((4032, 3024), 1)
    assert 5 < large / small < 8


@pytest.mark.parametrize("count", [1, 2, 3, 5, 12])
def test_a_contact_sheet_shows_every_picture(count: int) -> None:
    colours = [(40 + 15 * k, 200 - 15 * k, 7) for k in range(count)]
    sheet = contact_sheet([Image.new("RGB", (400, 300), c) for c in colours], ["opened 88%"], long_side=1200)
    seen = {colour for _, colour in sheet.getcolors(1 << 20) or []}
    assert seen.issuperset(colours)


def test_a_contact_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet([])
