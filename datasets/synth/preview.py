"""Contact sheets: what recipes make of photos, beside real damage."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np
from PIL import Image

from regrade.datasets.category import Category
from regrade.datasets.manifest import Record, scaled
from regrade.datasets.synth.catalogue import damage, harmless, recipe, scene_of, synthesize, weights_of
from regrade.datasets.synth.scene import PhotoScene, Rgb
from regrade.models.category.schema import ItemOutline
from regrade.models.errors import DatasetError
from regrade.models.photos.intake import open_photo
from regrade.models.types import Box

_TILE, _COLUMNS, _GAP = 300, 6, 4
_SIDE = 640  # what training sees
_RED, _INK = (230, 30, 30), (255, 225, 40)


def contact_sheet(
    records: Sequence[Record], category: Category, only: Sequence[str], count: int, seed: int
) -> tuple[Image.Image, str]:
    """The sheet, and a line that says what is on it.

    `count` pairs of a photo and its damaged copy with boxes, harmless edits of further photos, and photos of real
    damage among `records`. `only` names recipes and edits to show instead of the category's own. Raises
    `DatasetError` for an unknown name and where no photo is left to draw on.
    """
    drawn, edits = weights_of(category)
    if only:
        for name in only:
            recipe(name)
        drawn = {n: 1.0 for n in only if n in damage()}
        edits = {n: 1.0 for n in only if n in harmless()}
    if not drawn and not edits:
        raise DatasetError(f"category {category.name!r} has no recipes under `synthesis`; give --recipe")
    rng = np.random.default_rng(seed)
    whole = [r for r in records if r.condition not in (None, "damaged")]
    if not whole:
        raise DatasetError(f"no undamaged photo of {category.name!r} to draw on")
    queue = iter([whole[i] for i in rng.permutation(len(whole))])
    tiles = [tile for pair in _damaged(queue, category.outline, drawn, count if drawn else 0, rng) for tile in pair]
    pairs = len(tiles) // 2
    tiles += _blank(-len(tiles) % _COLUMNS)
    harmlessly = list(_harmless(queue, category.outline, edits, _COLUMNS if drawn else count, rng)) if edits else []
    tiles += harmlessly + _blank(-len(harmlessly) % _COLUMNS)
    broken = [r for r in records if r.condition == "damaged"]
    real = [broken[i] for i in rng.permutation(len(broken))[: 2 * _COLUMNS]]
    for record in real:
        rgb = _opened(record)
        boxes = [(d.type, scaled(d.box, rgb.shape[1] / record.width)) for d in record.defects]
        tiles.append(_tile(rgb, f"real: {', '.join(record.defect_codes)}", boxes))
    shown = f"{pairs} pairs, {len(harmlessly)} harmless edits, {len(real)} photos of real damage"
    return _laid_out(tiles), shown


def _damaged(
    queue: Iterator[Record],
    outline: ItemOutline,
    weights: Mapping[str, float],
    count: int,
    rng: np.random.Generator,
) -> Iterator[tuple[Rgb, Rgb]]:
    for record in queue:
        if count == 0:
            return
        scene = _scene(record, outline)
        made = synthesize(scene, weights, rng)
        if made is None:
            continue
        count -= 1
        boxes = [(d.type, d.box) for d in made.defects]
        yield _tile(scene.rgb, record.id, []), _tile(made.rgb, " + ".join(made.recipes), boxes)


def _harmless(
    queue: Iterator[Record],
    outline: ItemOutline,
    weights: Mapping[str, float],
    count: int,
    rng: np.random.Generator,
) -> Iterator[Rgb]:
    """As many different edits as there are, before any comes a second time."""
    seen: Counter[str] = Counter(dict.fromkeys(weights, 0))
    for record in queue:
        if count == 0:
            return
        scene = _scene(record, outline)
        names = sorted(weights, key=lambda name: (seen[name], rng.random()))
        for name in names[:3]:
            seen[name] += 1
            painted = harmless()[name].paint(scene, rng)
            if painted is not None:
                count -= 1
                yield _tile(painted.rgb, f"harmless: {name}", [])
                break


def _opened(record: Record) -> Rgb:
    """The photo at a long side of at most `_SIDE`."""
    rgb = open_photo(record.file.read_bytes()).rgb
    scale = min(1.0, _SIDE / max(rgb.shape[:2]))
    if scale < 1:
        rgb = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return rgb


def _scene(record: Record, outline: ItemOutline) -> PhotoScene:
    rgb = _opened(record)
    return scene_of(rgb, outline, record.item_type, record.largest_item_at(rgb.shape[1]))


def _tile(rgb: Rgb, title: str, boxes: Sequence[tuple[str, Box]]) -> Rgb:
    scale = (_TILE - _GAP) / max(rgb.shape[:2])
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((_TILE, _TILE, 3), 24, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    for name, box in boxes:
        x1, y1, x2, y2 = (round(v * scale) for v in box)
        cv2.rectangle(tile, (x1, y1), (x2, y2), _RED, 1)
        _write(tile, name, (x1 + 2, min(_TILE - 4, y2 + 11)), _RED)
    _write(tile, title[:44], (4, 12), _INK)
    return tile


def _write(tile: Rgb, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(tile, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(tile, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, colour, 1, cv2.LINE_AA)


def _blank(count: int) -> list[Rgb]:
    return [np.full((_TILE, _TILE, 3), 24, np.uint8)] * count


def _laid_out(tiles: list[Rgb]) -> Image.Image:
    tiles = tiles + _blank(-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    return Image.fromarray(np.vstack(rows))
