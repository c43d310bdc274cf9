"""`regrade models`: what can be graded, by which bundles, and which of them is active."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from regrade.models.registry import Activation

Bundles = Annotated[
    Path | None,
    typer.Option(help="A folder of bundles; by default REGRADE_BUNDLES_DIR, else the shipped ones."),
]
Category = Annotated[str, typer.Argument(help="A category, or _router, which tells categories apart.")]
By = Annotated[str | None, typer.Option(help="Who does it, for the log; by default the login name.")]
Reason = Annotated[str, typer.Option(help="Why, for the log.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    models = typer.Typer(name="models", help="Look at the model bundles; choose which is active.", no_args_is_help=True)
    models.command(name="list")(show)
    models.command(name="install")(install)
    models.command(name="activate")(activate)
    models.command(name="rollback")(rollback)
    models.command(name="diff")(diff)
    models.command(name="history")(history)
    app.add_typer(models)


def show(
    bundles: Bundles = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, metrics and cards included.")] = False,
) -> None:
    """List all bundles: which is active, which a rollback goes back to, and from which confidence on it may go without
    a human. Exits with 1 if one is spoilt."""
    import json

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from regrade.models.bundle import ROUTER
    from regrade.models.registry import Entry, inventory

    def told(entry: Entry) -> dict[str, object]:
        bundle = entry.bundle
        return {
            "category": entry.category,
            "version": entry.version,
            "active": entry.active,
            "previous": entry.previous,
            "fault": entry.fault,
            "conditions": None if bundle is None else bundle.labels,
            "defect_types": None if bundle is None else [d.name for d in bundle.defects],
            "metrics": None if bundle is None else bundle.metrics,
            "card": None if bundle is None else bundle.card,
            "auto_threshold": None if bundle is None else bundle.calibration.selective.threshold,
        }

    entries = inventory(_root(bundles))
    if as_json:
        typer.echo(json.dumps([told(entry) for entry in entries], indent=2, ensure_ascii=False, default=dict))
    else:
        table = Table("category", "version", "active", "tells apart", "defects", "without a human from")
        for entry in entries:
            state = "yes" if entry.active else "before" if entry.previous else ""
            if entry.bundle is None:
                table.add_row(entry.category, entry.version, state, f"[red]spoilt: {escape(entry.fault or '')}[/]")
                continue
            threshold = entry.bundle.calibration.selective.threshold
            table.add_row(
                entry.category,
                entry.version,
                state,
                ", ".join(entry.bundle.labels),
                ", ".join(d.name for d in entry.bundle.defects),
                "" if entry.category == ROUTER else "never" if threshold is None else f"{threshold:.1%}",
            )
        Console().print(table)
    if any(entry.bundle is None for entry in entries):
        raise typer.Exit(1)


def install(
    source: Annotated[Path, typer.Argument(help="A folder of bundles, such as the `candidate` of a training run.")],
    category: Category,
    version: Annotated[str, typer.Argument(help="The version to copy.")],
    bundles: Bundles = None,
) -> None:
    """Copy a bundle from another folder, after a check of its files. It is not activated.

    This is also the way past the gate of a training run, by a person who has read its numbers: install the candidate,
    then activate it with a reason.
    """
    from regrade.models.bundle import install_bundle

    typer.echo(f"installed {install_bundle(source, _root(bundles), category, version)}; it is not active")


def activate(
    category: Category,
    version: Annotated[str, typer.Argument(help="One that `regrade models list` shows.")],
    bundles: Bundles = None,
    by: By = None,
    reason: Reason = "",
) -> None:
    """Make a version active, after a check of its files. The one before stays for a rollback."""
    from regrade.models import registry

    done = registry.activate(_root(bundles), category, version, by=by, reason=reason)
    if done is None:
        typer.echo(f"{category} {version} is active already; nothing changed.")
    else:
        _tell(done)


def rollback(category: Category, bundles: Bundles = None, by: By = None, reason: Reason = "rollback") -> None:
    """Make the version that was active before active again. Done twice, it comes back."""
    from regrade.models import registry

    _tell(registry.rollback(_root(bundles), category, by=by, reason=reason))


def diff(
    category: Category,
    a: Annotated[str | None, typer.Argument(help="A version; by default that before the active one.")] = None,
    b: Annotated[str | None, typer.Argument(help="Another; by default the active one.")] = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions: scores with their intervals, labels, thresholds, hashes, detector."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from regrade.models import registry
    from regrade.models.bundle import active_version
    from regrade.models.errors import BundleError

    root = _root(bundles)
    left = a or registry.previous_version(root, category)
    right = b or active_version(root, category)
    if left is None:
        raise BundleError(f"No version of {category} was active before {right}. Name two that are to be compared.")
    found = registry.diff(root, category, left, right)
    if as_json:
        rows = [asdict(one) for one in found]
        typer.echo(json.dumps({"category": category, "a": left, "b": right, "differences": rows}, indent=2))
        return
    if not found:
        typer.echo(f"{category} {left} and {right} do not differ.")
        return
    table = Table("what", left, right, title=category)
    for one in found:
        table.add_row(one.what, *("(none)" if value is None else escape(value) for value in (one.a, one.b)))
    Console().print(table)


def history(
    category: Annotated[str | None, typer.Argument(help="A category; by default all.")] = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Show who made which version active, when and why."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from regrade.models.registry import history as activations

    root = _root(bundles)
    found = activations(root, category)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
        return
    if not found:
        typer.echo(f"No change is logged under {root}.")
        return
    table = Table("when (UTC)", "category", "from", "to", "by", "reason")
    for one in found:
        when = one.at[:19].replace("T", " ")
        table.add_row(when, one.category, one.before or "–", one.after, escape(one.by), escape(one.reason))
    Console().print(table)


def _tell(done: "Activation") -> None:
    before = f" (before: {done.before})" if done.before else ""
    typer.echo(f"{done.category} {done.after} is active{before}.")
    typer.echo(
        "A running service grades with the bundles that it has loaded: restart it, or send SIGHUP to `regrade serve`, "
        "which takes over what is active without a pause."
    )


def _root(bundles: Path | None) -> Path:
    from regrade.models.bundle import shipped_root
    from regrade.serving.settings import load_settings

    return bundles or load_settings().bundles_dir or shipped_root()
