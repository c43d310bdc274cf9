"""`regrade synth`: contact sheets and lists of recipes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from regrade.datasets.category import load_categories
from regrade.datasets.synth.catalogue import damage, harmless
from regrade.datasets.synth_cli import register
from regrade.models.errors import DatasetError

pytestmark = pytest.mark.slow


def run(*arguments: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["synth", *arguments])


@pytest.fixture
def folder(make_row: Callable[..., dict[str, Any]], write_manifest: Callable[..., Path], tmp_path: Path) -> Path:
    """A dark phone on a bench as six photos, one of them of a damaged one."""
    rows = []
    for n in range(6):
        row = make_row(f"p{n}", category="electronics", item_type="phone", width=240, height=200)
        row |= {
            "condition": "damaged" if n == 5 else "opened",
            "votes": [],
            "defect_codes": ["crack"] if n == 5 else [],
        }
        row |= {"defects": [], "items": [{"type": "phone", "box": [60, 30, 180, 170]}]}
        pixels = np.full((200, 240, 3), 190.0)
        pixels[30:170, 60:180] = 40
        pixels += np.random.default_rng(n).normal(0, 3, pixels.shape)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(tmp_path / row["file"])
        rows.append(row)
    return write_manifest(*rows)


def test_preview_writes_pairs_harmless_edits_and_real_damage(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    done = run("preview", "electronics", "--data", str(folder), "--out", str(out), "-n", "2")
    assert done.exit_code == 0, done.output
    assert "2 pairs" in done.output
    assert "1 photos of real damage" in done.output
    with Image.open(out) as sheet:
        assert sheet.width == 1800
        assert sheet.height >= 900


def test_preview_of_one_recipe_draws_only_that(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    one = ["preview", "electronics", "--data", str(folder), "--out", str(out), "-n", "1"]
    assert "1 pairs, 0 harmless" in run(*one, "-r", "dead_lines").output
    assert "0 pairs, 1 harmless" in run(*one, "-r", "sticker").output


def test_what_does_not_exist_is_refused(folder: Path) -> None:
    wrong = run("preview", "electronics", "--data", str(folder), "-r", "melt")
    assert isinstance(wrong.exception, DatasetError)
    assert "there is no recipe 'melt'; legal names: " in str(wrong.exception)
    assert "no category 'toys'" in str(run("preview", "toys").exception)
    assert "no undamaged photo of 'footwear'" in str(run("preview", "footwear", "--data", str(folder)).exception)


def test_list_names_every_recipe_or_those_of_a_category() -> None:
    everything = run("list").output
    assert all(name in everything for name in (*damage(), *harmless()))
    synthesis = load_categories()["electronics"].synthesis
    assert synthesis is not None
    lines = run("list", "electronics").output.splitlines()
    assert len(lines) == len(synthesis.damage) + len(synthesis.harmless)
    assert "no category 'toys'" in str(run("list", "toys").exception)


@pytest.mark.photos
@pytest.mark.parametrize("category", sorted(load_categories()))
def test_every_shipped_category_can_be_previewed(category: str, bench: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    done = run("preview", category, "--data", str(bench), "--out", str(out), "-n", "2")
    assert done.exit_code == 0, done.output
    assert "2 pairs, 6 harmless" in done.output
