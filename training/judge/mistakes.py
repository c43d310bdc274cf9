"""The worst mistakes of an evaluation as pictures: what was labelled, what was graded, and how sure the grader was."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from regrade.datasets.manifest import Record
from regrade.models.photos.draw import draw_grade, line_width
from regrade.models.photos.intake import open_photo
from regrade.models.types import Defect
from regrade.training.judge.box_hits import is_hit
from regrade.training.judge.predictions import Predictions

LONG_SIDE = 420
_DRAWN = (0, 200, 255)
"""Colour of the boxes that a labeller drew; the grader's are coloured by severity."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One photo that was graded wrong or whose surest box missed. `picture` is a JPEG with the grader's boxes and,
    in light blue, those that a labeller drew; `votes` are the labellers' single votes."""

    id: str
    source: str
    labelled: str
    graded: str
    confidence: float
    votes: tuple[str, ...]
    defects: tuple[str, ...]
    automatic: bool
    picture: bytes


def worst_grades(predictions: Predictions, most: int = 12) -> list[Mistake]:
    """The photos graded furthest from their label, one of each group.

    Worst first by the expected distance from the label in steps of the ordering: a damaged item that is surely
    unopened is worse than a used one that may be opened.
    """
    found = predictions.labelled
    steps = np.abs(np.arange(len(found.labels)) - found.truth[:, None])
    distance = (found.probabilities * steps).sum(axis=1)
    wrong = np.flatnonzero(found.probabilities.argmax(axis=1) != found.truth)
    return _pictures(found, wrong[np.argsort(-distance[wrong], kind="stable")], most)


def missed_boxes(predictions: Predictions, most: int = 8) -> list[Mistake]:
    """Photos with drawn defects whose surest reported box misses all of them, surest first; one of each group."""
    missed = [
        i
        for i, record in enumerate(predictions.records)
        if record.defects and not is_hit(predictions.defects[i], record)
    ]
    order = sorted(missed, key=lambda i: -max((d.score for d in predictions.defects[i]), default=0.0))
    return _pictures(predictions, np.array(order, dtype=np.intp), most)


def _pictures(predictions: Predictions, rows: NDArray[np.intp], most: int) -> list[Mistake]:
    _, first = np.unique(predictions.groups[rows], return_index=True)
    return [_mistake(predictions, int(i)) for i in rows[np.sort(first)][:most]]


def _mistake(predictions: Predictions, row: int) -> Mistake:
    record, p = predictions.records[row], predictions.probabilities[row]
    threshold = predictions.auto_threshold
    return Mistake(
        id=record.id,
        source=record.source,
        labelled=record.condition or "no majority",
        graded=predictions.labels[int(p.argmax())],
        confidence=float(p.max()),
        votes=record.votes,
        defects=record.defect_codes,
        automatic=threshold is not None and float(p.max()) >= threshold,
        picture=picture(record, predictions.defects[row]),
    )


def picture(record: Record, defects: Iterable[Defect]) -> bytes:
    """The photo at a long side of `LONG_SIDE` as JPEG bytes, with reported and drawn boxes."""
    image = Image.fromarray(open_photo(record.file.read_bytes()).rgb)
    scale = LONG_SIDE / max(image.size)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    x, y = image.width / record.width, image.height / record.height
    pen = ImageDraw.Draw(image)
    for drawn in record.defects:
        pen.rectangle(
            (drawn.box[0] * x, drawn.box[1] * y, drawn.box[2] * x - 1, drawn.box[3] * y - 1),
            outline=_DRAWN,
            width=line_width(image.size),
        )
    scaled = [
        Defect(d.photo, d.type, d.score, (d.box[0] * x, d.box[1] * y, d.box[2] * x, d.box[3] * y), d.severity)
        for d in defects
    ]
    buffer = io.BytesIO()
    draw_grade(image, scaled).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
