"""How far seeing the model's word moves the people at the benches.

Whether an inspector decides before or after the model's word is shown is drawn by lot, item by item. So the difference
between how often the two agree with it is what seeing the word does, and nothing else: a randomised comparison. It says
nothing of who is right. At the desk no lot parts the two (blind looks there are at items that the model was sure of),
and reviewers are left out.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from regrade.serving.review.quality.statistics import Interval, wilson
from regrade.serving.review.types import DecisionRow

By = Literal["all", "people", "station"]
INFLUENCE_PARTS: Final[tuple[By, ...]] = ("all", "people", "station")
"""By what it is broken down: nothing, who decided, and where."""


@dataclass(frozen=True, slots=True)
class Influence:
    """Of one part, decisions before the model's word was shown (`first`) and after (`after`), and how many of each
    agreed with it. `moved` in [−1, 1] is by how much the share that agrees is larger after, with its interval; both
    are None without any of either. `verdict`: `moved` and `opposed` where the interval lies above or below 0."""

    part: str | None
    first: int
    first_agreed: int
    after: int
    after_agreed: int
    moved: float | None
    interval: Interval | None
    verdict: Literal["moved", "opposed", "unproven", "unknown"]


def influence(looks: Iterable[DecisionRow], by: By) -> list[Influence]:
    """One row a value of `by`, those with the most decisions first; none where nobody decided at a bench."""
    found: defaultdict[str | None, list[DecisionRow]] = defaultdict(list)
    for look in looks:
        if look.role == "station" and look.kind == "unsure" and look.model_condition is not None:
            found[{"all": None, "people": look.reviewer, "station": look.station}[by]].append(look)
    return sorted(
        (_of(part, of) for part, of in found.items()), key=lambda one: (-one.first - one.after, one.part or "")
    )


def share_difference(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, Interval]:
    """By how much the share `one` (hits, total > 0) exceeds the `other`, with the 95% interval that Newcombe (1998)
    makes of their Wilson intervals (his method 10): it holds for small samples and for shares of 0 and 1."""
    (p, first), (q, second) = ((hits / total, wilson(hits, total)) for hits, total in (one, other))
    low = p - q - math.hypot(p - first.low, second.high - q)
    high = p - q + math.hypot(first.high - p, q - second.low)
    return p - q, Interval(max(-1.0, low), min(1.0, high))


def _of(part: str | None, looks: Sequence[DecisionRow]) -> Influence:
    first = [look.condition == look.model_condition for look in looks if look.blind]
    after = [look.condition == look.model_condition for look in looks if not look.blind]
    moved, interval = None, None
    verdict: Literal["moved", "opposed", "unproven", "unknown"] = "unknown"
    if first and after:
        moved, interval = share_difference((sum(after), len(after)), (sum(first), len(first)))
        verdict = "moved" if interval.low > 0 else "opposed" if interval.high < 0 else "unproven"
    return Influence(part, len(first), sum(first), len(after), sum(after), moved, interval, verdict)
