"""`regrade models`: what can be graded, by which bundles, and which of them is active."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regrade.serving.cli.bundles import store_named

if TYPE_CHECKING:
    from rich.table import Table

    from regrade.models.registry.activations import Activation
    from regrade.models.registry.changes import Entry
    from regrade.models.registry.store import BundleStore
    from regrade.models.registry.trials import Trial

DataDir = Annotated[
    Path | None,
    typer.Option(help="The service's data directory, where what it grades with is kept; by default REGRADE_DATA_DIR."),
]
Bundles = Annotated[
    Path | None,
    typer.Option(
        help="A folder of bundles, as it is; with --data-dir, that which the service goes by where nothing was chosen. "
        "By default REGRADE_BUNDLES_DIR, else the shipped ones."
    ),
]
Category = Annotated[str, typer.Argument(help="A category, or _router, which tells categories apart.")]
By = Annotated[str | None, typer.Option(help="Who does it, for the log; by default the login name.")]
Reason = Annotated[str, typer.Option(help="Why, for the log.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    about = "Look at the model bundles of a service; choose which is active."
    models = typer.Typer(name="models", help=about, no_args_is_help=True)
    models.command(name="list")(show)
    models.command(name="install")(install)
    models.command(name="reseal")(reseal)
    models.command(name="activate")(activate)
    models.command(name="rollback")(rollback)
    models.command(name="reset")(reset)
    models.command(name="shadow")(shadow)
    models.command(name="diff")(diff)
    models.command(name="history")(history)
    app.add_typer(models)


def show(
    data_dir: DataDir = None,
    bundles: Bundles = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, metrics and cards included.")] = False,
) -> None:
    """List all bundles: which is active, which a rollback goes back to, and from which confidence on it may go without
    a human. `chosen` is what this site made active itself, `default` what the release brings. Exits with 1 if one is
    spoilt."""
    import json

    from rich.console import Console

    from regrade.models.registry.changes import inventory

    store = store_named(data_dir, bundles)
    entries = inventory(store)
    if as_json:
        typer.echo(json.dumps([_told(store, one) for one in entries], indent=2, ensure_ascii=False, default=dict))
    else:
        Console().print(_table(store, entries))
    if any(entry.bundle is None for entry in entries):
        raise typer.Exit(1)


def _told(store: "BundleStore", entry: "Entry") -> dict[str, object]:
    bundle = entry.bundle
    return {
        "category": entry.category,
        "version": entry.version,
        "active": entry.active,
        "chosen": entry.version == store.chosen(entry.category),
        "default": entry.version == store.default(entry.category),
        "origin": "site" if entry.own else "release",
        "previous": entry.previous,
        "fault": entry.fault,
        "conditions": None if bundle is None else bundle.labels,
        "defect_types": None if bundle is None else [d.name for d in bundle.defects],
        "metrics": None if bundle is None else bundle.metrics,
        "card": None if bundle is None else bundle.card,
        "auto_threshold": None if bundle is None else bundle.calibration.selective.threshold,
    }


def _table(store: "BundleStore", entries: "Sequence[Entry]") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    from regrade.models.registry.bundle import ROUTER

    table = Table("category", "version", "active", "from", "tells apart", "defects", "without a human from")
    for entry in entries:
        how = "chosen" if store.chosen(entry.category) else "default"
        state = how if entry.active else "before" if entry.previous else ""
        origin = "site" if entry.own else "release"
        if entry.bundle is None:
            fault = f"[red]spoilt: {escape(entry.fault or '')}[/]"
            table.add_row(entry.category, entry.version, state, origin, fault)
            continue
        threshold = entry.bundle.calibration.selective.threshold
        table.add_row(
            entry.category,
            entry.version,
            state,
            origin,
            ", ".join(entry.bundle.labels),
            ", ".join(d.name for d in entry.bundle.defects),
            "" if entry.category == ROUTER else "never" if threshold is None else f"{threshold:.1%}",
        )
    return table


def install(
    source: Annotated[Path, typer.Argument(help="A folder of bundles, such as the `candidate` of a training run.")],
    category: Category,
    version: Annotated[str, typer.Argument(help="The version to copy.")],
    data_dir: DataDir = None,
    bundles: Bundles = None,
) -> None:
    """Copy a bundle from another folder to the data directory, after a check of its files. It is not activated.

    This is also the way past the gate of a training run, by a person who has read its numbers: install the candidate,
    then activate it with a reason.
    """
    from regrade.models.registry import changes as registry

    folder = registry.install(store_named(data_dir, bundles), source, category, version)
    typer.echo(f"installed {folder}; it is not active")


def reseal(
    definition: Annotated[Path, typer.Argument(help="The category's YAML, edited.")],
    version: Annotated[str, typer.Argument(help="The version to make.")],
    source: Annotated[
        str | None, typer.Option("--from", help="The version whose networks it gets; by default the active one.")
    ] = None,
    data_dir: DataDir = None,
    bundles: Bundles = None,
) -> None:
    """Seal a bundle anew with an edited definition of its category: title, rubric, scale, views, economics. What grades
    stays the same, so conditions must, too, and defects that the bundle finds. It is not activated."""
    from regrade.models.registry import reseal as registry

    folder = registry.reseal(store_named(data_dir, bundles), definition, version, source)
    typer.echo(
        f"sealed {folder}; it is not active. Activate it by `regrade models activate {folder.parent.name} {version}`."
    )


def activate(
    category: Category,
    version: Annotated[str, typer.Argument(help="One that `regrade models list` shows.")],
    data_dir: DataDir = None,
    bundles: Bundles = None,
    by: By = None,
    reason: Reason = "",
) -> None:
    """Make a version active, after a check of its files. The one before stays for a rollback.

    Both are kept in the data directory, so that an upgrade of the package takes neither away. To activate what is only
    the release's default keeps it whatever a newer release brings.
    """
    from regrade.models.registry import changes as registry

    store = store_named(data_dir, bundles)
    done = registry.activate(store, category, version, by=by, reason=reason)
    if done is None:
        typer.echo(f"{category} {version} is active already; nothing changed.")
    else:
        _tell(store, done)


def rollback(
    category: Category,
    data_dir: DataDir = None,
    bundles: Bundles = None,
    by: By = None,
    reason: Reason = "rollback",
) -> None:
    """Make the version that was active before active again. Done twice, it comes back."""
    from regrade.models.registry import changes as registry

    store = store_named(data_dir, bundles)
    _tell(store, registry.rollback(store, category, by=by, reason=reason))


def reset(
    category: Category,
    data_dir: DataDir = None,
    bundles: Bundles = None,
    by: By = None,
    reason: Reason = "reset",
) -> None:
    """Forget what was chosen: the release's default grades, and after an upgrade that of the newer release."""
    from regrade.models.registry import changes as registry

    store = store_named(data_dir, bundles)
    done = registry.reset(store, category, by=by, reason=reason)
    if done is None:
        typer.echo(f"{category} goes by the release's default already; nothing changed.")
    else:
        typer.echo(f"{category} goes by the release's default, {done.after}, {_where(store)} (before: {done.before}).")
        typer.echo(TAKE_OVER)


