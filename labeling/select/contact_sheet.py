"""A selection for people: a self-contained page of thumbnails with the reason beside each, and a table in CSV."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import jinja2

from regrade.datasets.hygiene.page import thumbnail
from regrade.datasets.validation import one_of_these
from regrade.labeling.select.selection import BAD_PHOTO, COPY, LABELLED, METHOD, SelectedPhoto, Selection
from regrade.labeling.select.words import named, words
from regrade.models.category.schema import Category
from regrade.models.files import write_atomically
from regrade.models.types import CONDITIONS

ENDINGS: Final = (".csv", ".html")
COLUMNS: Final = (
    "rank",
    "id",
    "file",
    "sha256",
    "category",
    "condition",
    "margin",
    "entropy",
    "likeness",
    "like",
    "why",
)


def write_selection(
    selection: Selection,
    out: Path,
    title: str,
    progress: Callable[[Sequence[SelectedPhoto]], Iterable[SelectedPhoto]] = iter,
    lang: str = "en",
    categories: Mapping[str, Category] | None = None,
) -> None:
    """Write `out`, by its ending a CSV table or an HTML contact sheet, in one step. The sheet is in `lang`, and
    titles of categories are those of their definitions.

    A table is always the same, for whatever reads it. Letters are drawn by the reader's browser, with its own fonts.

    Raises `DatasetError` for another ending.
    """
    one_of_these(f"--out {out}: ending", out.suffix.lower(), ENDINGS)
    titles = {name: one.title.to(lang) for name, one in (categories or {}).items()}
    text = as_csv(selection) if out.suffix.lower() == ".csv" else _page(selection, title, progress, lang, titles)
    write_atomically(out, text.encode())


def as_csv(selection: Selection) -> str:
    """A row a photo, in the order of picking."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow((*COLUMNS, *(f"p_{name}" for name in CONDITIONS)))
    for c in selection.choices:
        likeness = "" if c.likeness is None else f"{c.likeness:.4f}"
        photo = (c.rank, c.candidate.id, c.candidate.file, c.candidate.sha256, c.opinion.category, c.opinion.condition)
        figures = (f"{c.margin:.4f}", f"{c.entropy:.4f}", likeness, c.like or "", c.reason)
        table.writerow((*photo, *figures, *(f"{p:.4f}" for p in c.opinion.probabilities)))
    return text.getvalue()


def _page(
    selection: Selection,
    title: str,
    progress: Callable[[Sequence[SelectedPhoto]], Iterable[SelectedPhoto]],
    lang: str,
    titles: Mapping[str, str],
) -> str:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("contact_sheet.html.j2").render(
        lang=lang,
        t=lambda key, **given: words(key, lang, **given),
        named=lambda name: titles.get(name) or named(name, lang),
        reasons={BAD_PHOTO: "bad-photo", LABELLED: "labelled", COPY: "copy"},
        title=title,
        method=METHOD,
        conditions=CONDITIONS,
        selection=selection,
        thumbnails={choice.rank: thumbnail(choice.candidate.file) for choice in progress(selection.choices)},
    )
