"""`regrade promise`: what is promised of the items that go without a person, and what that rests on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from regrade.serving.policy.promise.told import Told

app = typer.Typer(help="What is promised of the items that go without a person.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the name of the one command."""


def register(root: typer.Typer) -> None:
    """Add `regrade promise` to the command line."""
    root.add_typer(app, name="promise")


@app.command()
def show(
    category: Annotated[str | None, typer.Option("--category", "-c", help="This category alone.")] = None,
    value: Annotated[
        float | None, typer.Option("--value", "-v", help="What items are worth; the default if left out.")
    ] = None,
    seller: Annotated[str | None, typer.Option("--seller", "-s", help="Seller, for his own terms.")] = None,
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="Policy file; the shipped one if left out.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Data directory of a service, for the bundles that are active there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Print, for every category, what the policy promises, what it rests on, the share of items that it frees, and what
    more looks would free. Nothing is written."""
    import json

    from rich.console import Console

    from regrade.models.errors import PolicyError
    from regrade.serving.cli.bundles import store_named
    from regrade.serving.policy.load import load_policy
    from regrade.serving.policy.promise.told import told

    store = store_named(data_dir, None)
    policy = load_policy(policy_file, store.definitions(), store.held_out())
    names = sorted(store.definitions())
    if category is not None and category not in names:
        raise PolicyError(f"No bundle of {category!r} is active. Legal values: {', '.join(names)}.")
    found = [told(policy, name, seller, value) for name in names if category in (None, name)]
    if as_json:
        typer.echo(json.dumps([one.to_json() for one in found], indent=1))
        return
    for one in found:
        _print(one, Console())


def _print(told: "Told", console: "Console") -> None:
    from rich.table import Table

    from regrade.serving.base.money import format_money

    def money(amount: float | None) -> str:
        return "–" if amount is None else format_money(amount, told.currency, "en")

    def share(value: float | None) -> str:
        return "–" if value is None else f"{value:.1%}"

    console.print(f"[bold]{told.category}[/bold], worth {money(told.value)}: {told.words}", highlight=False)
    if told.promised is None:
        console.print()
        return
    table = Table("promised, with confidence " + share(1 - told.delta), "at most", "found", "proven at most")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("mean loss an item", money(told.loss_limit), money(told.loss), money(told.loss_bound))
    if told.harm_limit is not None:
        table.add_row("sold as better than it is", share(told.harm_limit), share(told.harm), share(told.harm_bound))
    console.print(table)
    if told.harm_limit is not None and (told.share_by_loss_alone or 0.0) > told.share:
        console.print(
            f"Were nothing promised of what is sold as better than it is (better_than_it_is: null), "
            f"{share(told.share_by_loss_alone)} would go.",
            highlight=False,
        )
    more = ", ".join(f"{share(found)} with {looks:,} more" for looks, found in (told.more or {}).items())
    console.print(
        f"Rests on {told.looks} looks at {told.groups} items or photos ({told.origin}), "
        f"of which {told.passed} would go without a person. Were they all like these, would go: {more}.\n",
        highlight=False,
    )
