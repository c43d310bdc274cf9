"""An evaluation as one HTML file that needs nothing else: style, charts and photos are inside it."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from regrade.models.estimates import Estimate
from regrade.models.files import write_atomically
from regrade.training.judge.charts import confusion_chart, overview_chart, reliability_chart, risk_chart
from regrade.training.judge.evaluation import GRADES, CategoryEvaluation, Evaluation
from regrade.training.judge.mistakes import Mistake, missed_boxes, worst_grades
from regrade.training.run.files import json_bytes

WITH_PHOTOS = "report-with-photos.html"
TEMPLATE = "report.html.j2"
LEAST_GROUPS = 5
"""With fewer independent groups of damaged photos than this, an interval of a damage figure is too narrow."""


def write_evaluation(evaluation: Evaluation, folder: Path, *, pictures: bool = True) -> list[Path]:
    """Write `evaluation.json`, `report.html` and, with `pictures`, `report-with-photos.html` to `folder`.

    Only the last holds photos of the dataset, and must not be published; a `.gitignore` keeps it from commits.
    """
    write_atomically(folder / ".gitignore", f"{WITH_PHOTOS}\n{GRADES}\n".encode())
    written = [
        write_atomically(folder / "evaluation.json", json_bytes(evaluation.to_json())),
        write_atomically(folder / "report.html", render(evaluation, pictures=False).encode()),
    ]
    if pictures:
        page = render(evaluation, pictures=True)
        written.append(write_atomically(folder / WITH_PHOTOS, page.encode()))
    return written


def render(evaluation: Evaluation, *, pictures: bool) -> str:
    """The report as HTML text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"score": score, "percent": percent, "points": points, "image": data_uri}
    sections = [
        {
            "found": found,
            "rows": _rows(found),
            "charts": _charts(found),
            "few_damaged": 0 < found.whole.groups[found.labels[-1]] < LEAST_GROUPS,
            **(_mistakes(evaluation, name) if pictures else {"grades": [], "boxes": []}),
        }
        for name, found in evaluation.categories.items()
    ]
    return environment.get_template(TEMPLATE).render(
        provenance=evaluation.provenance,
        sections=sections,
        overview=overview_chart(evaluation.categories),
        pictures=pictures,
    )


def score(estimate: Estimate, digits: int = 2) -> Markup:
    """`0.80` with its interval in small print; a dash where it is not defined."""
    if np.isnan(estimate.value):
        return Markup('<span class="none">–</span>')
    low, high = f"{estimate.low:.{digits}f}", f"{estimate.high:.{digits}f}"
    return Markup('{} <span class="interval">{}–{}</span>').format(f"{estimate.value:.{digits}f}", low, high)


def percent(estimate: Estimate) -> Markup:
    """`80%` with its interval in small print; a dash where it is not defined."""
    if np.isnan(estimate.value):
        return Markup('<span class="none">–</span>')
    return Markup('{} <span class="interval">{}–{}</span>').format(
        f"{estimate.value:.0%}", f"{100 * estimate.low:.0f}", f"{estimate.high:.0%}"
    )


def points(estimate: Estimate) -> Markup:
    """A change in points of a hundred, signed, with its interval; bold where the interval leaves zero out."""
    if np.isnan(estimate.value):
        return Markup('<span class="none">–</span>')
    sure = estimate.low > 0 or estimate.high < 0
    low, value, high = (f"{100 * v:+.1f}".replace("-", "−") for v in (estimate.low, estimate.value, estimate.high))
    text = Markup('{} <span class="interval">{} to {}</span>').format(value, low, high)
    return Markup("<b>{}</b>").format(text) if sure else text


def data_uri(data: bytes, media_type: str) -> str:
    """`data` as a URI that an `img` element takes as its source."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _rows(found: CategoryEvaluation) -> list[dict[str, Any]]:
    """One row of figures for all photos and one for each source; sources alone where there is only one."""
    rows = [
        {"name": name, "familiarity": part.familiarity, "figures": part.figures, "boxes": part.boxes}
        for name, part in found.sources.items()
    ]
    if len(rows) == 1:
        return rows
    return [{"name": "all photos", "familiarity": "", "figures": found.whole, "boxes": found.boxes}, *rows]


def _charts(found: CategoryEvaluation) -> Mapping[str, bytes]:
    return {
        "Confusion matrix": confusion_chart(found.whole, found.labels),
        "Reliability diagram": reliability_chart(found.whole),
        "Risk–coverage curve": risk_chart(found.whole),
    }


def _mistakes(evaluation: Evaluation, name: str) -> dict[str, Sequence[Mistake]]:
    predictions = evaluation.predictions[name]
    return {"grades": worst_grades(predictions), "boxes": missed_boxes(predictions)}
