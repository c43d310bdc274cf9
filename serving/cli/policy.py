"""`regrade policy`: check a disposition policy, and look at what it does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import datetime

    from regrade.models.category.economics import Economics
    from regrade.models.pieces.types import Pieces
    from regrade.models.types import ItemResult
    from regrade.serving.base.dispositions import Decision, Money
    from regrade.serving.policy.terms import Policy

app = typer.Typer(help="Check a disposition policy, and look at what it does.", no_args_is_help=True)

PolicyOption = Annotated[Path | None, typer.Option("--policy", help="Policy file; the shipped one if left out.")]
CategoryOption = Annotated[str, typer.Option("--category", "-c", help="Category of the item.")]
ValueOption = Annotated[float | None, typer.Option("--value", "-v", help="Declared value; the default if left out.")]
CurrencyOption = Annotated[str | None, typer.Option("--currency", help="Currency of the value.")]
SellerOption = Annotated[str | None, typer.Option("--seller", "-s", help="Seller, for his own terms.")]


def register(root: typer.Typer) -> None:
    """Add `regrade policy` to the command line."""
    root.add_typer(app, name="policy")


@app.command("check")
def check_command(
    file: Annotated[Path | None, typer.Argument(help="Policy file; the shipped one if left out.")] = None,
    today: Annotated[str | None, typer.Option(help="Date to judge the exchange rates by (YYYY-MM-DD).")] = None,
) -> None:
    """Validate a policy. Exit code 2 for faults; warnings about odd economics do not fail."""
    import datetime

    from regrade.serving.cli.bundles import categories_here
    from regrade.serving.policy.categories import without_bundle
    from regrade.serving.policy.check import check
    from regrade.serving.policy.load import read_policy

    document, categories = read_policy(file), categories_here()
    policy = document.in_force(categories)
    findings = check(policy, _date(today) if today else datetime.date.today())
    for finding in findings:
        typer.echo(str(finding))
    for path in without_bundle(document.file, categories) if categories else ():
        typer.echo(f"note: {path}: no bundle of it is active here (there are: {', '.join(sorted(categories))})")
    warnings = sum(finding.level == "warning" for finding in findings)
    typer.echo(
        f"{policy.label} is valid: {len(policy.base.categories)} categories, {len(policy.sellers)} sellers with "
        f"terms of their own, values in {', '.join(policy.currencies)}; "
        f"{warnings} warning{'' if warnings == 1 else 's'}."
    )


@app.command()
def show(
    category: CategoryOption,
    value: ValueOption = None,
    currency: CurrencyOption = None,
    seller: SellerOption = None,
    policy_file: PolicyOption = None,
) -> None:
    """Print what every action costs and recovers, condition by condition, for one category and value."""
    from rich.console import Console
    from rich.table import Table

    from regrade.models.category.economics import COST_PARTS
    from regrade.models.types import CONDITIONS
    from regrade.serving.base.dispositions import ACTIONS
    from regrade.serving.base.money import format_money
    from regrade.serving.cli.bundles import categories_here
    from regrade.serving.policy.load import load_policy
    from regrade.serving.policy.rules import Case, closed_actions, if_known
    from regrade.serving.policy.value import best_action

    policy = load_policy(policy_file, categories_here())
    terms, economics = policy.terms(seller), _economics(policy, category, seller)
    declared = _declared(policy, value, currency)
    worth = economics.default_value if declared is None else policy.convert(declared).amount

    title = f"{category}, worth {format_money(worth, policy.currency, 'en')}, {policy.label}"
    net = Table("action", *CONDITIONS, title=f"Net recovery: {title}", caption="* suggested   x ruled out")
    costs = Table("action", *COST_PARTS, "sum", title="Costs")
    for action in ACTIONS:
        cells = []
        for condition in CONDITIONS:
            closed = closed_actions(terms, if_known(Case(category, worth, {}, seller), condition))
            best, _ = best_action(economics, {condition: 1.0}, [a for a in ACTIONS if a not in closed], worth)
            mark = "*" if action == best else "x" if action in closed else " "
            cells.append(f"{economics.recovery(condition, action, worth):,.2f}{mark}")
        net.add_row(action, *cells)
        of = economics.costs.of(action)
        costs.add_row(action, *(f"{of.part(p).at(worth):,.2f}" for p in COST_PARTS), f"{of.at(worth):,.2f}")
    for table in (net, costs):
        for column in table.columns[1:]:
            column.justify = "right"
        Console().print(table)


@app.command()
def explain(
    category: CategoryOption,
    probability: Annotated[
        list[str] | None,
        typer.Option("--probability", "-p", help="CONDITION=SHARE; once for each condition, together 1."),
    ] = None,
    condition: Annotated[str | None, typer.Option(help="The condition that a reviewer has fixed.")] = None,
    value: ValueOption = None,
    currency: CurrencyOption = None,
    seller: SellerOption = None,
    sku: Annotated[str | None, typer.Option(help="SKU of the item.")] = None,
    threshold: Annotated[float, typer.Option(help="Confidence from which the bundle needs no human.")] = 0.9,
    missing: Annotated[
        list[str] | None, typer.Option(help="A piece that is missing, such as charger or 'cable x2'; once for each.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the reasons: en or zh-CN.")] = "en",
    policy_file: PolicyOption = None,
) -> None:
    """Decide on an item that has the given probabilities, and say why."""
    from regrade.models.errors import PolicyError
    from regrade.serving.base.i18n import LANGUAGES
    from regrade.serving.cli.bundles import categories_here, tables_here
    from regrade.serving.policy.decide import decide
    from regrade.serving.policy.load import load_policy

    if (condition is None) == (not probability):
        raise PolicyError("Give either the probabilities (-p damaged=0.9 -p used=0.1) or --condition.")
    if lang not in LANGUAGES:
        raise PolicyError(f"There are no texts in {lang!r}. Legal values: {', '.join(LANGUAGES)}.")
    policy = load_policy(policy_file, categories_here(), tables_here())
    _economics(policy, category, seller)
    item = _item(category, {condition: 1.0} if condition else _shares(probability or []), threshold)
    declared = _declared(policy, value, currency)
    pieces = _without(missing or [])
    decision = decide(
        policy, item, declared_value=declared, seller=seller, sku=sku, human_condition=condition, pieces=pieces
    )
    _print(decision, lang)


def _without(missing: list[str]) -> "Pieces | None":
    """An item of which these pieces are missing; None where none are."""
    from datetime import UTC, datetime

    from regrade.models.pieces.types import Count, ExpectedPiece, Pieces
    from regrade.serving.catalogue.tables_csv import piece_of

    told = [piece_of(text) for text in missing]
    if not told:
        return None
    expected = tuple(ExpectedPiece(one["name"], one.get("quantity", 1)) for one in told)
    return Pieces("unknown", expected).counted(Count((), "", "", "", datetime.now(UTC)))


def _print(decision: "Decision", lang: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from regrade.serving.base.dispositions import Option
    from regrade.serving.base.i18n import render, text
    from regrade.serving.base.money import format_money

    disposition = decision.disposition
    table = Table("action", "expected recovery", title=f"{disposition.policy}")
    table.columns[1].justify = "right"
    best = Option(disposition.action, disposition.expected_recovery)
    for option in (best, *disposition.alternatives):
        amount = format_money(option.expected_recovery.amount, option.expected_recovery.currency, lang)
        table.add_row(text(f"action.{option.action}", lang), amount)
    Console().print(table)
    for reason in disposition.reasons:
        typer.echo(f"- {render(reason, lang)}")
    typer.echo(text("policy.review" if decision.review else "policy.no_review", lang))
    for reason in decision.review:
        typer.echo(f"- {render(reason, lang)}")


def _economics(policy: "Policy", category: str, seller: str | None) -> "Economics":
    """The economics of a category that the policy names: on the command line, another is a misspelling."""
    from regrade.models.errors import PolicyError

    categories = policy.terms(seller).categories
    if category not in categories:
        raise PolicyError(
            f"The policy {policy.label} has no category {category!r}. Legal values: {', '.join(categories)}."
        )
    return categories[category]


def _item(category: str, probabilities: dict[str, float], threshold: float) -> "ItemResult":
    from regrade.models.types import CategoryCall, Grade, ItemResult

    top = max(probabilities, key=lambda c: probabilities[c])
    grade = Grade(top, probabilities, (top,), probabilities[top], threshold)
    return ItemResult(CategoryCall(category, "declared", 1.0, category), grade, (), (), {}, {})


def _shares(written: list[str]) -> dict[str, float]:
    from regrade.models.errors import PolicyError
    from regrade.models.types import CONDITIONS

    shares: dict[str, float] = {}
    for pair in written:
        name, _, share = pair.partition("=")
        try:
            shares[name] = float(share)
        except ValueError as error:
            raise PolicyError(f"Write a probability as CONDITION=SHARE, such as damaged=0.9, not {pair!r}.") from error
        if name not in CONDITIONS or not 0 <= shares[name] <= 1:
            raise PolicyError(f"{pair!r}: a share of 0 to 1 for one of {', '.join(CONDITIONS)} is needed.")
    if abs(sum(shares.values()) - 1) > 0.005:
        raise PolicyError(f"The probabilities come to {sum(shares.values()):g}; they must come to 1.")
    return shares


def _declared(policy: "Policy", value: float | None, currency: str | None) -> "Money | None":
    from regrade.serving.base.dispositions import Money

    return None if value is None else Money(value, currency or policy.currency)


def _date(written: str) -> "datetime.date":
    import datetime

    from regrade.models.errors import PolicyError

    try:
        return datetime.date.fromisoformat(written)
    except ValueError as error:
        raise PolicyError(f"{written!r} is not a date; write it as YYYY-MM-DD.") from error
