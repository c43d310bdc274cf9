"""What the gate compares: one score of a candidate and of what it is held against, with a verdict."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

EPSILON: Final = 1e-9
NAN: Final = float("nan")

Verdict = Literal[
    "non-inferior",
    "not lower",
    "higher",
    "within chance",
    "too few to judge",
    "nothing to compare",
    "not shown",
    "worse",
]
REFUSED: Final[tuple[Verdict, ...]] = ("not shown", "worse")
"""Lower, and by these photos perhaps by more than the margin; and lower beyond chance."""


@dataclass(frozen=True, slots=True)
class Margins:
    """By how much a candidate may be lower (macro-F1, recall of a condition, damage AUROC: against what is active;
    the last: INT8 against FP32). Shares, not points."""

    macro_f1: float = 0.02
    recall: float = 0.05
    damage_auroc: float = 0.02
    int8_macro_f1: float = 0.005


DEFAULT_MARGINS: Final = Margins()


@dataclass(frozen=True, slots=True)
class Check:
    """One score of the candidate (`ours`) and of what it is compared with (`theirs`), over `photos`.

    `compared` says whose scores the two are, in words: the candidate's, and those of what it must not fall below.
    `low` and `high` are one-sided 95% bounds of the difference; NaN where a figure is not defined, or needs no bounds.
    """

    name: str
    ours: float
    theirs: float
    low: float
    high: float
    margin: float
    photos: int
    verdict: Verdict
    compared: tuple[str, str] = ("the candidate", "the active bundle")

    @property
    def difference(self) -> float:
        return self.ours - self.theirs

    def __str__(self) -> str:
        if np.isnan(self.difference):
            figure = "" if np.isnan(self.ours) else f" {self.ours:.3f}"
            return f"{self.name}{figure} ({self.photos} photos): {self.verdict}"
        bounds = "" if np.isnan(self.low) else f", 95% bounds {self.low:+.3f} and {self.high:+.3f}"
        ours, theirs = self.compared
        return (
            f"{self.name}: {self.ours:.3f} for {ours}, {self.theirs:.3f} for {theirs}, {self._apart()}{bounds} "
            f"(may be lower by {self.margin:.3f}; {self.photos} photos): {self.verdict}"
        )

    def _apart(self) -> str:
        if abs(self.difference) < EPSILON:
            return "no difference"
        return f"{abs(self.difference):.3f} {'higher' if self.difference > 0 else 'lower'}"

    def to_json(self) -> dict[str, float | int | str | None]:
        """All figures; null for NaN."""
        figures = {k: getattr(self, k) for k in ("ours", "theirs", "difference", "low", "high", "margin")}
        rounded = {k: None if np.isnan(v) else round(float(v), 4) for k, v in figures.items()}
        return {"name": self.name, **rounded, "photos": self.photos, "verdict": self.verdict}
