"""An inspection in words for a terminal, and the title lines of a drawn one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from regrade.models.types import CONDITIONS
from regrade.serving.base.i18n import LANGUAGES, name_of, text
from regrade.serving.base.money import format_money, format_percent
from regrade.serving.inspections.examined import basis_words, examined_words

if TYPE_CHECKING:
    from rich.console import Console

    from regrade.serving.http.schemas import InspectionOut, OptionOut

_LANG = LANGUAGES[0]
_BAR = 24


def title_lines(inspection: "InspectionOut", lang: str = _LANG) -> list[str]:
    """Condition and confidence on one line, action and expected recovery on the next."""
    if inspection.grade is None or inspection.category is None or inspection.disposition is None:
        issues = sorted({issue for photo in inspection.photos for issue in photo.quality.issues})
        return [f"{text('status.retake', _LANG)}: {', '.join(issues)}"]
    grade, disposition = inspection.grade, inspection.disposition
    category = name_of("category", inspection.category.name, lang)
    condition = text(f"condition.{grade.condition}", _LANG)
    action = f"{text(f'action.{disposition.action}', _LANG)}, {recovery(disposition)}"
    review = f" ({text('status.needs_review', _LANG)})" if inspection.review.required else ""
    if grade.name is not None:
        condition += f" ({grade.name})"
    return [f"{category}: {condition} {format_percent(grade.confidence)}", f"{action}{review}"]


def recovery(option: "OptionOut") -> str:
    """The expected recovery of an action, as a person writes it."""
    money = option.expected_recovery
    return format_money(money.amount, money.currency, _LANG)


def print_inspection(console: "Console", inspection: "InspectionOut", names: Sequence[str], lang: str = _LANG) -> None:
    """Print the grade, the defects, the suggestion with its reasons, and what to do about unfit photos.

    `names` are those of the photos, in order.
    """
    from rich.table import Table

    for line in title_lines(inspection, lang):
        console.print(line, style="bold", highlight=False)
    for again in inspection.retake or ():
        console.print(f"  {names[again.photo]}: {again.advice}", highlight=False, markup=False)
    if inspection.grade is None or inspection.disposition is None:
        return
    for condition in CONDITIONS:
        share = inspection.grade.probabilities[condition]
        bar = "█" * round(share * _BAR)
        console.print(
            f"  {text(f'condition.{condition}', _LANG):<10} {bar:<{_BAR}} {format_percent(share):>6}", highlight=False
        )
    if inspection.defects:
        table = Table("photo", "defect", "severity", "score", "box (x1, y1, x2, y2)")
        for defect in inspection.defects:
            box = "" if defect.box is None else ", ".join(f"{side:.0f}" for side in defect.box)
            kind, severity = name_of("defect", defect.type, lang), text(f"severity.{defect.severity}", _LANG)
            table.add_row(names[defect.photo], kind, severity, format_percent(defect.score), box)
        console.print(table)
    examined_on = [one.types for one in inspection.defects_examined or ()]
    types = [one for one in examined_on[0] if all(one in other for other in examined_on)] if examined_on else None
    examined = examined_words(types, found=[one.type for one in inspection.defects], lang=_LANG)
    for words in filter(None, (examined, basis_words(inspection.grade.based_on, _LANG))):
        console.print(f"  {words}", highlight=False, markup=False)
    for reason in inspection.disposition.reasons:
        console.print(f"  {reason}", highlight=False, markup=False)
    for option in inspection.disposition.alternatives:
        console.print(
            f"  or {text(f'action.{option.action}', _LANG)}: {recovery(option)}", highlight=False, style="dim"
        )
    for reason in inspection.review.reasons:
        console.print(f"  Review: {reason}", highlight=False, markup=False, style="yellow")
