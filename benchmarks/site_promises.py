"""What a site may let go without a person, by the promise in money: on day one, and by its own blind decisions.

    nice .venv/bin/python benchmarks/site_promises.py --cache .cache    # benchmarks/results/site_promises.json, .png

Photos that the shipped bundles were not fitted on, nor anything near them, of known sources and of others, come in 20
random orders of their groups. The last third of the groups is what is judged: nothing is fitted, adapted or promised
by it. On day one the promise rests on the other two thirds, as the bundle's table does. Then 50 to 500 of these are
decided blind, each by one of the labellers; the head is adapted as `regrade adapt` does it, and what is promised rests
on these decisions alone (on the table too, where the head stays). `share` is the share of the judged items that go
without a person; `loss` and `harm` are what these lose on average and the share sold as better than they are, by the
labellers' votes; a promise is `broken` in an order where either is above its limit there. Beside it the promise on the
condition (wrong in at most 5%), which needs no price. Limits are those of the shipped policy at the category's default
value; `money alone` leaves out the second. Photos stand for items, whose photos they would be. Intervals are 95%, by
bootstrap over orders, which share photos. Needs the bench photos and those of the other sources. Budget: about 15
CPU-minutes, with features cached 3.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import matplotlib
import numpy as np
from labelled_photos import labelled_photos, resampled_by, strangers
from numpy.typing import NDArray

from regrade.datasets.category import load_categories
from regrade.datasets.manifest import Record
from regrade.models.adaptation.adapt import TooFewError, adapt
from regrade.models.adaptation.choice import Prior
from regrade.models.adaptation.feature_cache import FeatureCache
from regrade.models.adaptation.head_file import read_head
from regrade.models.adaptation.promises import threshold
from regrade.models.adaptation.votes import Photos, Votes
from regrade.models.calibration import softmax
from regrade.models.estimates import interval
from regrade.models.promise.held_out import HeldOut, held_out
from regrade.models.registry.bundle import Bundle, load_bundle, shipped_root
from regrade.serving.policy.load import load_policy
from regrade.serving.policy.promise.looks import looks_of
from regrade.serving.policy.promise.promised import work_out
from regrade.serving.policy.schema import Terms
from regrade.serving.policy.terms import economics_of

matplotlib.use("Agg")
from matplotlib import pyplot as plt

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
HERE: Final = Path(__file__).parent
CATEGORIES: Final = ("packaging", "electronics", "footwear", "apparel")
DECISIONS: Final = (50, 100, 200, 500)
REVIEWERS: Final = 10
LATER: Final = 1 / 3
MONEY, BOTH, CONDITION = "money alone", "money and harm", "condition"


class Site:
    """The photos of one category, as the shipped bundle sees them."""

    def __init__(self, category: str, cache: Path) -> None:
        self.bundle: Bundle = load_bundle(shipped_root(), category)
        photos = labelled_photos()
        _, known = strangers(photos, category, by_first_manifest=True)
        more = [r for r in [*photos.extra, *photos.more] if r.category == category]
        labels = self.bundle.labels
        records = [r for r in [*known, *more] if r.gradable and r.votes and set(r.votes) <= set(labels)]
        features = FeatureCache(cache / "features").of(self.bundle, {r.sha256: r.file for r in records})
        self.records: list[Record] = [r for r in records if r.sha256 in features]
        self.x = np.stack([features[r.sha256] for r in self.records])
        self.groups = np.array(resampled_by(self.records))
        self.votes = np.array([[r.votes.count(label) for label in labels] for r in self.records], dtype=np.float64)
        self.votes /= self.votes.sum(axis=1, keepdims=True)
        self.prior = Prior(read_head(self.bundle.head_path.read_bytes()), self.bundle.calibration.temperature)
        self.shipped = softmax(self.prior.head.logits(self.x) / self.prior.temperature)
        self.terms = load_policy(None, load_categories()).terms(None)
        self.economics, _ = economics_of(self.terms, category)

    def table(self, p: Floats, rows: Ints, origin: str) -> HeldOut:
        """What probabilities `p` (n, k) say of the photos `rows`."""
        groups = [str(g) for g in self.groups[rows]]
        return held_out("site", self.bundle.labels, p, self.votes[rows], groups, origin=origin)

    def judged(self, terms: Terms, table: HeldOut, p: Floats, later: Ints) -> dict[str, float]:
        """What the promise of `table` does with the items `later`, of which heads say `p`."""
        name, value = self.bundle.category, self.economics.default_value
        promise = work_out(terms, self.economics, name, value, table)
        looks = looks_of(terms, self.economics, name, value, self.table(p, later, ""))
        go = promise.lets_through(looks)
        loss, harm = (float(v[go].mean()) if go.any() else np.nan for v in (looks.loss, looks.better))
        broken = loss > promise.limits.loss or (promise.limits.harm is not None and harm > promise.limits.harm)
        return {"share": float(go.mean()), "loss": loss, "harm": harm, "broken": float(go.any() and broken)}

    def by_condition(self, table: HeldOut, p: Floats, later: Ints) -> dict[str, float]:
        """The promise on the condition, by one look a group, on the items `later`."""
        _, first = np.unique(table.groups, return_index=True)
        truth = table.votes[first].argmax(axis=1)
        found = threshold(table.probabilities[first], truth, alpha=0.05, delta=0.10).threshold
        go = np.zeros(len(later), bool) if found is None else p.max(axis=1) >= found
        wrong = p.argmax(axis=1) != self.votes[later].argmax(axis=1)
        error = float(wrong[go].mean()) if go.any() else np.nan
        return {"share": float(go.mean()), "loss": np.nan, "harm": np.nan, "broken": float(go.any() and error > 0.05)}

    def order(self, seed: int) -> dict[str, dict[int, dict[str, float]]]:
        """By promise and number of decisions, what comes of one order; 0 is day one."""
        luck = np.random.default_rng(seed)
        names = luck.permutation(np.unique(self.groups))
        place = {name: at for at, name in enumerate(names)}
        at = np.array([place[g] for g in self.groups])
        later = np.flatnonzero(at >= (1 - LATER) * len(names))
        early = luck.permutation(np.flatnonzero(at < (1 - LATER) * len(names)))
        day_one = self.table(self.shipped[early], early, "day one")
        found = {0: self._all(day_one, self.shipped[later], later)}
        for n in (one for one in DECISIONS if one <= len(early)):
            made = self._after(early[:n], luck)
            if made is not None:
                table, p = made
                kept = p is None
                p = self.shipped if p is None else p
                found[n] = self._all(day_one if kept else table, p[later], later)
        return {way: {n: one[way] for n, one in found.items()} for way in (BOTH, MONEY, CONDITION)}

    def _all(self, table: HeldOut, p: Floats, later: Ints) -> dict[str, dict[str, float]]:
        lax = self.terms.model_copy(
            update={"promise": self.terms.promise.model_copy(update={"better_than_it_is": None})}
        )
        return {
            BOTH: self.judged(self.terms, table, p, later),
            MONEY: self.judged(lax, table, p, later),
            CONDITION: self.by_condition(table, p, later),
        }

    def _after(self, rows: Ints, luck: np.random.Generator) -> tuple[HeldOut, Floats | None] | None:
        """The table after the decisions on `rows`, and what the adapted head says of all photos, None where the head
        stays; None where there are too few decisions."""
        n, k = len(rows), len(self.bundle.labels)
        said = np.array([self.bundle.labels.index(luck.choice(self.records[i].votes)) for i in rows])
        photos = Photos(self.x[rows], self.groups[rows], np.arange(n, dtype=float), np.ones(n))
        votes = Votes(np.arange(n), luck.integers(0, REVIEWERS, n), said, np.ones(n, dtype=bool), n, REVIEWERS, k)
        try:
            made = adapt(photos, votes, self.prior, self.bundle.calibration, self.prior, self.bundle.labels)
        except TooFewError:
            return None
        if made.choice.kept or made.judgement.worse:
            return made.looks, None
        return replace(made.looks, version="site"), softmax(made.head.logits(self.x) / made.calibration.temperature)


def summary(runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Means over orders with their intervals; of loss and harm, over the orders in which anything goes."""
    luck = np.random.default_rng(0)
    found: dict[str, Any] = {"orders": len(runs)}
    for name in ("share", "loss", "harm", "broken"):
        values = np.array([run[name] for run in runs])
        values = values[~np.isnan(values)]
        if len(values):
            drawn = values[luck.integers(0, len(values), (2000, len(values)))].mean(axis=1)
            found[name] = interval(float(values.mean()), drawn, len(values), len(values)).to_json()
    return found


