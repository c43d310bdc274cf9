"""The shipped bundles, and what they say of a few rendered photos."""

from pathlib import Path

import numpy as np
import pytest

from regrade.datasets.manifest import Record, read_manifest
from regrade.models.grader import Grader
from regrade.models.types import Defect
from regrade.training.judge.evaluation import Evaluation, EvaluationConfig, evaluate_bundles
from regrade.training.judge.predictions import Predictions, open_grader, predict


@pytest.fixture(scope="session")
def any_grader() -> Grader:
    """The shipped bundles behind a gate that lets every photo pass."""
    return open_grader()


@pytest.fixture(scope="session")
def cartons(tiny_dataset: Path) -> list[Record]:
    """The test split of the rendered packaging: 20 photos, five of each condition."""
    return [r for r in read_manifest(tiny_dataset) if r.category == "packaging" and r.split == "test"]


@pytest.fixture(scope="session")
def graded(any_grader: Grader, cartons: list[Record]) -> Predictions:
    return predict(any_grader, cartons, "packaging")


@pytest.fixture(scope="session")
def evaluated(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    out = tmp_path_factory.mktemp("evaluated")
    return evaluate_bundles(EvaluationConfig(out=out, data=tiny_dataset, resamples=100, shortcuts=False))


@pytest.fixture
def made_up() -> Predictions:
    """Eight photos of two sources, told by a grader that is right on six; boxes on three of them."""
    labels = ("unopened", "opened", "used", "damaged")
    truth = np.array([0, 1, 2, 3, 3, 0, 2, -1], dtype=np.intp)
    graded = [0, 1, 2, 3, 0, 0, 3, 1]
    surely = [0.9, 0.8, 0.7, 0.95, 0.97, 0.85, 0.6, 0.9]
    p = np.array([[s if k == g else (1 - s) / 3 for k in range(4)] for g, s in zip(graded, surely, strict=True)])
    return Predictions(
        category="packaging",
        labels=labels,
        ids=tuple("abcdefgh"),
        truth=truth,
        probabilities=p,
        groups=np.array(list("aabcdefg")),
        sources=np.array(["near"] * 5 + ["far"] * 3),
        votes=np.eye(5)[truth][:, :4],
        sets=p >= 0.1,
        auto_threshold=0.88,
        defects=tuple(
            (Defect(0, "tear", 0.8, (10.0, 10.0, 30.0, 30.0), "major"),) if i in (3, 4) else () for i in range(8)
        ),
        issues=((),) * 7 + (("blurry",),),
    )
