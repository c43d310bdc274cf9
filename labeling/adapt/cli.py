"""`regrade adapt`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regrade.labeling.adapt.outcomes import Outcome


def adapt(
    category: Annotated[str | None, typer.Argument(help="A category whose head is to be adapted.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All categories that grade.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the service keeps its state; by default REGRADE_DATA_DIR.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come out; install nothing.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also where nothing new was decided since the last time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: figures, learning curve, card.")] = False,
    attended: Annotated[
        bool, typer.Option("--attended", hidden=True, help="End at once when standard input ends.")
    ] = False,
) -> None:
    """Fit the head of a category anew to what this site's reviewers decided, from the one that was trained on.

    What comes out is installed beside the active bundle and not activated: `regrade models activate` does that,
    `regrade models list --json` shows its card. The newest fifth of the items judges it and is not fitted to. Votes
    count by how much their reviewers agree with others and with what photos show; promises are made anew by blind ones
    alone, and none is made on fewer than 50. Nothing is changed where the decisions do not bear it. The service may run
    meanwhile. Interrupted, it can be run again, and has lost nothing.
    """
    import json
    import os
    from functools import partial

    from rich.console import Console
    from rich.progress import track

    from regrade.labeling.adapt.adapting import adapt_site, installation
    from regrade.models.errors import DatasetError
    from regrade.models.registry.store import site_store

    if (category is None) != everything:
        raise DatasetError("name a category, or --all of them, and not both")
    if attended:
        _end_with_parent()
    where = data_dir or Path(os.environ.get("REGRADE_DATA_DIR", "data"))
    site = installation(where, site_store(where))
    progress = partial(track, description="Looking at photos", console=Console(stderr=True), transient=True)
    found = adapt_site(
        site,
        None if category is None else [category],
        dry_run=dry_run,
        again=again,
        progress=lambda rows: progress(rows),
    )
    if as_json:
        typer.echo(json.dumps([one.to_json() for one in found], indent=1, ensure_ascii=False))
        return
    for one in found:
        _tell(one)


def _tell(outcome: "Outcome") -> None:
    typer.echo(f"{outcome.category}: {outcome.told}")
    judged = outcome.details.get("judgement")
    if judged is None:
        return
    for name, words in (("macro_f1", "macro-F1"), ("log_loss", "log-loss"), ("money", "money lost an item")):
        if name in judged["new"]:
            new, old, apart = (judged[part][name] for part in ("new", "active", "difference"))
            typer.echo(
                f"  {words}: {_number(new['value'])} (active: {_number(old['value'])}; difference "
                f"{_number(apart['low'])} to {_number(apart['high'])})"
            )
    typer.echo(f"  {outcome.details['learning']['limit']}")


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _end_with_parent() -> None:
    """End this process when standard input does: whoever started it holds the other end, and may be killed."""
    import os
    import sys
    import threading

    def wait() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(1)

    threading.Thread(target=wait, name="attended", daemon=True).start()
