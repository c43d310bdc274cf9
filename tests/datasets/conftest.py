"""Tiny manifests with photos that the tests draw themselves, and the real bench where it is at hand."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regrade.datasets.manifest import find_bench

Row = dict[str, Any]


@pytest.fixture(scope="session")
def bench() -> Path:
    """The folder of the real bench photos; skips where they are not at hand."""
    folder = find_bench()
    if folder is None:
        pytest.skip("bench photos not found: set REGRADE_BENCH to the folder that holds bench.jsonl")
    return folder


@pytest.fixture
def make_row(tmp_path: Path) -> Callable[..., Row]:
    """Draw a photo of noise below `tmp_path` and return its manifest row; keywords override fields.

    Unless `size` (width, height) says otherwise it is a quick thumbnail, too small to be graded."""

    def make(name: str = "a", *, seed: int | None = None, size: tuple[int, int] = (40, 30), **fields: Any) -> Row:
        file = tmp_path / "images" / f"{name}.jpg"
        file.parent.mkdir(exist_ok=True)
        noise = np.random.default_rng(sum(name.encode()) if seed is None else seed)
        Image.fromarray(noise.integers(0, 255, (*size[::-1], 3), dtype=np.uint8)).save(file)
        row: Row = {
            "id": name,
            "file": f"images/{name}.jpg",
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "category": "packaging",
            "item_type": "carton",
            "condition": "damaged",
            "votes": ["damaged", "damaged"],
            "defect_codes": ["tear"],
            "defects": [{"type": "tear", "severity": "major", "box": [1, 2, 20, 25]}],
            "items": [],
            "tag": None,
            "width": size[0],
            "height": size[1],
            "group": name,
            "split": "train",
            "source": "test",
            "licence": "CC0-1.0",
            "repo": "",
            "blob": "",
        }
        return row | fields

    return make


@pytest.fixture
def write_manifest(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as `bench.jsonl` and return its folder."""

    def write(*rows: Row) -> Path:
        lines = [json.dumps(row) for row in rows]
        (tmp_path / "bench.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path

    return write
