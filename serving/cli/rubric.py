"""`regrade rubric`: check the text that reviewers judge by, and read it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regrade.models.category.scale import GradeRule
    from regrade.serving.rubric.types import Rubric

app = typer.Typer(help="Check the text that reviewers judge by, and read it.", no_args_is_help=True)

DirOption = Annotated[Path | None, typer.Option("--rubric-dir", help="Folder of rubrics, as REGRADE_RUBRIC_DIR.")]


def register(root: typer.Typer) -> None:
    """Add `regrade rubric` to the command line."""
    root.add_typer(app, name="rubric")


@app.command("check")
def check_command(
    file: Annotated[Path, typer.Argument(help="Rubric file.")],
    against: Annotated[
        Path | None, typer.Option(help="The version before; the one in force, where there is one, if left out.")
    ] = None,
    rubric_dir: DirOption = None,
) -> None:
    """Validate a rubric. Exit code 2 for faults, and where its text has changed but its version has not gone up."""
    from regrade.serving.base.settings import load_settings
    from regrade.serving.cli.bundles import categories_here
    from regrade.serving.rubric.changes import refuse_same_version
    from regrade.serving.rubric.load import load_rubric, load_rubrics

    rubric_dir = load_settings(rubric_dir=rubric_dir).rubric_dir
    categories = categories_here()
    rubric = load_rubric(file, rubric_dir, categories)
    if against is not None:
        old = load_rubric(against, rubric_dir, categories)
    else:
        old = load_rubrics(rubric_dir, (), categories).by_place.get((rubric.category, rubric.seller), rubric)
    found = refuse_same_version(old, rubric)
    names = ", ".join(rubric.grade_names) or "none"
    examples = sum(len(entry.examples) for entry in rubric.conditions.values())
    typer.echo(
        f"{rubric.label} is valid: {len(rubric.conditions)} conditions with {examples} example photos, "
        f"{len(rubric.clarifications)} clarifications, {len(rubric.defects)} defect codes; grades: {names}."
    )
    if rubric.category not in categories:
        there = ", ".join(sorted(categories)) or "none"
        typer.echo(
            f"note: no bundle of {rubric.category!r} is active here (there are: {there}), so its conditions and "
            "defects were compared with nothing"
        )
    for change in found:
        typer.echo(f"against {old.label}: {change}")
    if old is not rubric and not found:
        typer.echo(f"against {old.label}: nothing has changed")


@app.command()
def show(
    category: Annotated[str, typer.Argument(help="Category, as its bundle calls it.")],
    seller: Annotated[str | None, typer.Option("--seller", "-s", help="Seller, for his own rubric.")] = None,
    lang: Annotated[str, typer.Option(help="Language: en or zh-CN.")] = "en",
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print what the category says of itself, as a rubric file to change.")
    ] = False,
    rubric_dir: DirOption = None,
) -> None:
    """Print the rubric that is in force for a category and seller."""
    from regrade.serving.base.errors import RubricError
    from regrade.serving.base.i18n import LANGUAGES
    from regrade.serving.base.settings import load_settings
    from regrade.serving.cli.bundles import categories_here
    from regrade.serving.rubric.definitions import rubric_yaml
    from regrade.serving.rubric.in_force import names
    from regrade.serving.rubric.load import load_rubrics

    if lang not in LANGUAGES:
        raise RubricError(f"There are no texts in {lang!r}. Legal values: {', '.join(LANGUAGES)}.")
    categories = categories_here()
    if as_yaml:
        if category not in categories:
            there = ", ".join(sorted(categories)) or "none"
            raise RubricError(f"No bundle of {category!r} is active here. Legal values: {there}.")
        typer.echo(rubric_yaml(categories[category]), nl=False)
        return
    rubrics = load_rubrics(load_settings(rubric_dir=rubric_dir).rubric_dir, (), categories)
    rubric = rubrics.of(category, seller)
    if rubric is None:
        raise RubricError(f"There is no rubric for {category!r}. Legal values: {', '.join(rubrics.categories)}.")
    _print(rubric, names(categories, lang), lang)


def _print(rubric: "Rubric", own_names: "Mapping[str, str]", code: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from regrade.serving.base.i18n import Language, name_of, text

    lang = Language(code, own_names)
    table = Table(text("rubric.condition", lang), text("rubric.meaning", lang), title=rubric.label, show_lines=True)
    for name, entry in rubric.conditions.items():
        table.add_row(text(f"condition.{name}", lang), Text("\n".join([entry.text.to(lang), *entry.examples])))
    defects = Table(text("rubric.defect", lang), text("rubric.meaning", lang))
    for code, meant in rubric.defects.items():
        defects.add_row(f"{code} ({name_of('defect', f'{rubric.category}/{code}', lang)})", Text(meant.to(lang)))
    for column in (*table.columns, *defects.columns):
        column.overflow = "fold"  # Chinese has no blanks at which to break a line
    Console().print(table)
    for words in rubric.clarifications:
        typer.echo(f"- {words.to(lang)}")
    Console().print(defects)
    if rubric.grades:
        grades = Table(text("rubric.grade", lang), text("rubric.when", lang))
        for rule in rubric.grades:
            grades.add_row(Text(rule.grade.to(lang)), rule_words(rule, lang))
        Console().print(grades)


def rule_words(rule: "GradeRule", lang: str) -> str:
    """When a grade is given, in words."""
    from regrade.serving.base.i18n import name_of, text

    parts = []
    if rule.condition_in is not None:
        parts.append(" / ".join(text(f"condition.{name}", lang) for name in rule.condition_in))
    if rule.severity_in is not None:
        named = " / ".join(text(f"rubric.severity.{name}", lang) for name in rule.severity_in)
        parts.append(text("rubric.worst_defect", lang, severity=named))
    if rule.defect_in is not None:
        named = " / ".join(name_of("defect", code, lang) for code in rule.defect_in)
        parts.append(text("rubric.with_defect", lang, defects=named))
    return "; ".join(parts) or text("rubric.always", lang)
