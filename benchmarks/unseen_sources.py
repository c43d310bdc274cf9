"""How well bundles grade photos of known sources, and of sources that they have never seen, beside the plain baseline.

    .venv/bin/python benchmarks/unseen_sources.py --cache .cache       # writes benchmarks/results/unseen_sources.json
    .venv/bin/python benchmarks/unseen_sources.py --bundles FOLDER --out candidate.json

Per category: photos of known sources that are nowhere near those that the bundle was fitted on (`known`); other
sources, each by itself and all together (`unseen`). Beside each figure stands that of a logistic regression (C = 1e-4)
on frozen features, fitted on the same photos: those of ImageNet's Lite0, and those of the bundle's own backbone.
Macro-F1, accuracy and ECE are over photos on which the conditions can be told apart, damage figures over those on which
damage can be. Intervals are 95%, by bootstrap over groups (over photos in a source with fewer than five groups). Needs
the bench photos and those of the other sources beside them.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from labelled_photos import LabelledPhotos, labelled_photos, resampled_by, strangers
from numpy.typing import NDArray
from part_features import part_features

from regrade.datasets.manifest import Record
from regrade.models.estimates import Estimate, Resamples
from regrade.models.photos.parts import WHOLE
from regrade.models.registry.bundle import ROUTER, Bundle, load_bundle, sha256, shipped_root
from regrade.models.registry.store import store_of
from regrade.training.fit.plain import fit_plain, plain_probabilities
from regrade.training.judge.prediction_cache import PredictionCache, fingerprint
from regrade.training.judge.predictions import open_grader, predict
from regrade.training.metrics.classification import SCORERS, difference

Floats = NDArray[np.float64]
HERE: Final = Path(__file__).parent
IMAGENET: Final = "2026.11.1"
"""The router of this version stands on the backbone as ImageNet left it."""
CONDITION: Final = ("macro_f1", "accuracy", "ece")
DAMAGE: Final = ("damage_auroc", "damage_recall_at_5")


@dataclass(frozen=True)
class Judged:
    """Probabilities (n, k) of one grader for the `records`."""

    records: Sequence[Record]
    labels: tuple[str, ...]
    probabilities: Floats

    def at(self, rows: Sequence[int]) -> "Judged":
        """Those of `rows`."""
        return Judged([self.records[i] for i in rows], self.labels, self.probabilities[list(rows)])


def evaluate(photos: LabelledPhotos, where: Path | None, precision: str, cache: Path) -> dict[str, Any]:
    """All figures of the active bundles in `where` (None: the shipped ones), by category."""
    store = store_of(where)
    grader = open_grader(store, precision=precision)
    found: dict[str, Any] = {}
    for category in grader.categories:
        bundle = store.load(category)
        by_first = bundle.metrics["manifest_sha256"] != sha256(_manifest_bytes())
        fitted, known = strangers(photos, category, by_first)
        known = [r for r in known if r.condition]
        unseen = [r for r in photos.more if r.category == category and r.condition]
        extra = [r for r in photos.extra if r.category == category and r.condition]
        asked = [*known, *extra, *unseen]
        graded = predict(
            grader,
            asked,
            category,
            cache=PredictionCache(cache / "grades.jsonl", fingerprint(bundle, precision)),
        )
        ours = Judged(asked, graded.labels, graded.probabilities)
        judged = {"bundle": ours, **_plain(bundle, [r for r in fitted if r.gradable], asked, ours.labels, cache)}
        found[category] = {
            "version": bundle.version,
            "fitted_on": len(fitted),
            "known": _figures(judged, range(len(known))),
            "known, labelled by one": _figures(judged, range(len(known), len(known) + len(extra))),
            "unseen": _by_source(judged, range(len(known) + len(extra), len(asked))),
        }
        print(category, json.dumps(_short(found[category])))
    return found


def _manifest_bytes() -> bytes:
    from regrade.datasets.manifest import locate_manifest

    return locate_manifest().read_bytes()


def _plain(
    bundle: Bundle, fitted: Sequence[Record], asked: Sequence[Record], labels: tuple[str, ...], cache: Path
) -> dict[str, Judged]:
    """The baseline on ImageNet's features and on those of the bundle's own backbone."""
    truth = np.array([labels.index(r.condition or "") for r in fitted])
    imagenet = load_bundle(shipped_root(), ROUTER, IMAGENET)
    out = {}
    for name, one in (("plain, ImageNet", imagenet), ("plain, own backbone", bundle)):
        network = one.backbone_path("fp32" if one is imagenet else "int8").read_bytes()
        seen = part_features([*fitted, *asked], network, one.input_side, cache, (WHOLE,))[:, 0]
        model = fit_plain(seen[: len(fitted)], truth)
        out[name] = Judged(asked, labels, plain_probabilities(model, seen[len(fitted) :], len(labels)))
    return out


def _by_source(judged: Mapping[str, Judged], rows: Sequence[int]) -> dict[str, Any]:
    records = judged["bundle"].records
    sources = sorted({records[i].source for i in rows})
    found = {source: _figures(judged, [i for i in rows if records[i].source == source]) for source in sources}
    return {"all": _figures(judged, rows), **found} if sources else {}


def _figures(judged: Mapping[str, Judged], rows: Sequence[int]) -> dict[str, Any]:
    """Each grader's figures on `rows`, and how far the bundle is ahead of each baseline."""
    chosen = {name: one.at(rows) for name, one in judged.items()}
    records = chosen["bundle"].records
    told = [i for i, r in enumerate(records) if r.decidable is not False]
    seen = [i for i, r in enumerate(records) if r.damage_decidable is not False]
    found: dict[str, Any] = {"photos": len(records), "decidable": len(told), "damage_decidable": len(seen)}
    for names, rows_of_these in ((CONDITION, told), (DAMAGE, seen)):
        if not rows_of_these:
            continue
        drawn = Resamples.of(resampled_by([records[i] for i in rows_of_these]))
        parts = {name: one.at(rows_of_these) for name, one in chosen.items()}
        truth = np.array([parts["bundle"].labels.index(r.condition or "") for r in parts["bundle"].records])
        for score in names:
            for name, one in parts.items():
                value = drawn.estimate(SCORERS[score].weighted(one.probabilities, truth, drawn.weights))
                found.setdefault(name, {})[score] = value.to_json()
                if name != "bundle" and score != "ece":
                    ahead = difference(SCORERS[score], parts["bundle"].probabilities, one.probabilities, truth, drawn)
                    found[name][f"bundle's lead in {score}"] = _lead(ahead)
    return found


