"""What becomes of candidates that a site's own decisions make: promoted where they help, and not where they harm.

    nice .venv/bin/python benchmarks/site_trials.py --cache .cache      # writes benchmarks/results/site_trials.json

Photos that the shipped bundles were not fitted on come in 20 random orders of their groups. The head is adapted to the
first 100 (packaging) or 200 (garments) blind decisions, as `regrade adapt` does it. What comes of it judges the
following items in shadow, and each blind look at them is bet on as the service does (`serving.candidates.comparison`):
promoted once money and harm are both shown to be no worse, at δ of the shipped policy. Then the truth: what either head
loses on the last third of the groups, which neither fit nor test has seen, by the labellers' votes; `harmful` is a
promoted candidate that loses there more than the margin, or sells more as better than it is than the margin allows.
Sites: `careful` reviewers vote as one of the labellers did; `careless` ones say anything at all 3 times of 10; in
`other light` all photos after the decisions are taken under a lamp half as bright and warmer; `worse candidate` is a
test of the test: a head whose words for conditions are exchanged. Looks are blind ones: at the bench they are drawn for
the share of items that the policy says (`first_share`). Intervals are exact, over orders, which share photos. Needs the
bench photos and those of the other sources. Budget: about 10 CPU-minutes, with features cached 4.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from site_promises import LATER, REVIEWERS, Floats, Ints, Site

from regrade.datasets.category import load_categories
from regrade.models.adaptation.adapt import TooFewError, adapt
from regrade.models.adaptation.feature_cache import FeatureCache
from regrade.models.adaptation.votes import Photos, Votes
from regrade.models.calibration import softmax
from regrade.serving.candidates.comparison import Claim, claims, costs_of, no_worse
from regrade.serving.candidates.pairs import Opinion, Pair
from regrade.serving.policy.load import load_policy
from regrade.serving.policy.promise.promised import limits_of
from regrade.serving.policy.terms import Policy
from regrade.serving.review.quality.statistics import clopper_pearson

HERE: Final = Path(__file__).parent
FIRST: Final = {"packaging": 100, "apparel": 200}
MOST: Final = 500
"""Looks after which nobody waits any longer."""
STEP: Final = 10
SITES: Final = ("careful", "careless", "other light", "worse candidate")
CARELESS: Final = 0.3
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


def dimmed(files: Sequence[Path], folder: Path) -> dict[str, Path]:
    """The photos under another lamp, as files by their hash, in the order of `files`."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for file in files:
        target = folder / f"{file.stem}.jpg"
        if not target.exists():
            with Image.open(file) as photo:
                red, green, blue = ImageEnhance.Brightness(photo.convert("RGB")).enhance(0.5).split()
                warm = Image.merge(
                    "RGB", (red.point(lambda v: min(255, v * 1.15)), green, blue.point(lambda v: v * 0.8))
                )
                warm.save(target, quality=92)
        found[hashlib.sha256(target.read_bytes()).hexdigest()] = target
    return found


