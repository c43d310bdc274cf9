"""What `regrade adapt` gains a site from its own decisions, on real photos that the shipped heads were not fitted on.

    nice .venv/bin/python benchmarks/adapt.py --cache .cache        # writes benchmarks/results/adapt.json

A site receives the photos of sources that its bundle has never seen (and the held-out ones of known sources), in a
random order; its reviewers vote as one of the labellers did. After 50, 100, 200 and 500 decisions the head is
adapted, as the command does it, and judged by macro-F1 on the last third of the groups, which no fit has seen, beside
the shipped head and one that is fitted from scratch to the same votes (logistic regression on the same features, C =
1e-4). Again with three of ten reviewers who vote at random, and with all of them. Intervals are 95%, by bootstrap over
orders: these share photos, so that they tell how much the order matters, not how much another site would differ. Needs
the bench photos and those of the other sources beside them. Budget: about 10 CPU-minutes, with features cached 3.
"""

import argparse
import json
import time
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from labelled_photos import labelled_photos, resampled_by, strangers
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.models.adaptation.adapt import TooFewError, adapt
from regrade.models.adaptation.choice import Prior
from regrade.models.adaptation.feature_cache import FeatureCache
from regrade.models.adaptation.head_file import read_head
from regrade.models.adaptation.judgement import macro_f1
from regrade.models.adaptation.votes import Photos, Votes
from regrade.models.estimates import interval, tables
from regrade.models.registry.bundle import Bundle, load_bundle, shipped_root
from regrade.training.fit.plain import fit_plain, plain_probabilities

