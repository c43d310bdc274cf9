"""The demo's items: rendered photos, what a station says of them, and what a person would say of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PHOTOS = HERE / "photos"


@dataclass(frozen=True, slots=True)
class DemoItem:
    """One return. `item` is what a station posts; `condition` is what a person would say, and `why`."""

    item: dict[str, Any]
    photos: tuple[Path, ...]
    title: str
    condition: str
    why: str


def demo_items() -> tuple[DemoItem, ...]:
    """All demo items, in the order in which they are shown."""
    return tuple(
        DemoItem(
            entry["item"],
            tuple(PHOTOS / name for name in entry["photos"]),
            entry["title"],
            entry["condition"],
            entry["why"],
        )
        for entry in json.loads((HERE / "items.json").read_text(encoding="utf-8"))
    )
