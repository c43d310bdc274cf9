"""`regrade plan`: how many cores and machines a load needs, from a short measurement of this one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regrade.serving.base.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(name="plan")(plan)


def plan(
    items_per_day: Annotated[float, typer.Option(help="Items on the busiest day.", show_default=False)],
    photos: Annotated[int, typer.Option(help="Photos of one item.")] = 4,
    megapixels: Annotated[float, typer.Option(help="Size of one photo, in millions of pixels.")] = 12.0,
    hours: Annotated[float, typer.Option(help="Length of the shift.")] = 10.0,
    peak: Annotated[float, typer.Option(help="The busiest hour over the average one.")] = 3.0,
    p99_ms: Annotated[
        float, typer.Option(help="In the peak hour, 99 of 100 items are to be answered in this.")
    ] = 500.0,
    utilisation: Annotated[float, typer.Option(help="In the peak hour, the cores may be busy this share of it.")] = 0.7,
    category: Annotated[
        str | None, typer.Option(help="What the stations declare; by default nothing, which costs the most.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="About how long to measure.")] = 5.0,
    data_dir: Annotated[
        Path | None, typer.Option(help="Measure on the disk of this data directory; nothing stays there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Say how many cores and machines a day's load needs, after a short measurement of this machine.

    The machine should have nothing else to do meanwhile. Exits with 0 when this machine alone suffices, with 1 when
    it does not, and with 2 for a load that cannot be or a machine that cannot be measured.
    """
    import math
    from dataclasses import replace

    from rich.console import Console

    from regrade.serving.base.settings import load_settings
    from regrade.serving.planning.capacity import Load, LoadError, Targets, calibrated
    from regrade.serving.planning.capacity import plan as plan_for
    from regrade.serving.planning.document import document
    from regrade.serving.planning.measure import measure
    from regrade.serving.planning.table import print_plan

    load, targets = Load(items_per_day, photos, hours, peak), Targets(utilisation, p99_ms / 1000)
    settings = load_settings(data_dir=data_dir)
    _check(settings, photos, megapixels)
    if not (math.isfinite(seconds) and 0 < seconds <= 600):
        raise LoadError(f"--seconds must be above 0 and at most 600, not {seconds:g}.")
    with Console(stderr=True).status("Measuring this machine…"):
        found = measure(settings, photos, megapixels, category, seconds)
        cores = settings.worker_count
        cost = calibrated(found.look_s, found.core_s, found.alone_s, photos, cores)
        cost = replace(cost, active_items=settings.active_items)
        result = plan_for(load, cost, cores, targets)
    told = document(load, targets, megapixels, category, found, cost, result)
    if as_json:
        typer.echo(told.model_dump_json(indent=2))
    else:
        print_plan(Console(), told)
    if not result.suffices:
        raise typer.Exit(1)


def _check(settings: "Settings", photos: int, megapixels: float) -> None:
    from regrade.models.photos.intake import DEFAULT_LIMITS
    from regrade.serving.planning.capacity import LoadError

    if photos > settings.max_photos:
        raise LoadError(
            f"An item has at most {settings.max_photos} photos, not {photos}. REGRADE_MAX_PHOTOS would allow more."
        )
    most = DEFAULT_LIMITS.max_pixels / 1e6
    if not 0 < megapixels <= most:
        raise LoadError(f"A photo has more than 0 and at most {most:g} megapixels, not {megapixels:g}.")