def shadow(
    category: Annotated[str, typer.Argument(help="A category.")],
    version: Annotated[str | None, typer.Argument(help="An installed version that is not active.")] = None,
    off: Annotated[bool, typer.Option("--off", help="End the trial of the category.")] = False,
    data_dir: DataDir = None,
    bundles: Bundles = None,
    by: By = None,
    reason: Reason = "",
) -> None:
    """Try a version in shadow: it judges items beside the active one, for nobody to see; the page of models compares
    both on what people decide. Without VERSION, say what is on trial."""
    from regrade.models.registry import trials
    from regrade.models.registry.activations import login

    if off and version is not None:
        raise typer.BadParameter("Give a version to try, or --off to end a trial; not both.")
    store = store_named(data_dir, bundles)
    if off:
        ended = trials.end(store, category)
        if ended is None:
            typer.echo(f"{category} has no version on trial; nothing changed.")
            return
        _note_shadow(store, {"category": category, "version": ended.version, "ended": ended.phase})
        typer.echo(f"the trial of {category} {ended.version} is over. {TAKE_OVER}")
    elif version is None:
        typer.echo(_trial_told(category, trials.trial_of(store, category)))
    else:
        begun = trials.begin(store, category, version, by=by or login(), reason=reason)
        if begun is None:
            typer.echo(f"{category} {version} is in shadow already; nothing changed.")
            return
        detail = {"category": category, "version": version, "active": begun.active, "reason": reason}
        _note_shadow(store, detail)
        typer.echo(f"{category} {version} is in the shadow of {begun.active}. {TAKE_OVER}")


def _note_shadow(store: "BundleStore", detail: dict[str, str]) -> None:
    from regrade.serving.review.settled import note_command

    if store.base is not None and store.site is not None:  # else it is nobody's but a folder
        note_command(store.site.parent, "shadow", detail)


def _trial_told(category: str, trial: "Trial | None") -> str:
    if trial is None:
        return f"{category} has no version on trial."
    why = f": {trial.reason}" if trial.reason else ""
    return f"{category} {trial.version} against {trial.active}: {trial.phase} since {trial.since} by {trial.by}{why}"


def diff(
    category: Category,
    a: Annotated[str | None, typer.Argument(help="A version; by default that before the active one.")] = None,
    b: Annotated[str | None, typer.Argument(help="Another; by default the active one.")] = None,
    data_dir: DataDir = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions: scores with their intervals, labels, thresholds, hashes, detector."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from regrade.models.errors import BundleError
    from regrade.models.registry import changes as registry

    store = store_named(data_dir, bundles)
    left = a or registry.previous_version(store, category)
    right = b or store.active(category)
    if left is None:
        raise BundleError(f"No version of {category} was active before {right}. Name two that are to be compared.")
    found = registry.diff(store, category, left, right)
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
    data_dir: DataDir = None,
    bundles: Bundles = None,
    as_json: AsJson = False,
) -> None:
    """Show who made which version active, when and why."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from regrade.models.registry.changes import history as activations

    store = store_named(data_dir, bundles)
    found = activations(store, category)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
        return
    if not found:
        typer.echo(f"No change is logged under {store}.")
        return
    table = Table("when (UTC)", "category", "from", "to", "by", "reason")
    for one in found:
        when = one.at[:19].replace("T", " ")
        table.add_row(when, one.category, one.before or "–", one.after, escape(one.by), escape(one.reason))
    Console().print(table)


TAKE_OVER = (
    "A running service grades with the bundles that it has loaded: restart it, or send SIGHUP to `regrade serve`, "
    "which takes over what is active without a pause."
)


def _tell(store: "BundleStore", done: "Activation") -> None:
    if done.before == done.after:
        typer.echo(f"{done.category} {done.after} stays active {_where(store)} whatever a newer release brings.")
        return
    before = f" (before: {done.before})" if done.before else ""
    typer.echo(f"{done.category} {done.after} is active {_where(store)}{before}.")
    typer.echo(TAKE_OVER)


def _where(store: "BundleStore") -> str:
    """Whom a change concerns: a service by its data directory, or nobody but a folder."""
    return f"in {store.site}" if store.base is None else f"for the service on {store.site and store.site.parent}"