def _lead(ahead: Estimate) -> dict[str, Any]:
    """The difference, and whether the bundle beats the baseline: its interval lies above 0."""
    return {**ahead.to_json(), "beaten": bool(ahead.low > 0)}


def _short(found: Mapping[str, Any]) -> dict[str, Any]:
    def of(part: Mapping[str, Any]) -> dict[str, Any]:
        names = [name for name in part if isinstance(part[name], Mapping)]
        return {
            name: {key: part[name].get(key, {}).get("value") for key in ("macro_f1", "damage_auroc")} for name in names
        }

    return {"known": of(found["known"]), "unseen": of(found["unseen"].get("all", {}))}


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--bundles", type=Path, help="folder of bundles; default: the shipped ones")
    made.add_argument("--more", type=Path, help="folder of the photos of other sources; default: beside the bench")
    made.add_argument("--precision", default="int8")
    made.add_argument("--cache", type=Path, default=Path(".cache"))
    made.add_argument("--out", type=Path, default=HERE / "results" / "unseen_sources.json")
    options = made.parse_args()
    found = {
        "command": "benchmarks/unseen_sources.py" + (" --bundles FOLDER" if options.bundles else ""),
        "date": date.today().isoformat(),
        "precision": options.precision,
        "manifest_sha256": sha256(_manifest_bytes()),
        "labels": "votes of vision models that read contact sheets against the rubric, not of inspectors",
        "categories": evaluate(labelled_photos(options.more), options.bundles, options.precision, options.cache),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
