"""Does `regrade train` beat what an engineer writes in an hour? A new category, the shipped backbone kept, few photos.

    .venv/bin/python benchmarks/trainer.py --cache .cache          # writes benchmarks/results/trainer.json and .png

Tasks are those of `trainer_tasks.py`. For each number of photos and each seed, groups are drawn until there are enough;
all others are tested on. Ours is what the stages calibrate and evaluate of `regrade train` run, on the same pictures;
beside it a logistic regression (C = 1e-4) on frozen features, those of ImageNet's Lite0 and those of the shipped
backbone, and, for the numbers and seeds of `--fine-tune`, ImageNet's Lite0 fine-tuned. Leads are paired, with 95%
intervals over seeds and groups; two seeds, as a fine-tuning can afford, leave them too narrow. `cpu_s` is the fitting
alone: ours also has the task's `pictures` drawn and seen. Needs the photos of other sources beside those of the bench.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from charts import trainer_figure
from labelled_photos import labelled_photos
from numpy.typing import NDArray
from part_features import part_features
from plain_fine_tune import fine_tuned
from trainer_tasks import TASKS, Task

from regrade.datasets.manifest import Record
from regrade.models.estimates import Estimate, Resamples, interval
from regrade.models.photos.parts import WHOLE
from regrade.models.registry.bundle import ROUTER, Bundle, load_bundle, shipped_root
from regrade.training.calibrate.condition_heads import CrossFitFeatures, fit
from regrade.training.calibrate.features import features
from regrade.training.data.pictures import Corpus
from regrade.training.fit.crossfit import FOLDS, BackboneFeatures, deal
from regrade.training.fit.finetune import Trunk
from regrade.training.fit.inputs import WAYS, served
from regrade.training.fit.plain import fit_plain, plain_probabilities
from regrade.training.metrics.classification import SCORERS
from regrade.training.metrics.head_scores import softmax_at

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
HERE: Final = Path(__file__).parent
IMAGENET: Final = "2026.11.1"
"""The router of this version stands on the backbone as ImageNet left it."""
NUMBERS: Final = (30, 50, 100, 200, 400)
LEAST_TESTED: Final = 60
SCORES: Final = ("macro_f1", "damage_auroc")
OURS: Final = "regrade train"
RESAMPLES: Final = 500


@dataclass(frozen=True)
class Seen:
    """A task's photos and pictures, as the networks see them; `rows` (m,) the photo of each picture."""

    task: Task
    records: list[Record]
    own: NDArray[np.float32]
    imagenet: NDArray[np.float32]
    pictures: NDArray[np.float32]
    rows: Ints
    drawn: NDArray[np.bool_]

    @property
    def labels(self) -> tuple[str, ...]:
        """From best to worst."""
        return self.task.category.condition_names

    @cached_property
    def truth(self) -> Ints:
        """(n,) among the labels."""
        return np.array([self.labels.index(r.condition or "") for r in self.records], dtype=np.intp)

    @cached_property
    def trunk(self) -> torch.Tensor:
        """What the first stages make of the photos; only a fine-tuning needs it."""
        trunk = Trunk(320, torch.device("cpu"))
        return torch.cat([trunk(served(r, 320)[np.newaxis]) for r in self.records])


def see(task: Task, records: list[Record], bundle: Bundle, cache: Path) -> Seen:
    """Everything is seen once and kept in `cache`."""
    mine = task.of(records)
    imagenet = load_bundle(shipped_root(), ROUTER, IMAGENET)
    own, plain = (
        part_features(mine, path.read_bytes(), bundle.input_side, cache, (WHOLE,))[:, 0]
        for path in (bundle.backbone_path("int8"), imagenet.backbone_path("fp32"))
    )
    corpus = Corpus(mine, {task.name: task.category}, WAYS, side=bundle.input_side, seed=0, folder=cache)
    corpus.build()
    made = list(corpus)
    file = cache / f"trainer-{task.name}-{bundle.backbone_path('int8').stem[:16]}-{corpus.files[0].stem}.npy"
    if not file.exists():
        network = bundle.backbone_path("int8").read_bytes()
        np.save(file, features(network, made, lambda p: p.rgb, len(made), task.name)["features"])
    return Seen(
        task,
        mine,
        own,
        plain,
        np.load(file),
        np.array([p.row for p in made], dtype=np.intp),
        np.array([p.kind == "damaged" for p in made]),
    )


def dealt(seen: Seen, number: int, seed: int) -> tuple[Ints, Ints]:
    """`number` photos to fit on, of whole groups drawn at random with all conditions among them, and those to test on:
    of all other groups. The second is empty where too few are left."""
    groups = np.array([r.group for r in seen.records])
    rng = np.random.default_rng(seed)
    while True:
        taken: list[int] = []
        for group in rng.permutation(np.unique(groups)):
            taken += np.flatnonzero(groups == group).tolist()
            if len(taken) >= number:
                break
        fitted = np.array(taken[:number], dtype=np.intp)
        if np.bincount(seen.truth[fitted], minlength=len(seen.labels)).min() >= FOLDS or len(fitted) < number:
            break
    asked = np.flatnonzero(~np.isin(groups, groups[taken]))
    return fitted, asked if len(asked) >= LEAST_TESTED and len(fitted) == number else asked[:0]


