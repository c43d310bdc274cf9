"""Do the photos that `regrade labels select` picks teach more than as many picked at random?

    .venv/bin/python benchmarks/active_learning.py     # writes benchmarks/results/active_learning.{json,png}
    .venv/bin/python benchmarks/active_learning.py --only "one pool" --method "equal shares" --out …_shares

30% of the photos (whole groups) are held out; all labels of the others are hidden but for some drawn at random. Then a
method asks for labels, batch by batch; each time a linear head for each category is fitted on what is labelled, and
its macro-F1 is taken on the photos held out. This is done for each category by itself (16 labels at a time), and for
all categories in one pool (64 at a time; the mean of the categories' macro-F1), which is what a desk has. Seed for
seed, all methods have the same photos held out and the same first labels. `ours` is what `regrade labels select` does;
it was chosen on other seeds (1000 and up).

Features are of the backbone as ImageNet left it (`backbone_features`); they are computed once and kept under --cache.
Intervals (95%) are bootstraps of the mean over seeds: they hold for other draws from these photos, and say nothing of
photos of another kind. Needs the bench photos; takes two minutes on a core.

What came of it (results/active_learning.json): in one pool it beats random at every budget, and with 266 labels reaches
what random reaches with 640; part of its lead is due to asking for as many labels of each category
(results/active_learning_shares.json). By itself it wins on packaging, and cannot be told from random on the other
three. Uncertainty alone is no better than random in one pool and loses on apparel, where what a head fitted on few
labels is unsure of is mostly noise; diversity alone does as well as ours in one pool, and better on apparel and
electronics.
"""

import argparse
import json
import shlex
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from active_learning_chart import figure_of
from backbone_features import VERSION, backbone_features
from numpy.typing import NDArray
from rich.progress import track
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from regrade.datasets.manifest import Record, locate_manifest, read_manifest
from regrade.datasets.splitting import stratified_splits
from regrade.labeling.select.acquisition import METHODS, Pool
from regrade.labeling.select.selection import METHOD, choose
from regrade.models.types import CONDITIONS

