"""`regrade requantize`: the INT8 networks of bundles made anew, without training."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `regrade requantize` to `app`."""
    app.command("requantize")(requantize)


def requantize(
    bundles: Annotated[Path, typer.Argument(help="A folder of bundles; each category's active one is written again.")],
    version: Annotated[str, typer.Option(help="Version of the new bundles.", show_default=False)],
    category: Annotated[
        list[str] | None, typer.Option(help="Only the bundle of this category, or _router; may be repeated.")
    ] = None,
    work: Annotated[
        Path, typer.Option(help="Folder for finished networks, from which an interrupted command goes on.")
    ] = Path("runs/requantize"),
    data: Annotated[
        Path | None, typer.Option(help="A manifest or its folder; default: REGRADE_BENCH or ../shared/data/bench.")
    ] = None,
) -> None:
    """Write the active bundles of a folder again, with INT8 networks made anew from their FP32 ones, and activate them.

    Bundles of an older release want it once: sums of theirs saturate on CPUs without VNNI, so that they run there at
    the speed of FP32. Heads and calibration stay. Takes some ten minutes on two cores.
    """
    try:
        from regrade.training.ship.requantize import requantize as write
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            f"quantising needs {error.name}; install it with: pip install 'regrade[train]'"
        ) from None
    from rich.console import Console

    from regrade.datasets.manifest import locate_manifest, read_manifest

    say = Console().print
    made = write(bundles, read_manifest(locate_manifest(data)), version, work, say, category or ())
    say(f"{', '.join(made)} {version}: written and active under {bundles}")