Floats = NDArray[np.float64]
HERE: Final = Path(__file__).parent
CATEGORIES: Final = ("packaging", "electronics", "footwear", "apparel")
DECISIONS: Final = (50, 100, 200, 500)
CARELESS: Final = {"careful": 0, "three_of_ten_careless": 3, "all_careless": 10}
REVIEWERS: Final = 10
LATER: Final = 1 / 3
TIMED: Final = 2000


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--cache", type=Path, default=Path(".cache"))
    made.add_argument("--orders", type=int, default=10)
    made.add_argument("--categories", nargs="+", default=list(CATEGORIES))
    made.add_argument("--out", type=Path, default=HERE / "results" / "adapt.json")
    options = made.parse_args()
    started = time.process_time()
    found = {name: site(name, options.orders, options.cache) for name in options.categories}
    document = {
        "date": date.today().isoformat(),
        "orders": options.orders,
        "decisions": list(DECISIONS),
        "categories": found,
        "seconds_for_2000_decisions_on_one_core": timed(),
        "cpu_seconds": round(time.process_time() - started, 1),
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


def site(category: str, orders: int, cache: Path) -> dict[str, Any]:
    """All figures of one category."""
    bundle = load_bundle(shipped_root(), category)
    photos = labelled_photos()
    _, held_out = strangers(photos, category, by_first_manifest=True)
    others = [r for r in photos.more if r.category == category]
    records = [r for r in [*held_out, *others] if r.gradable and set(r.votes) <= set(bundle.labels) and r.votes]
    features = FeatureCache(cache / "features").of(bundle, {r.sha256: r.file for r in records})
    records = [r for r in records if r.sha256 in features]
    x = np.stack([features[r.sha256] for r in records])
    groups = np.array(resampled_by(records))
    rows: dict[str, Any] = {"bundle": bundle.version, "photos": len(records), "groups": len(set(groups))}
    rows["sources"] = {s: sum(r.source == s for r in records) for s in sorted({r.source for r in records})}
    for name, careless in CARELESS.items():
        runs = [one_order(bundle, records, x, groups, careless, seed) for seed in range(orders)]
        reached = [n for n in DECISIONS if any(n in run for run in runs)]
        rows[name] = {str(n): summary([run[n] for run in runs if n in run]) for n in reached}
    return rows


def one_order(
    bundle: Bundle, records: list[Record], x: NDArray[np.float32], groups: NDArray[np.str_], careless: int, seed: int
) -> dict[int, dict[str, float]]:
    """Macro-F1 on the later photos by number of decisions."""
    luck = np.random.default_rng(seed)
    names = luck.permutation(np.unique(groups))
    place = {name: at for at, name in enumerate(names)}
    at = np.array([place[g] for g in groups])
    later = at >= (1 - LATER) * len(names)
    early = luck.permutation(np.flatnonzero(~later))
    truth = np.array([bundle.labels.index(r.condition or "") for r in records])
    prior = Prior(read_head(bundle.head_path.read_bytes()), bundle.calibration.temperature)
    found = {}
    for n in (one for one in DECISIONS if one <= len(early)):
        rows = early[:n]
        reviewer = luck.integers(0, REVIEWERS, n)
        said = np.array([bundle.labels.index(luck.choice(records[i].votes)) for i in rows])
        random = reviewer < careless
        said[random] = luck.integers(0, len(bundle.labels), int(random.sum()))
        photos = Photos(x[rows], groups[rows], np.arange(n, dtype=float), np.ones(n))
        blind = np.ones(n, dtype=bool)
        votes = Votes(np.arange(n), reviewer, said, blind, n, REVIEWERS, len(bundle.labels))
        try:
            made = adapt(photos, votes, prior, bundle.calibration, prior, bundle.labels)
        except TooFewError:
            continue
        present = np.unique(said)
        scratch = np.full((int(later.sum()), len(bundle.labels)), -1.0)
        if len(present) > 1:
            fitted = fit_plain(x[rows], np.searchsorted(present, said))
            scratch[:, present] = plain_probabilities(fitted, x[later], len(present))
        else:
            scratch[:, present] = 1.0
        installed = made.head if not made.judgement.worse else prior.head
        found[n] = {
            "shipped": score(prior.head.logits(x[later]), truth[later]),
            "adapted": score(installed.logits(x[later]), truth[later]),
            "from_scratch": score(scratch, truth[later]),
            "moved": float(not made.choice.kept and not made.judgement.worse),
        }
    return found


def score(answers: Floats, truth: NDArray[np.intp]) -> float:
    """Macro-F1 of the likeliest conditions."""
    table = tables(truth, answers.argmax(axis=1), answers.shape[1], np.ones((1, len(truth))))
    return float(macro_f1(table)[0])


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Means over orders, with intervals of them and of the paired differences."""
    columns = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    columns["gain_over_shipped"] = columns["adapted"] - columns["shipped"]
    columns["gain_over_scratch"] = columns["adapted"] - columns["from_scratch"]
    luck = np.random.default_rng(0).integers(0, len(runs), (2000, len(runs)))
    return {
        name: interval(float(v.mean()), v[luck].mean(axis=1), len(runs), len(runs)).to_json()
        for name, v in columns.items()
    }


def timed() -> float:
    """Seconds of one core for fitting, choosing and judging by 2,000 decisions; their features are made up, as they
    take what grading takes (see `latency.json`), and once."""
    bundle = load_bundle(shipped_root(), "packaging")
    prior = Prior(read_head(bundle.head_path.read_bytes()), bundle.calibration.temperature)
    luck = np.random.default_rng(0)
    x = luck.gamma(0.5, 1.0, (TIMED, prior.head.weights.shape[1])).astype(np.float32)
    names = np.array([str(i) for i in range(TIMED)])
    photos = Photos(x, names, np.arange(TIMED, dtype=float), np.ones(TIMED))
    said = luck.integers(0, len(bundle.labels), TIMED)
    said[: TIMED // 2] = prior.head.logits(x[: TIMED // 2]).argmax(axis=1)
    blind = np.ones(TIMED, dtype=bool)
    votes = Votes(np.arange(TIMED), luck.integers(0, 5, TIMED), said, blind, TIMED, 5, len(bundle.labels))
    started = time.process_time()
    adapt(photos, votes, prior, bundle.calibration, prior, bundle.labels)
    return round(time.process_time() - started, 1)


if __name__ == "__main__":
    main()