HERE: Final = Path(__file__).parent
SHARES: Final = (0.7, 0.0, 0.3)
BATCH: Final = 16
BATCHES: Final = 10
DIMENSIONS: Final = 128
OURS: Final = "ours"
TOGETHER: Final = "one pool"
SHARES_ALONE: Final = "equal shares"
"""Random, but as many of each category: how much of what `ours` gains in one pool is due to that alone."""
SHOWN: Final = ("random", "uncertainty", "diversity", OURS)
AT: Final = (3, 6, 10)
"""Batches after which the difference to random is told."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Task:
    """The photos at one seed. `rows` (n, D) at norm 1; `labels` (n,) places in `CONDITIONS`; `categories` (n,);
    `pool` and `held_out` are places in all of them."""

    rows: Floats
    labels: NDArray[np.intp]
    categories: NDArray[np.str_]
    pool: NDArray[np.intp]
    held_out: NDArray[np.intp]


def task_of(records: Sequence[Record], features: NDArray[np.float32], seed: int) -> Task:
    """Hold out whole groups, and reduce the features by what the pool alone, without its labels, says of them."""
    kinds = [(r.category, r.condition) for r in records]
    splits = np.array(stratified_splits([r.group for r in records], kinds, SHARES, seed))
    pool, held_out = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "test")
    scale = np.maximum(features[pool].std(axis=0), 1e-6)
    scaled = ((features - features[pool].mean(axis=0)) / scale).astype(np.float64)
    rows = PCA(DIMENSIONS, random_state=seed).fit(scaled[pool]).transform(scaled)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    labels = np.array([CONDITIONS.index(str(r.condition)) for r in records])
    return Task(rows, labels, np.array([r.category for r in records]), pool, held_out)


def head_of(rows: Floats, labels: NDArray[np.intp], wanted: Floats) -> Floats:
    """Probabilities (m, 4) of `wanted` (m, D) by a linear head fitted on `rows`, each class weighing the same."""
    known = np.unique(labels)
    found = np.zeros((len(wanted), len(CONDITIONS)))
    if len(known) < 2:
        found[:, known if len(known) else slice(None)] = 1.0 / max(1, len(known) or len(CONDITIONS))
        return found
    head = LogisticRegression(C=10.0, class_weight="balanced", max_iter=300, tol=1e-3).fit(rows, labels)
    found[:, known] = head.predict_proba(wanted)
    return found


def curve(task: Task, method: str, batch: int, seed: int) -> list[float]:
    """Mean macro-F1 of the categories on what is held out, after each of `BATCHES` batches; the first is random."""
    rng = np.random.default_rng([seed, 1])
    order = np.random.default_rng([seed, 0]).permutation(task.pool)
    labelled, rest = order[:batch], order[batch:]
    names = np.unique(task.categories)
    scores: list[float] = []
    while True:
        p = np.zeros((len(task.rows), len(CONDITIONS)))
        for name in names:
            mine, wanted = labelled[task.categories[labelled] == name], task.categories == name
            p[wanted] = head_of(task.rows[mine], task.labels[mine], task.rows[wanted])
        scores.append(float(np.mean([_macro_f1(task, p, name) for name in names])))
        if len(scores) == BATCHES:
            return scores
        pool = Pool(p[rest], task.rows[rest], task.rows[labelled])
        if method in (OURS, SHARES_ALONE):
            how = METHOD if method == OURS else "random"
            picked = choose(pool, task.categories[rest].tolist(), batch, rng, method=how)
        else:
            picked = METHODS[method](pool, batch, rng)
        labelled, rest = np.concatenate([labelled, rest[picked]]), np.delete(rest, picked)


def _macro_f1(task: Task, p: Floats, category: np.str_) -> float:
    """Over the conditions that are held out of the category."""
    mine = task.held_out[task.categories[task.held_out] == category]
    truth, guessed = task.labels[mine], p[mine].argmax(axis=1)
    return float(f1_score(truth, guessed, labels=np.unique(truth), average="macro", zero_division=0))


def simulate(
    records: Sequence[Record],
    features: NDArray[np.float32],
    methods: Sequence[str],
    seeds: Sequence[int],
    only: str | None = None,
) -> dict[str, dict[str, Floats]]:
    """Category, or `TOGETHER` (or `only` one of these) → method → macro-F1 (seeds, budgets)."""
    names = sorted({r.category for r in records})
    found: dict[str, dict[str, Floats]] = {}
    for name in (*names, TOGETHER):
        if only not in (None, name):
            continue
        mine = np.flatnonzero([name in (r.category, TOGETHER) for r in records])
        batch = BATCH * len(names) if name == TOGETHER else BATCH
        curves: dict[str, list[list[float]]] = {method: [] for method in methods}
        for seed in track(seeds, name):
            task = task_of([records[i] for i in mine.tolist()], features[mine], seed)
            for method in methods:
                curves[method].append(curve(task, method, batch, seed))
        found[name] = {method: np.array(rows) for method, rows in curves.items()}
    return found


def interval(values: Floats) -> dict[str, list[float]]:
    """The mean over seeds of (seeds, budgets), with the 95% percentile interval of 4,000 bootstraps over seeds."""
    drawn = np.random.default_rng(0).integers(0, len(values), (4000, len(values)))
    means = np.stack([values[rows].mean(axis=0) for rows in drawn])
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    rounded = (np.round(one, 4).tolist() for one in (values.mean(axis=0), low, high))
    return dict(zip(("mean", "low", "high"), rounded, strict=True))


def labels_for(target: float, counts: Sequence[int], means: Sequence[float]) -> float | None:
    """With how many labels a mean curve first reaches `target`, between its points in a straight line."""
    for i, mean in enumerate(means):
        if mean >= target:
            if i == 0:
                return float(counts[0])
            share = (target - means[i - 1]) / (mean - means[i - 1])
            return round(counts[i - 1] + share * (counts[i] - counts[i - 1]), 1)
    return None


def summary(found: Mapping[str, Mapping[str, Floats]], methods: Sequence[str], categories: int) -> dict[str, Any]:
    """Curves, and the paired difference of each method to random: by number of labels, and the mean over all of them
    beyond the first (`overall`)."""
    out: dict[str, Any] = {}
    for name, by in found.items():
        batch = BATCH * categories if name == TOGETHER else BATCH
        counts = [batch * (n + 1) for n in range(BATCHES)]
        curves = {m: interval(by[m]) for m in methods}
        differences = {m: by[m] - by["random"] for m in methods if m != "random"}
        gains = {m: interval(d) for m, d in differences.items()}
        last = curves["random"]["mean"][-1]
        at: dict[str, Any] = {}
        for m, d in differences.items():
            at[m] = {str(counts[n - 1]): {k: gains[m][k][n - 1] for k in ("mean", "low", "high")} for n in AT}
            overall = interval(d[:, 1:].mean(axis=1, keepdims=True))
            at[m]["overall"] = {k: v[0] for k, v in overall.items()}
        out[name] = {
            "labels": counts,
            "macro_f1": curves,
            "minus_random": gains,
            "at": at,
            "labels_to_reach_random_at_its_end": {m: labels_for(last, counts, curves[m]["mean"]) for m in methods},
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with bench.jsonl, or a .jsonl file; else the bench photos")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/regrade-active-learning"))
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--method", action="append", default=[], help=f"one of {', '.join((*METHODS, SHARES_ALONE, OURS))}"
    )
    parser.add_argument("--only", help=f"one category, or '{TOGETHER}'; default: all of them")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "active_learning")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="lbfgs failed to converge")
    started = time.process_time()
    methods = tuple(dict.fromkeys(("random", *options.method))) if options.method else SHOWN
    records = [r for r in read_manifest(locate_manifest(options.data)) if r.condition is not None]
    features = backbone_features(records, options.cache)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    found = simulate(records, features, methods, seeds, options.only)
    photos = {name: sum(r.category == name for r in records) for name in sorted({r.category for r in records})}
    result = {
        "command": shlex.join(["benchmarks/active_learning.py", *sys.argv[1:]]),
        "date": date.today().isoformat(),
        "photos": photos,
        "features": f"backbone of the bundles {VERSION} (ImageNet weights), {DIMENSIONS} principal components",
        "ours": METHOD,
        "seeds": options.seeds,
        "categories": summary(found, methods, len(photos)),
        "cpu_seconds": round(time.process_time() - started),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    figure_of(result).savefig(options.out.with_suffix(".png"), dpi=110)
    for name, one in result["categories"].items():
        for method, gains in one["at"].items():
            shown = "  ".join(f"{b}: {g['mean']:+.3f} [{g['low']:+.3f}, {g['high']:+.3f}]" for b, g in gains.items())
            print(f"{name:12} {method:18} minus random at {shown}")


if __name__ == "__main__":
    main()