class Trials:
    """Trials of one category's candidates."""

    def __init__(self, category: str, cache: Path, policy: Policy) -> None:
        self.site = Site(category, cache)
        self.policy, self.category, self.first = policy, category, FIRST[category]
        files = dimmed([r.file for r in self.site.records], cache / "dimmed" / category)
        features = FeatureCache(cache / "features").of(self.site.bundle, files)
        # What the gate refuses in that light is not graded: such items drop out of that site.
        shape = self.site.x.shape[1]
        self.dim = np.stack([features.get(name, np.full(shape, np.nan, np.float32)) for name in files])
        limits = limits_of(policy.base, self.site.economics, self.site.economics.default_value)
        self.margins = (0.5 * limits.loss, limits.harm if limits.harm is not None else 1.0)

    def order(self, seed: int, kind: str) -> dict[str, Any]:
        """What becomes of the candidate of one order at a site of that `kind`."""
        site, luck = self.site, np.random.default_rng(seed)
        names = luck.permutation(np.unique(site.groups))
        place = {name: at for at, name in enumerate(names)}
        at = np.array([place[g] for g in site.groups])
        later = np.flatnonzero(at >= (1 - LATER) * len(names))
        early = luck.permutation(np.flatnonzero(at < (1 - LATER) * len(names)))
        rows, stream = early[: self.first], early[self.first :][:MOST]
        x = self.dim if kind == "other light" else site.x
        seen = np.asarray(~np.isnan(x).any(axis=1))
        stream, later = stream[seen[stream]], later[seen[later]]
        head = self._candidate(rows, luck, kind)
        if head is None:
            return {"candidate": False}
        shipped = softmax(site.prior.head.logits(x) / site.prior.temperature)
        said = self._said(stream, luck, kind)
        other = head(x)
        both = enumerate(zip(stream, said, strict=True))
        pairs = [self._pair(i, shipped[i], other[i], label, n) for n, (i, label) in both]
        promoted, found = None, tuple[Claim, ...]()
        for n in range(STEP, len(pairs) + 1, STEP):
            found = claims(self.policy, self.category, pairs[:n], self.policy.base.promise.delta)
            if no_worse(found):
                promoted = n
                break
        gain = self._truth(shipped, other, later)
        return {
            "candidate": True,
            "promoted": promoted,
            "looks": len(pairs),
            "saves": -gain[0],
            "harm": gain[1],
            "harmful": promoted is not None and (gain[0] > self.margins[0] or gain[1] > self.margins[1]),
            "missing": [one.what for one in found if not one.shown],
        }

    def _candidate(self, rows: Ints, luck: np.random.Generator, kind: str) -> Any:
        site, n, k = self.site, len(rows), len(self.site.bundle.labels)
        photos = Photos(site.x[rows], site.groups[rows], np.arange(n, dtype=float), np.ones(n))
        blind = np.ones(n, dtype=bool)
        votes = Votes(
            np.arange(n), luck.integers(0, REVIEWERS, n), self._said(rows, luck, kind), blind, n, REVIEWERS, k
        )
        try:
            made = adapt(photos, votes, site.prior, site.bundle.calibration, site.prior, site.bundle.labels)
        except TooFewError:
            return None
        if kind == "worse candidate":
            turned = np.roll(np.arange(k), 1)
            return lambda x: softmax(made.head.logits(x) / made.calibration.temperature)[:, turned]
        if made.choice.kept or made.judgement.worse:
            return None
        return lambda x: softmax(made.head.logits(x) / made.calibration.temperature)

    def _said(self, rows: Ints, luck: np.random.Generator, kind: str) -> NDArray[np.intp]:
        labels = self.site.bundle.labels
        said = np.array([labels.index(luck.choice(self.site.records[i].votes)) for i in rows], dtype=np.intp)
        if kind == "careless":
            wrong = luck.random(len(rows)) < CARELESS
            said[wrong] = luck.integers(0, len(labels), int(wrong.sum()))
        return said

    def _pair(self, row: int, active: Floats, candidate: Floats, label: int, n: int) -> Pair:
        labels = self.site.bundle.labels
        one, other = (
            Opinion(dict(zip(labels, p.tolist(), strict=True)), frozenset(), False) for p in (active, candidate)
        )
        return Pair(str(n), None, None, EPOCH, one, other, False, False, labels[label], EPOCH, True)

    def _truth(self, active: Floats, candidate: Floats, later: Ints) -> tuple[float, float]:
        """By how much the candidate loses more, and sells more as better than it is, by all votes."""
        pairs: list[Pair] = []
        weights: list[float] = []
        for i in later:
            for label in np.flatnonzero(self.site.votes[i]):
                pairs.append(self._pair(i, active[i], candidate[i], int(label), len(pairs)))
                weights.append(self.site.votes[i, label])
        costs, w = costs_of(self.policy, self.category, pairs), np.array(weights) / np.sum(weights)
        return float(w @ (costs.candidate - costs.active)), float(w @ (costs.candidate_harm - costs.active_harm))


def share(hits: int, total: int) -> dict[str, Any]:
    """A share with its exact interval."""
    if not total:
        return {"value": None, "n": 0}
    found = clopper_pearson(hits, total)
    return {"value": round(hits / total, 3), "low": round(found.low, 3), "high": round(found.high, 3), "n": total}


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of all orders: how many made a candidate, how many of these were promoted, after how many looks, to what gain."""
    made = [run for run in runs if run["candidate"]]
    promoted = [run for run in made if run["promoted"] is not None]
    return {
        "candidates": share(len(made), len(runs)),
        "promoted": share(len(promoted), len(made)),
        "harmful": share(sum(run["harmful"] for run in promoted), len(made)),
        "looks_to_promotion_median": float(np.median([run["promoted"] for run in promoted])) if promoted else None,
        "saves_an_item_promoted": float(np.mean([run["saves"] for run in promoted])) if promoted else None,
        "saves_an_item_all": float(np.mean([run["saves"] for run in made])) if made else None,
        "looks_there_were_median": float(np.median([run["looks"] for run in made])) if made else None,
        "not_shown": {what: sum(what in run["missing"] for run in made) for what in ("money", "harm")},
    }


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--cache", type=Path, default=Path(".cache"))
    made.add_argument("--orders", type=int, default=20)
    made.add_argument("--out", type=Path, default=HERE / "results" / "site_trials.json")
    options = made.parse_args()
    policies = {"money and harm": load_policy(None, load_categories())}
    base = policies["money and harm"]
    lax = base.base.model_copy(update={"promise": base.base.promise.model_copy(update={"better_than_it_is": None})})
    policies["money alone"] = replace(base, base=lax)
    found: dict[str, Any] = {}
    for category in FIRST:
        for way, policy in policies.items():
            trials = Trials(category, options.cache, policy)
            for kind in SITES:
                rows = summary([trials.order(seed, kind) for seed in range(options.orders)])
                found.setdefault(category, {}).setdefault(way, {})[kind] = rows
                print(category, way, kind, json.dumps(rows), flush=True)
    document = {
        "date": date.today().isoformat(),
        "orders": options.orders,
        "first": FIRST,
        "delta": base.base.promise.delta,
        "categories": found,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