def ours(seen: Seen, fitted: Ints, asked: Ints, seed: int) -> Floats:
    """What `regrade train` makes of it: heads fitted, chosen and calibrated by cross-fitting on the kept backbone."""
    rows = np.concatenate([fitted, asked])
    at = np.full(len(seen.records), -1, dtype=np.intp)
    at[fitted] = np.arange(len(fitted))
    mine = at[seen.rows] >= 0
    records = [replace(seen.records[i], split="train" if at[i] >= 0 else "test") for i in rows]
    no_maps = np.zeros((len(rows), 0, 0, 0), dtype=np.float16)
    final = BackboneFeatures(seen.own[rows], seen.pictures[mine], no_maps)
    fold = deal(records, seed)
    views = CrossFitFeatures(
        records, at[seen.rows[mine]], seen.drawn[mine], fold, [final] * FOLDS, final, np.zeros_like(final.photos)
    )
    found = fit(views, seen.task.name, seen.labels)
    return softmax_at(found.head.logits(seen.own[asked]), found.temperature)


def plain(seen: Seen, photos: NDArray[np.float32], fitted: Ints, asked: Ints) -> Floats:
    """The regression, on one kind of features."""
    return plain_probabilities(fit_plain(photos[fitted], seen.truth[fitted]), photos[asked], len(seen.labels))


def measure(seen: Seen, number: int, seeds: int, tuned: int) -> dict[str, Any] | None:
    """Scores, seconds and leads on `number` photos; None where too few are left to test on."""
    runs: dict[str, list[tuple[Floats, float, int]]] = {}
    asked: list[Ints] = []
    for seed in range(seeds):
        fitted, others = dealt(seen, number, seed)
        if not len(others):
            return None
        asked.append(others)
        ways: dict[str, Callable[[], Floats]] = {
            OURS: lambda f=fitted, a=others, s=seed: ours(seen, f, a, s),  # type: ignore[misc]
            "regression, ImageNet": lambda f=fitted, a=others: plain(seen, seen.imagenet, f, a),  # type: ignore[misc]
            "regression, our backbone": lambda f=fitted, a=others: plain(seen, seen.own, f, a),  # type: ignore[misc]
        }
        if seed < tuned:
            ways["fine-tuned ImageNet"] = lambda f=fitted, a=others, s=seed: fine_tuned(  # type: ignore[misc]
                seen.trunk[f], seen.truth[f], seen.trunk[a], len(seen.labels), s
            )
        for name, way in ways.items():
            begun = time.process_time()
            runs.setdefault(name, []).append((way(), time.process_time() - begun, seed))
    return {name: _figures(seen, asked, runs[OURS], those) for name, those in runs.items()}


def _figures(seen: Seen, asked: Sequence[Ints], ours: Sequence[Any], those: Sequence[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"seeds": len(those), "cpu_s": round(float(np.median([t for _, t, _ in those])), 2)}
    for name in SCORES:
        rows = [(ours[seed][0], p, asked[seed], seed) for p, _, seed in those]
        alone = [_resampled(seen, name, p, a, seed) for _, p, a, seed in rows]
        found[name] = _over_seeds(alone, seen, asked).to_json()
        if those is not ours:
            pairs = [_resampled(seen, name, p, a, seed) for p, _, a, seed in rows]
            ahead = [one - other for one, other in zip(pairs, alone, strict=True)]
            found[f"lead in {name}"] = _over_seeds(ahead, seen, asked).to_json()
    return found


def _resampled(seen: Seen, score: str, probabilities: Floats, asked: Ints, seed: int) -> Floats:
    """(1 + resamples,): the score on all photos asked, and on resampled groups of them."""
    drawn = Resamples.of([seen.records[i].group for i in asked], resamples=RESAMPLES, seed=seed)
    return SCORERS[score].weighted(probabilities, seen.truth[asked], drawn.weights)


def _over_seeds(values: Sequence[Floats], seen: Seen, asked: Sequence[Ints]) -> Estimate:
    """The mean over seeds, and its interval over resampled seeds and groups."""
    table = np.stack(values)
    picks = np.random.default_rng(0).integers(len(table), size=(RESAMPLES, len(table)))
    resampled = np.array([np.nanmean(table[pick, 1 + i]) for i, pick in enumerate(picks)])
    tested = np.concatenate(list(asked))
    groups = len({seen.records[i].group for i in tested})
    return interval(float(np.nanmean(table[:, 0])), resampled, len(set(tested.tolist())), groups)


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--more", type=Path, help="folder of the photos of other sources; default: beside the bench")
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument("--fine-tune", type=int, nargs=2, action="append", default=[], metavar=("PHOTOS", "SEEDS"))
    made.add_argument("--cache", type=Path, default=Path(".cache"))
    made.add_argument("--out", type=Path, default=HERE / "results" / "trainer.json")
    options = made.parse_args()
    records = labelled_photos(options.more).more
    bundle = load_bundle(shipped_root(), "packaging")
    tuned: Mapping[int, int] = dict(options.fine_tune)
    found: dict[str, Any] = {
        "command": " ".join(["benchmarks/trainer.py", *(f"--fine-tune {n} {s}" for n, s in tuned.items())]),
        "date": date.today().isoformat(),
        "backbone": bundle.version,
        "labels": "votes of vision models that read contact sheets, not of inspectors",
        "tasks": {},
    }
    for task in TASKS:
        seen = see(task, records, bundle, options.cache)
        by_number = {n: measure(seen, n, options.seeds, tuned.get(n, 0)) for n in NUMBERS}
        found["tasks"][task.name] = {
            "what": task.what,
            "source": task.source,
            "photos": len(seen.records),
            "groups": len({r.group for r in seen.records}),
            "pictures": len(seen.rows),
            "by_photos": {str(n): one for n, one in by_number.items() if one is not None},
        }
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(task.name, json.dumps(found["tasks"][task.name]["by_photos"]))
    trainer_figure(found).savefig(options.out.with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
