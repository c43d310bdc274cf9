"""A grade drawn on its photo: boxes with type and score, and a title strip above. Pillow only, no font files."""

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from regrade.models.types import Defect

COLOURS: Final = {"major": (214, 39, 40), "minor": (255, 176, 0)}
"""Box colour by severity, sRGB. Both keep a contrast of 4.5:1 or more to the text that `_ink` chooses."""
STRIP: Final = (24, 26, 30)
_WHITE: Final = (255, 255, 255)
_BLACK: Final = (0, 0, 0)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = tuple[int, int, int]


def draw_grade(photo: Image.Image, defects: Sequence[Defect], title: Sequence[str] = ()) -> Image.Image:
    """An annotated RGB copy of `photo`, the upright full-size one that the boxes refer to.

    Each defect's box is outlined inwards and labelled with its type and score. `title` lines stand on a strip
    above the photo: the copy is higher by `strip_height` pixels, and outside of boxes and labels its pixels are
    the photo's. A box that reaches over the edge is cut there. Lines and letters grow with the photo. `photo` is
    left as it is.
    """
    drawn = photo.convert("RGB") if photo.mode != "RGB" else photo.copy()
    for defect in sorted(defects, key=lambda d: d.score):
        _draw_box(drawn, defect)
    top = strip_height(photo.size, len(title))
    if not top:
        return drawn
    sheet = Image.new("RGB", (drawn.width, drawn.height + top), STRIP)
    sheet.paste(drawn, (0, top))
    _draw_title(sheet, title, _text_size(photo.size))
    return sheet


def strip_height(size: tuple[int, int], lines: int) -> int:
    """Height in pixels of the strip that `draw_grade` puts above a photo of `size` for `lines` of title."""
    text = _text_size(size)
    return round(text * (0.8 + 1.35 * lines)) if lines else 0


def contact_sheet(pictures: Sequence[Image.Image], title: Sequence[str] = (), long_side: int = 2400) -> Image.Image:
    """All `pictures` in rows on one sheet about `long_side` pixels wide, under one title strip.

    Raises ValueError for no pictures.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    columns = ceil(sqrt(len(pictures)))
    rows = ceil(len(pictures) / columns)
    cell = (long_side // columns, long_side * 3 // 4 // columns)
    gap = max(2, long_side // 300)
    top = strip_height((long_side, long_side), len(title))
    sheet = Image.new("RGB", (columns * (cell[0] + gap) + gap, top + rows * (cell[1] + gap) + gap), STRIP)
    for index, picture in enumerate(pictures):
        scale = min(cell[0] / picture.width, cell[1] / picture.height)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        row, column = divmod(index, columns)
        x = gap + column * (cell[0] + gap) + (cell[0] - size[0]) // 2
        y = top + gap + row * (cell[1] + gap) + (cell[1] - size[1]) // 2
        sheet.paste(small, (x, y))
    _draw_title(sheet, title, _text_size((long_side, long_side)))
    return sheet


def line_width(size: tuple[int, int]) -> int:
    """Width in pixels of a box's outline on a photo of `size`."""
    return max(2, round(max(size) / 260))


def _text_size(size: tuple[int, int]) -> int:
    return max(11, round(max(size) / 42))


def _draw_box(photo: Image.Image, defect: Defect) -> None:
    x1, y1, x2, y2 = (round(side) for side in defect.box)
    left, top = min(max(x1, 0), photo.width - 1), min(max(y1, 0), photo.height - 1)
    right, bottom = min(max(x2 - 1, left), photo.width - 1), min(max(y2 - 1, top), photo.height - 1)
    colour = COLOURS.get(defect.severity, COLOURS["major"])
    pen, width = ImageDraw.Draw(photo), line_width(photo.size)
    pen.rectangle((left, top, right, bottom), outline=colour, width=width)
    inner = (left + width, top + width, right - width, bottom - width)
    if inner[2] > inner[0] and inner[3] > inner[1]:
        # A hairline of the other colour, so that the box is seen on ground of its own colour too.
        pen.rectangle(inner, outline=_ink(colour), width=max(1, width // 4))
    _draw_label(photo, f"{defect.type} {defect.score:.0%}", (left, top), colour)


def _draw_label(photo: Image.Image, words: str, corner: tuple[int, int], colour: Colour) -> None:
    """The label on a ground of the box's colour: above the corner if there is room, else inside the box."""
    pen, font = ImageDraw.Draw(photo), ImageFont.load_default(size=_text_size(photo.size))
    left, top, right, bottom = pen.textbbox((0, 0), words, font=font)
    pad = max(2, _text_size(photo.size) // 5)
    width, height = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    x = max(0, min(corner[0], photo.width - width))
    y = corner[1] - height if corner[1] >= height else min(corner[1], max(0, photo.height - height))
    pen.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)
    pen.text((x + pad - left, y + pad - top), words, fill=_ink(colour), font=font)


def _draw_title(sheet: Image.Image, title: Sequence[str], text: int) -> None:
    pen = ImageDraw.Draw(sheet)
    for index, line in enumerate(title):
        font = ImageFont.load_default(size=text)
        room = sheet.width - 2 * text // 2
        pen.text(
            (text // 2, round(text * (0.4 + 1.35 * index))), _fitted(pen, line, font, room), fill=_WHITE, font=font
        )


def _fitted(pen: ImageDraw.ImageDraw, line: str, font: Font, room: int) -> str:
    """`line`, cut with an ellipsis where it is wider than `room` pixels."""
    if pen.textlength(line, font=font) <= room:
        return line
    while line and pen.textlength(f"{line}…", font=font) > room:
        line = line[:-1]
    return f"{line.rstrip()}…"


def _ink(ground: Colour) -> Colour:
    """Black or white, whichever contrasts more with `ground` (WCAG 2 relative luminance)."""
    linear = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in ground]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return _BLACK if (luminance + 0.05) ** 2 > 0.05 * 1.05 else _WHITE
