"""`regrade synth preview`: a contact sheet, since only the eye can judge whether damage looks real."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `regrade synth` to `app`."""
    synth = typer.Typer(help="Synthetic defects for training.", no_args_is_help=True)
    synth.callback()(_synth)
    synth.command("preview")(preview)
    app.add_typer(synth, name="synth")


def _synth() -> None:
    """Synthetic defects for training."""


def preview(
    category: Annotated[str, typer.Argument(help="Category whose recipes to show.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the manifest; default: the bench photos.")] = None,
    out: Annotated[Path, typer.Option(help="PNG to write.")] = Path("synth.png"),
    photos: Annotated[int, typer.Option("--photos", "-n", min=1, max=200, help="How many photos.")] = 12,
    seed: Annotated[int, typer.Option(help="Another seed shows other photos and other damage.")] = 0,
) -> None:
    """Write pairs of photos, as taken and damaged, with the boxes; the last row is real damage to compare with."""
    import numpy as np
    from PIL import Image, ImageDraw

    from regrade.datasets.manifest import Record, locate_manifest, read_manifest
    from regrade.datasets.synthesis import RECIPES, synthesize
    from regrade.models.errors import DatasetError

    if category not in RECIPES:
        raise DatasetError(f"no recipe damages {category!r}; there are some for: {', '.join(RECIPES)}")
    records = [r for r in read_manifest(locate_manifest(data)) if r.category == category and r.condition]
    rng = np.random.default_rng(seed)
    whole = [r for r in records if r.condition != "damaged"]
    broken = [r for r in records if r.condition == "damaged"]

    def some(of: list[Record], count: int) -> list[Record]:
        return [of[i] for i in rng.permutation(len(of))[:count]]

    tiles: list[Image.Image] = []
    for record in some(whole, photos):
        image = Image.open(record.file).convert("RGB")
        made = synthesize(np.asarray(image), category, record.largest_item, rng)
        damaged = image if made is None else Image.fromarray(made.rgb)
        for defect in made.defects if made else ():
            ImageDraw.Draw(damaged).rectangle(defect.box, outline="red", width=2)
        tiles += [image, damaged]
    tiles += [Image.open(r.file).convert("RGB") for r in some(broken, 6)]
    side, columns = 256, 6
    sheet = Image.new("RGB", (columns * side, -(-len(tiles) // columns) * side), "white")
    for n, tile in enumerate(tiles):
        tile.thumbnail((side - 6, side - 6))
        sheet.paste(tile, (n % columns * side + 3, n // columns * side + 3))
    sheet.save(out)
    typer.echo(f"wrote {out}: pairs of a photo and its damaged copy, then {min(6, len(broken))} of real damage")
