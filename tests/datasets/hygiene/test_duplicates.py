from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from regrade.datasets.hygiene.duplicates import MIN_COSINE, Fingerprint, centred, find_pairs, fingerprint
from regrade.datasets.hygiene.embeddings import read_views
from regrade.datasets.manifest import read_manifest
from regrade.models.errors import DatasetError

pytestmark = pytest.mark.slow

Edit = Callable[[Image.Image], Image.Image]
EDITS: dict[str, Edit] = {
    "smaller": lambda image: image.resize((image.width // 2, image.height // 2)),
    "stretched": lambda image: image.resize((416, 416)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "on its side": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "upside down": lambda image: image.transpose(Image.Transpose.ROTATE_180),
    "transposed": lambda image: image.transpose(Image.Transpose.TRANSPOSE),
}


def scene(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (320, 240), tuple(int(v) for v in rng.integers(0, 200, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, w, h = (int(v) for v in rng.integers(0, 200, 4))
        draw.ellipse((x, y, x + w + 20, y + h + 20), fill=tuple(int(v) for v in rng.integers(0, 200, 3)))
    return image


def of(image: Image.Image, name: str) -> Fingerprint:
    return fingerprint(np.asarray(image), name)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_copy_is_found_among_other_photos(edit: str) -> None:
    prints = [of(scene(k), str(k)) for k in range(20)]
    prints.append(of(EDITS[edit](scene(7)), "copy"))
    [pair] = find_pairs(prints)
    assert (pair.a, pair.b, pair.kind) == (7, 20, "copy")
    assert pair.likeness >= 0.95


def test_the_same_file_is_told_from_a_copy() -> None:
    pairs = find_pairs([of(scene(1), "x"), of(scene(1), "x"), of(scene(2), "y")])
    assert [(p.a, p.b, p.kind) for p in pairs] == [(0, 1, "same file")]


def test_plain_photos_are_no_copies_of_each_other() -> None:
    plain = [of(Image.new("RGB", (100, 80), colour), colour) for colour in ("white", "grey", "black")]
    assert find_pairs(plain) == []


def test_pairs_far_apart_in_a_long_list_are_found() -> None:
    rng = np.random.default_rng(0)
    prints = [of(Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)), str(k)) for k in range(600)]
    prints[590] = of(scene(1), "a")
    prints[3] = of(EDITS["smaller"](scene(1)), "b")
    assert [(p.a, p.b) for p in find_pairs(prints)] == [(3, 590)]


def test_close_embeddings_are_the_same_thing_where_there_are_enough_to_compare() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(60, 32)).astype(np.float32)
    embeddings[40] = embeddings[9] + 0.05
    prints = [of(scene(k), str(k)) for k in range(60)]
    assert [(p.a, p.b, p.kind) for p in find_pairs(prints, embeddings)] == [(9, 40, "same thing")]
    assert find_pairs(prints[:45], embeddings[:45]) == []


def test_no_photos_have_no_pairs() -> None:
    assert find_pairs([]) == []


def test_views_are_read_once(make_row: Callable[..., dict[str, Any]], write_manifest: Callable[..., Path]) -> None:
    records = read_manifest(write_manifest(make_row("a"), make_row("b"), make_row("c", seed=1), make_row("d", seed=1)))
    cache = records[0].file.parent.parent / "cache"
    seen: list[str] = []

    def watch(some: Sequence[Any]) -> Sequence[Any]:
        seen.extend(r.id for r in some)
        return some

    first = read_views(records[:1], cache, watch)
    again = read_views(records, cache, watch)
    assert seen == ["a", "b", "d"]
    assert np.array_equal(again.embeddings[0], first.embeddings[0])
    assert again.embeddings.shape == (4, first.embeddings.shape[1])
    assert [p.sha256 for p in again.prints] == [r.sha256 for r in records]


def test_a_photo_that_does_not_open_is_named(
    make_row: Callable[..., dict[str, Any]], write_manifest: Callable[..., Path]
) -> None:
    records = read_manifest(write_manifest(make_row("a")))
    records[0].file.write_bytes(b"text")
    with pytest.raises(DatasetError, match=r"a\.jpg.*regrade data check"):
        read_views(records, records[0].file.parent)


@pytest.mark.photos
def test_unlike_photos_of_the_bench_are_told_apart(bench: Path, tmp_path: Path) -> None:
    records = read_manifest(bench)[::12]
    unit = centred(read_views(records, tmp_path).embeddings)
    apart = np.array([[a.group != b.group for b in records] for a in records])
    assert np.mean((unit @ unit.T)[apart] >= MIN_COSINE) < 3e-4
