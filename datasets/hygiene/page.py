"""The findings of `hygiene` as one self-contained page, and every proposed fix as JSONL and CSV."""

import base64
import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from regrade.datasets.hygiene.findings import Hygiene, Issue
from regrade.datasets.hygiene.fixes import Fix, fix_lines, fix_row
from regrade.models.files import write_atomically
from regrade.models.photos.orientation import orientation_of, upright

SHOWN = {"leak": 60, "group": 60, "copy": 60, "label": 48, "outlier": 16}
"""Issues of a kind shown for each category; the surest come first, and the files hold all."""
_THUMBNAIL = 224
_TITLES = {
    "leak": (
        "Leaks",
        "What a model saw in training it meets again in the test: the score is too good. The whole group goes to the "
        "earliest of train, val and test that any of it is in, so that the test stays clean.",
    ),
    "group": (
        "Same in several groups",
        "No harm yet, but the next split would part them, and intervals by group are too narrow.",
    ),
    "copy": ("Copies", "Each weighs as much as a photo of its own, and adds nothing."),
    "label": (
        "Doubtful labels",
        "A model that never saw the photo (nor its group) takes it for something else; least confident in the given "
        "label first. The model errs too: tick only what you see yourself. The votes are in brackets.",
    ),
    "outlier": (
        "Outliers",
        "Unlike everything else in their category: drawings, screenshots, the wrong goods, or rare and precious.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Card:
    number: int
    issue: Issue


@dataclass(slots=True)
class _Section:
    kind: str
    title: str
    help: str
    total: int
    by_category: dict[str, list[_Card]] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)


def write_hygiene(
    found: Hygiene,
    manifest: Path,
    out: Path,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> list[Path]:
    """Write `hygiene.html`, `hygiene.jsonl` and `hygiene.csv` to the folder `out`, and return their paths.

    `progress` wraps the indices of the photos whose thumbnails are made.
    """
    sections = _sections(found.issues)
    cards = [card for section in sections for group in section.by_category.values() for card in group]
    shown = sorted({i for card in cards for row in card.issue.rows for i in row})
    page = _template().render(
        manifest=str(manifest),
        folder=str(manifest.parent),
        digest=hashlib.sha256(manifest.read_bytes()).hexdigest(),
        records=found.records,
        licences=sorted({f"{r.source} ({r.licence})" for r in found.records}),
        tallies=found.tallies,
        rare=found.rare,
        disagreement=found.disagreement,
        sections=sections,
        thumbnails={i: thumbnail(found.records[i].file) for i in progress(shown)},
        fixes={card.number: [fix_row(replace(fix, chosen=True)) for fix in card.issue.fixes] for card in cards},
    )
    texts = {"hygiene.html": page, "hygiene.jsonl": fix_lines(found.fixes), "hygiene.csv": fixes_as_csv(found.fixes)}
    for name, text in texts.items():
        write_atomically(out / name, text.encode())
    return [out / name for name in texts]


def _sections(issues: Sequence[Issue]) -> list[_Section]:
    sections: dict[str, _Section] = {}
    for number, issue in enumerate(issues):
        title, text = _TITLES[issue.kind]
        section = sections.setdefault(issue.kind, _Section(issue.kind, title, text, 0))
        section.total += 1
        cards = section.by_category.setdefault(issue.category, [])
        if len(cards) < SHOWN[issue.kind]:
            cards.append(_Card(number, issue))
        else:
            section.left[issue.category] = section.left.get(issue.category, 0) + 1
    return list(sections.values())


def thumbnail(file: Path) -> str:
    """A small upright JPEG of a photo, as a data URI."""
    data = file.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (_THUMBNAIL * 2, _THUMBNAIL * 2))
        small = upright(image.convert("RGB"), orientation_of(data))
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=72)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def fixes_as_csv(fixes: Iterable[Fix]) -> str:
    """A row a fix: id, issue, what to change, why, whether it needs no second look."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("id", "issue", "suggestion", "reason", "chosen"))
    for fix in fixes:
        suggestion: Any = fix_row(fix)["suggestion"]
        changes = " ".join(f"{name}={value}" for name, value in suggestion.items())
        table.writerow((fix.id, fix.issue, changes, fix.reason, "yes" if fix.chosen else "no"))
    return text.getvalue()


def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("page.html.j2")
