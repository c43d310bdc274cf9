"""Which defects a bundle may report, from which network their boxes come, and from what score on.

Everything is decided on photos that neither network was fitted on: undamaged ones set the threshold, since a false
alarm costs a look; drawn boxes, real or synthetic, say whose boxes land on the defect.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.types import Box

Floats = NDArray[np.float64]
FALSE_ALARMS: Final = 0.02
MIN_BOXES: Final = 10
MIN_HIT_RATE: Final = 0.5
MIN_FOUND: Final = 0.3
SOURCES: Final = ("detector", "map")


@dataclass(frozen=True, slots=True)
class BestBox:
    """The best box of one type by one network on one photo: its score in [0, 1], and the box (None where none)."""

    score: float
    box: Box | None


@dataclass(frozen=True, slots=True)
class Probe:
    """One held-out photo: what was found of each type by each network, and what is there.

    `findings` maps (source, type) to a `BestBox`. `boxes` maps a type to its true boxes, in the same pixels; a type
    that may be there undrawn is in `unknown`. `area` is the photo's, in square pixels. `real` is False for drawn
    damage.
    """

    findings: Mapping[tuple[str, str], BestBox]
    boxes: Mapping[str, Sequence[Box]]
    unknown: frozenset[str]
    area: float
    real: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What was measured of one type's boxes by one network; rates are None without photos to measure on.

    `found` is the share of the drawn defects' photos whose score reaches `threshold`; `hits` the share of them where
    the best box's centre lies in a true box, `chance` that of a point thrown at random.
    """

    source: str
    threshold: float
    clean: int
    found: float | None
    hits: float | None
    chance: float | None
    drawn: int
    real_hits: float | None
    real_drawn: int

    @property
    def proven(self) -> bool:
        """Whether its boxes may be shown."""
        if self.drawn < MIN_BOXES or self.hits is None or self.chance is None or self.found is None:
            return False
        return self.hits >= max(MIN_HIT_RATE, 1.5 * self.chance) and self.found >= MIN_FOUND

    def to_json(self) -> dict[str, float | int | str | None]:
        """Plain JSON types, rates rounded."""
        return {
            "source": self.source,
            "threshold": round(self.threshold, 4),
            "clean": self.clean,
            "found": _rounded(self.found),
            "hits": _rounded(self.hits),
            "chance": _rounded(self.chance),
            "drawn": self.drawn,
            "real_hits": _rounded(self.real_hits),
            "real_drawn": self.real_drawn,
            "proven": self.proven,
        }


def prove(probes: Sequence[Probe], kind: str, source: str) -> Proof:
    """Measure `source` on `kind` over all probes. Raises ValueError where no probe lacks the defect for sure."""
    key = (source, kind)
    clean = np.array([p.findings[key].score for p in probes if kind not in p.boxes and kind not in p.unknown])
    if not len(clean):
        raise ValueError(f"no held-out photo is known to be free of {kind}")
    threshold = float(np.clip(np.quantile(clean, 1.0 - FALSE_ALARMS, method="higher"), 0.02, 0.999))
    drawn = [p for p in probes if p.boxes.get(kind)]
    best = [p.findings[key].box for p in drawn]
    hit = [box is not None and centre_inside(box, p.boxes[kind]) for box, p in zip(best, drawn, strict=True)]
    real = [h for h, p in zip(hit, drawn, strict=True) if p.real]
    return Proof(
        source=source,
        threshold=threshold,
        clean=len(clean),
        found=_mean([p.findings[key].score >= threshold for p in drawn]),
        hits=_mean(hit),
        chance=_mean([covered(p.boxes[kind], p.area) for p in drawn]),
        drawn=len(drawn),
        real_hits=_mean(real),
        real_drawn=len(real),
    )


def choose(proofs: Sequence[Proof]) -> Proof | None:
    """The proven one whose boxes land best, on real photos where there are enough of them; None if none is proven."""
    proven = [p for p in proofs if p.proven]
    return max(proven, key=lambda p: (_worth(p), p.source == "detector"), default=None)


def _worth(proof: Proof) -> float:
    rate = proof.real_hits if proof.real_drawn >= MIN_BOXES else proof.hits
    return (rate or 0.0) * (proof.found or 0.0)


def covered(boxes: Sequence[Box], area: float) -> float:
    """The share of a photo that `boxes` cover, overlaps counted once."""
    if not boxes:
        return 0.0
    edges = np.array(boxes)
    xs, ys = np.unique(edges[:, [0, 2]]), np.unique(edges[:, [1, 3]])
    x, y = (xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2
    inside = np.zeros((len(y), len(x)), dtype=bool)
    for x1, y1, x2, y2 in boxes:
        inside |= ((y >= y1) & (y <= y2))[:, None] & ((x >= x1) & (x <= x2))[None, :]
    return float((inside * np.diff(ys)[:, None] * np.diff(xs)[None, :]).sum() / area)


def centre_inside(box: Box, truths: Iterable[Box]) -> bool:
    """Whether the centre of `box` lies in one of `truths`, or on its edge."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(t[0] <= x <= t[2] and t[1] <= y <= t[3] for t in truths)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
