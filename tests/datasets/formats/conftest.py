"""Datasets of all shapes, and foreign folders to import, with photos that the tests draw themselves."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regrade.datasets.category import load_categories
from regrade.datasets.formats.assemble import Defaults
from regrade.datasets.formats.importing import Imported, ImportOptions, import_dataset
from regrade.datasets.formats.registry import format_of
from regrade.datasets.manifest import Record, read_manifest

Row = dict[str, Any]
NAMES = ("a", "b.2", "鞋-03", "naïve (1)", "UPPER", "with blank", "50% off", "ключ", "x_1", "x_2", "🙂", ".dot")
DEFAULTS = Defaults("packaging", "carton", "warehouse", "own")


def random_rows(make_row: Callable[..., Row], seed: int) -> list[Row]:
    """Rows of a dataset of packaging, or of several categories where `seed` is odd: some without condition, votes,
    boxes or group, some with all."""
    rng = np.random.default_rng(seed)
    kinds = {"packaging": ("carton", "tear", "hole"), "electronics": ("phone", "crack", "scratch")}
    splits = {f"g{k}": str(rng.choice(["train", "val", "test"])) for k in range(3)}
    rows = []
    for name in NAMES:
        category = "electronics" if seed % 2 and rng.random() < 0.5 else "packaging"
        item, *defects = kinds[category]
        votes = [str(v) for v in rng.choice(["opened", "used", "damaged"], rng.integers(0, 4))]
        top = [v for v in dict.fromkeys(votes) if votes.count(v) == max(map(votes.count, votes))]
        condition = top[0] if len(top) == 1 else "used" if not votes and rng.random() < 0.5 else None
        group = str(rng.choice([*splits, name]))
        boxes = [_box(rng) for _ in range(rng.integers(0, 4))]
        rows.append(
            make_row(
                name,
                category=category,
                item_type=item,
                condition=condition,
                votes=votes,
                defect_codes=[str(d) for d in rng.permutation(defects)[: rng.integers(0, 3)]],
                defects=[
                    {"type": str(rng.choice(defects)), "severity": str(rng.choice(["minor", "major"])), "box": box}
                    for box in boxes[1:]
                ],
                items=[{"type": item, "box": box} for box in boxes[:1]],
                tag=[True, False, None][rng.integers(3)],
                group=group,
                split=splits.get(group, "train"),
                repo=str(rng.choice(["", "somebody/photos"])),
            )
        )
    return rows


def _box(rng: np.random.Generator) -> list[float]:
    """Anything from a thousandth of a pixel to the whole photo of 40×30."""
    x1, y1 = int(rng.integers(0, 40_000)), int(rng.integers(0, 30_000))
    x2, y2 = int(rng.integers(x1 + 1, 40_001)), int(rng.integers(y1 + 1, 30_001))
    return [0, 0, 40, 30] if rng.random() < 0.2 else [v / 1000 for v in (x1, y1, x2, y2)]


@pytest.fixture
def dataset(make_row: Callable[..., Row], write_manifest: Callable[..., Path]) -> Callable[[int], list[Record]]:
    """The records of a random dataset."""
    return lambda seed: read_manifest(write_manifest(*random_rows(make_row, seed)))


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[..., Path]:
    """A folder to import: names of files → what they hold. A photo's size is given as (width, height)."""

    def make(files: dict[str, Any]) -> Path:
        root = tmp_path / "foreign"
        root.mkdir()
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, tuple):
                noise = np.random.default_rng(zlib.crc32(name.encode()))
                Image.fromarray(noise.integers(0, 255, (*content[::-1], 3), dtype=np.uint8)).save(path)
            elif isinstance(content, (bytes, str)):
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
            else:
                path.write_text(json.dumps(content), encoding="utf-8")
        return root

    return make


@pytest.fixture
def import_as(tmp_path: Path) -> Callable[..., Imported]:
    """Import a folder in a format to a new dataset; keywords are `ImportOptions`."""

    def run(kind: str, source: Path, **options: Any) -> Imported:
        options.setdefault("defaults", DEFAULTS)
        out = tmp_path / "imported"
        return import_dataset(format_of(kind), source, out, load_categories(), ImportOptions(**options))

    return run
