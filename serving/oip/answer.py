"""What was judged, as tensors."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from regrade.models.grader import Grader
from regrade.models.types import CONDITIONS, ItemResult
from regrade.serving.oip.judging import Judged
from regrade.serving.oip.model import InferenceModel, outputs_of
from regrade.serving.oip.tensors import BYTES, NUMBERS, Tensor

RETAKE: Final = "retake"
"""In place of a condition, where a photo failed the quality gate."""


def tensors_of(judged: Judged, grader: Grader, model: InferenceModel) -> dict[str, Tensor]:
    """All outputs of a model by name, in the order in which its metadata has them."""
    defects = [defect for result in judged.results for defect in result.defects]
    values: dict[str, Any] = {
        "probabilities": [_probabilities(result) for result in judged.results],
        "condition": [RETAKE if one.grade is None else one.grade.condition for one in judged.results],
        "category": ["" if one.category is None else one.category.name for one in judged.results],
        "category_probability": [
            0.0 if one.category is None else _share(one.category.confidence) for one in judged.results
        ],
        "boxes": np.array([[round(side, 1) for side in one.box] for one in defects], np.float32).reshape(-1, 4),
        "box_photo": [one.photo for one in defects],
        "box_type": [one.type for one in defects],
        "box_score": [_share(one.score) for one in defects],
        "box_severity": [one.severity for one in defects],
        "issues": [",".join(one.quality.issues) for one in judged.evidence],
        "features": grader.features(judged.evidence, model.category),
    }
    described = outputs_of(model.features)
    return {name: _tensor(name, described[name][0], values[name]) for name in described}


def _probabilities(result: ItemResult) -> list[float]:
    known: Mapping[str, float] = {} if result.grade is None else result.grade.probabilities
    return [_share(known.get(condition, 0.0)) for condition in CONDITIONS]


def _share(value: float) -> float:
    """As the rest of the API gives probabilities: six digits, which FP32 holds."""
    return round(min(1.0, max(0.0, value)), 6)


def _tensor(name: str, datatype: str, values: Sequence[Any]) -> Tensor:
    if datatype == BYTES:
        return Tensor(name, datatype, (len(values),), tuple(value.encode() for value in values))
    array = np.asarray(values, NUMBERS[datatype])
    return Tensor(name, datatype, array.shape, array)