def measure(category: str, orders: int, cache: Path) -> dict[str, Any]:
    """All figures of one category."""
    site = Site(category, cache)
    runs = [site.order(seed) for seed in range(orders)]
    rows: dict[str, Any] = {"bundle": site.bundle.version, "photos": len(site.records)}
    rows["groups"] = len(np.unique(site.groups))
    rows["sources"] = {s: sum(r.source == s for r in site.records) for s in sorted({r.source for r in site.records})}
    rows["value"] = site.economics.default_value
    for way in (BOTH, MONEY, CONDITION):
        reached = sorted({n for run in runs for n in run[way]})
        rows[way] = {str(n): summary([run[way][n] for run in runs if n in run[way]]) for n in reached}
    return rows


def draw(found: dict[str, Any], out: Path) -> None:
    """The share of items that go without a person, by decisions, a panel a category."""
    figure, panels = plt.subplots(1, len(found), figsize=(3.2 * len(found), 3.0), sharey=True, squeeze=False)
    for panel, (name, rows) in zip(panels[0], found.items(), strict=True):
        for way, mark in ((MONEY, "o-"), (BOTH, "s-"), (CONDITION, "^:")):
            n = [int(one) for one in rows[way]]
            values = [rows[way][str(one)]["share"] for one in n]
            error = [[v["value"] - v["low"] for v in values], [v["high"] - v["value"] for v in values]]
            panel.errorbar(n, [v["value"] for v in values], yerr=error, fmt=mark, label=way, capsize=2)
        panel.set_title(f"{name}: {rows['photos']} photos", fontsize=9)
        panel.set_xlabel("blind decisions of the site")
        panel.set_ylim(-0.03, 1.03)
    panels[0][0].set_ylabel("share without a person")
    panels[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out, dpi=110)


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--cache", type=Path, default=Path(".cache"))
    made.add_argument("--orders", type=int, default=20)
    made.add_argument("--categories", nargs="+", default=list(CATEGORIES))
    made.add_argument("--out", type=Path, default=HERE / "results" / "site_promises.json")
    options = made.parse_args()
    found = {name: measure(name, options.orders, options.cache) for name in options.categories}
    document = {"date": date.today().isoformat(), "orders": options.orders, "categories": found}
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    draw(found, options.out.with_suffix(".png"))
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
