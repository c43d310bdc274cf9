"""A data folder such as the service leaves behind: photos under their hash, and decisions as plain objects."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from regrade.labeling import cli
from regrade.labeling.versions import decisions

Row = dict[str, Any]
START = datetime(2026, 11, 1, 8, tzinfo=UTC)


@dataclass
class Desk:
    """What was decided so far. Photos are smooth noise, one for each seed, so that no two are copies."""

    folder: Path
    rows: list[Row] = field(default_factory=list)

    def photo(self, seed: int, *, quality: int = 90) -> Row:
        noise = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise).resize((160, 120), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        path = self.folder / "photos" / sha256[:2] / sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
        return {"sha256": sha256, "path": str(path), "media_type": "image/jpeg", "width": 160, "height": 120}

    def decide(self, *conditions: str, photos: list[int | Row] | None = None, **fields: Any) -> Row:
        """One inspection with a look for each of `conditions`; the last stands. Each minute one is decided.

        Keywords are fields of the object, or of its item.
        """
        n = len(self.rows)
        looks = [
            {
                "kind": ("unsure", "second", "third")[k],
                "blind": k > 0,
                "condition": condition,
                "key_id": f"key-{k}",
                "reviewer": "Ada",
                "decided_at": (START + timedelta(minutes=10 * n + k)).isoformat(),
                "defects": None,
                "note": None,
                "rubric": "packaging@1",
                "seller_grade": None,
                "seconds": 4.5,
            }
            for k, condition in enumerate(conditions)
        ]
        item = {"rma": f"RMA-{n}", "seller": "Acme", "station": "LA-07", "answers": {"item_type": "carton"}}
        stored = [self.photo(one) if isinstance(one, int) else one for one in photos or [1000 + n]]
        row: Row = {
            "id": f"inspection-{n}",
            "created_at": START.isoformat(),
            "status": "reviewed",
            "category": "packaging",
            "item": item | {name: fields.pop(name) for name in list(fields) if name in ("rma", "seller", "answers")},
            "photos": [{"index": k, "size": 1, **photo} for k, photo in enumerate(stored)],
            "model": {"condition": "used", "confidence": 0.6, "defects": []},
            "looks": looks,
            "condition": conditions[-1] if conditions else None,
            "open": [],
            "defects": None,
            "rubric": "packaging@1",
            "decided_at": looks[-1]["decided_at"] if looks else None,
        }
        row |= fields
        self.rows.append(row)
        return row

    def source(self, data_dir: Path, since: datetime | None) -> Iterator[Row]:
        assert data_dir == self.folder
        yield from self.rows

    def decisions(self) -> list[decisions.DeskDecision]:
        return list(decisions.read_decisions(self.folder, source=self.source))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An empty desk, whose decisions the commands read as if they were the service's."""
    folder = tmp_path / "data"
    folder.mkdir()
    desk = Desk(folder)
    monkeypatch.setattr(decisions, "installed_source", lambda: desk.source)
    monkeypatch.chdir(tmp_path)
    return desk


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    cli.register(app)
    return app


@pytest.fixture
def labels(app: typer.Typer) -> Callable[..., Any]:
    """Run `regrade labels …`; an error is raised as it is."""
    from typer.testing import CliRunner

    return lambda *words: CliRunner().invoke(app, ["labels", *map(str, words)], catch_exceptions=False)
