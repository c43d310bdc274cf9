"""A tiny labelled dataset of rendered photos, in the manifest's format."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

CONDITIONS = ("unopened", "opened", "used", "damaged")


def _render(category: str, condition: str, seed: int) -> Image.Image:
    """Boxes or discs whose texture tells the condition: plain, striped, speckled, scribbled over."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (240, 240), tuple(int(v) for v in rng.integers(120, 200, 3)))
    draw = ImageDraw.Draw(image)
    shape = draw.rectangle if category == "packaging" else draw.ellipse
    shape((40, 40, 200, 200), fill=tuple(int(v) for v in rng.integers(30, 110, 3)))
    if condition == "opened":
        for x in range(50, 200, 16):
            draw.line((x, 40, x, 200), fill="white", width=3)
    if condition == "used":
        for x, y in rng.integers(45, 195, (60, 2)):
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill="black")
    if condition == "damaged":
        draw.line([tuple(p) for p in rng.integers(45, 195, (24, 2))], fill="red", width=4)
    return image


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `bench.jsonl` and 160 photos of two categories, four conditions each."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "images").mkdir()
    lines = []
    for c, category in enumerate(("packaging", "electronics")):
        for k, condition in enumerate(CONDITIONS):
            for i in range(20):
                name = f"{category}-{condition}-{i}"
                path = folder / "images" / f"{name}.png"
                _render(category, condition, seed=c * 1000 + k * 100 + i).save(path)
                damaged = condition == "damaged"
                lines.append(
                    {
                        "id": name,
                        "file": f"images/{name}.png",
                        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                        "category": category,
                        "item_type": {"packaging": "carton", "electronics": "phone"}[category],
                        "condition": condition,
                        "votes": [condition, condition],
                        "defect_codes": (["tear"] if category == "packaging" else ["crack"]) if damaged else [],
                        "width": 240,
                        "height": 240,
                        "group": f"{name}",
                        "split": ("train", "train", "val", "test")[i % 4],
                        "source": "rendered",
                        "licence": "CC0-1.0",
                    }
                )
    (folder / "bench.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return folder
