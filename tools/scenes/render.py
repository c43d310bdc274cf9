"""Render the demo photos: `python -m tools.scenes.render [--only NAME] [--out DIR]`."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image as Pil
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from regrade.models.errors import RegradeError
from tools.scenes import stage
from tools.scenes.goods import carton, garment, phone, shoe
from tools.scenes.stage import Shapes, View

PHOTOS = Path(__file__).parents[2] / "serving" / "examples" / "photos"


@dataclass(frozen=True)
class Scene:
    """One item in one state. `build` and `views` draw all that varies from the generator."""

    build: Callable[[str, np.random.Generator], Shapes]
    views: Callable[[str, np.random.Generator], list[View]]
    state: str
    bench: str | None = None


SCENES: dict[str, Scene] = {
    "carton-sealed": Scene(carton.build, carton.views, "sealed"),
    "carton-open": Scene(carton.build, carton.views, "open"),
    "carton-torn": Scene(carton.build, carton.views, "torn", "white"),
    "carton-used": Scene(carton.build, carton.views, "used"),
    "phone-intact": Scene(phone.build, phone.views, "intact"),
    "phone-used": Scene(phone.build, phone.views, "used"),
    "phone-cracked": Scene(phone.build, phone.views, "cracked"),
    "shirt-bagged": Scene(garment.build, garment.views, "bagged"),
    "shirt-stained": Scene(garment.build, garment.views, "stained"),
    "shirt-used": Scene(garment.build, garment.views, "worn"),
    "shoes-clean": Scene(shoe.build, shoe.views, "clean"),
    "shoes-used": Scene(shoe.build, shoe.views, "worn"),
}


def render(
    name: str, *, seed: int = 0, width: int = 1200, spp: int = 10, only_view: int | None = None
) -> Iterator[Pil.Image]:
    """The photos of one item, in order. The seed varies item, texture, damage, light and camera.

    The same seed gives the same photo, bit for bit with LLVM; without it, the noise within a pixel differs.

    `width` is the long side in pixels, `spp` the light paths a pixel. Raises RegradeError for a name that is
    not in `SCENES`.
    """
    if name not in SCENES:
        raise RegradeError(f"There is no scene {name!r}; there are: {', '.join(SCENES)}.")
    scene = SCENES[name]
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    shapes = {**stage.bench(rng, scene.bench), **stage.lights(rng), **scene.build(scene.state, rng)}
    for k, view in enumerate(scene.views(scene.state, rng)):
        if only_view is None or k == only_view:
            yield stage.shoot(shapes, view, np.random.default_rng([seed, k]), width=width, spp=spp, seed=seed + k)


def main(
    only: Annotated[str, typer.Option(help="Names to render, separated by commas; all by default.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the JPEG files.")] = PHOTOS,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other photos.")] = 0,
    spp: Annotated[int, typer.Option(min=1, help="Light paths a pixel.")] = 10,
    width: Annotated[int, typer.Option(min=64, help="Long side, in pixels.")] = 1200,
) -> None:
    """Render the demo photos with Mitsuba 3 (the `render` extra)."""
    names = [n.strip() for n in only.split(",") if n.strip()] or list(SCENES)
    out.mkdir(parents=True, exist_ok=True)
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("", total=len(names))
        for name in names:
            progress.update(task, description=name)
            try:
                for k, photo in enumerate(render(name, seed=seed, width=width, spp=spp), 1):
                    size = stage.save(photo, out / f"{name}-{k}.jpg")
                    progress.console.print(f"{name}-{k}.jpg  {photo.width}x{photo.height}  {size / 1000:.0f} kB")
            except RegradeError as error:
                progress.stop()
                typer.echo(f"Error: {error}", err=True)
                raise typer.Exit(2) from error
            progress.advance(task)


if __name__ == "__main__":
    typer.run(main)
