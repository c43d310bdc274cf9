"""`regrade labels select`."""

from pathlib import Path
from typing import Annotated

import typer

from regrade.datasets.options import CategoriesOption
from regrade.labeling.versions.export_cli import CacheOption


def select(
    budget: Annotated[int, typer.Option(min=1, help="How many photos to pick.", show_default=False)],
    out: Annotated[
        list[Path],
        typer.Option(
            help="File to write: a table (.csv) or a contact sheet (.html). May be repeated.", show_default=False
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Dataset: its unlabelled photos are candidates, nothing like the others is picked."),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="Folder of photos that are candidates too.", show_default=False)
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Category of the photos in --photos. Default: as the grader sees them.")
    ] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option(
            help="CONDITION=N or CATEGORY/CONDITION=N: at most N photos that are likeliest so. May be repeated."
        ),
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the contact sheet: en or zh-CN.")] = "en",
    seed: Annotated[int, typer.Option(help="Another seed breaks ties otherwise.")] = 0,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Ask the models of the service on this data directory. Default: REGRADE_DATA_DIR, else data."
        ),
    ] = None,
    bundles: Annotated[
        Path | None, typer.Option(help="Ask the models in this folder of bundles, as it is.", show_default=False)
    ] = None,
    cache: CacheOption = Path(".cache"),
    categories: CategoriesOption = None,
) -> None:
    """Pick the photos whose labels would teach the grader most: those it is unsure of, and each kind once.

    Nothing is picked that fails the quality gate or shows what is labelled already. The same photos, models and seed
    give the same list.
    """
    from rich.console import Console
    from rich.progress import track

    from regrade.datasets.category import load_categories
    from regrade.datasets.hygiene.embeddings import read_views
    from regrade.datasets.manifest import locate_manifest, read_manifest
    from regrade.datasets.validation import one_of_these
    from regrade.labeling.select.candidates import opinions, photos_in, unlabelled
    from regrade.labeling.select.contact_sheet import ENDINGS, write_selection
    from regrade.labeling.select.selection import parse_quotas
    from regrade.labeling.select.selection import select as selected_of
    from regrade.labeling.select.words import CATALOGUES
    from regrade.models.errors import DatasetError
    from regrade.models.grader import Grader
    from regrade.models.registry.store import named_store

    for path in out:
        one_of_these(f"--out {path}: ending", path.suffix.lower(), ENDINGS)
    one_of_these("--lang", lang, tuple(CATALOGUES))
    known = load_categories(categories)
    quotas = parse_quotas(quota or [], {name: one.condition_names for name, one in known.items()})
    if data is None and photos is None:
        raise DatasetError("nothing to choose from: give --data DATASET, --photos FOLDER, or both")
    grader = Grader.load(named_store(data_dir, bundles))
    if category is not None:
        one_of_these("--category", category, grader.categories)
    records = [] if data is None else read_manifest(locate_manifest(data))
    labelled = [r for r in records if r.condition is not None or r.votes]
    candidates = unlabelled(records)
    if photos is not None:
        known_photos = {record.sha256 for record in records}
        candidates += [c for c in photos_in(photos, category) if c.sha256 not in known_photos]
    if not candidates:
        raise DatasetError("nothing to choose from: every photo is labelled; give a folder of new ones with --photos")
    stderr = Console(stderr=True)
    views = read_views(
        [*candidates, *labelled], cache, lambda rows: track(rows, "Reading photos", console=stderr, transient=True)
    )
    asked = opinions(
        candidates, grader, cache, lambda rows: track(rows, "Grading candidates", console=stderr, transient=True)
    )
    selection = selected_of(
        candidates,
        asked,
        labelled,
        views,
        budget,
        quotas,
        seed,
        lambda rows, doing: track(rows, doing, console=stderr, transient=True),
    )
    title = " and ".join(str(place) for place in (data, photos) if place is not None)
    for path in out:
        write_selection(
            selection,
            path,
            title,
            lambda rows: track(rows, "Drawing", console=stderr, transient=True),
            lang,
            grader.definitions,
        )
    for why, count in selection.passed_over.items():
        typer.echo(f"passed over: {count} photos that {why}")
    for path in out:
        typer.echo(f"wrote {path}: {len(selection.choices)} of {len(candidates)} photos")
    if len(selection.choices) < budget:
        typer.echo(f"that is less than the {budget} asked for: nothing else is left, or the quotas are full")
