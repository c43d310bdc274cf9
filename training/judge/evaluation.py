"""Evaluation of bundles on labelled photos: graded as serving grades them, scored by category and by source."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from regrade.datasets.manifest import SPLITS, Record, locate_manifest, read_manifest
from regrade.datasets.photo_size import is_too_small
from regrade.models.errors import DatasetError
from regrade.models.estimates import Estimate
from regrade.models.grader import Grader
from regrade.models.registry.bundle import DETECTOR_PRECISION, Bundle, sha256, shipped_root
from regrade.models.registry.store import BundleStore, store_of
from regrade.training.judge.box_hits import BoxFigures, box_figures
from regrade.training.judge.figures import Promise, SubsetFigures, figures
from regrade.training.judge.prediction_cache import PredictionCache, fingerprint
from regrade.training.judge.predictions import Predictions, open_grader, predict

if TYPE_CHECKING:
    from regrade.training.judge.shortcuts import Survival

GRADES: Final = "grades.jsonl"
"""The cache of grades in the folder of an evaluation."""
ALL_SPLITS: Final = "all"
Watch = Callable[[str, int], Callable[[], None]]
"""Told of a piece of work and its number of steps; returns what to call after each step."""

UNSEEN: Final = "unseen source: left out of training"
HELD_OUT: Final = "held-out photos of a known source"
ONLY_HERE: Final = "unseen source: none of it in train or val"
FITTED: Final = "holds photos it was fitted on"
ELSEWHERE: Final = "not of the manifest it was fitted on"


def silent(_what: str, _steps: int) -> Callable[[], None]:
    """A watch that shows nothing."""
    return lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationConfig:
    """What is evaluated on what. `bundles` None means the shipped ones, `data` None the bench photos, `version` None
    the active one, no `categories` or `sources` all that there are. `out` holds the cache and the results. Photos that
    serving would send back as too small are no part of it unless `keep_small`."""

    out: Path
    bundles: Path | BundleStore | None = None
    data: Path | None = None
    categories: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("test",)
    sources: tuple[str, ...] = ()
    version: str | None = None
    precision: str = "int8"
    resamples: int = 1000
    seed: int = 0
    shortcuts: bool = True
    keep_small: bool = False


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """The figures of one source's photos, and whether the bundle knows the source (`familiarity`)."""

    familiarity: str
    figures: SubsetFigures
    boxes: BoxFigures | None


@dataclass(frozen=True, slots=True)
class CategoryEvaluation:
    """One category's bundle on the photos chosen: all together, by source, and under edits."""

    category: str
    version: str
    labels: tuple[str, ...]
    leave_out: tuple[str, ...]
    whole: SubsetFigures
    boxes: BoxFigures | None
    sources: Mapping[str, SourceFigures]
    shortcuts: Sequence["Survival"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures, where they come from, and the predictions that they were computed from (not part of the JSON)."""

    provenance: Mapping[str, Any]
    categories: Mapping[str, CategoryEvaluation]
    predictions: Mapping[str, Predictions]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; what is not defined is null."""
        return {"provenance": dict(self.provenance), "categories": plain(self.categories)}


def evaluate_bundles(config: EvaluationConfig, watch: Watch = silent) -> Evaluation:
    """Grade the photos that `config` chooses and score the grades. An interrupted run goes on where it stopped.

    Raises `DatasetError` where no photo is left or a name is unknown, `BundleError` for bundles that cannot be read.
    """
    manifest = locate_manifest(config.data)
    digest = sha256(manifest.read_bytes())
    everything = read_manifest(manifest)
    store = store_of(config.bundles)
    grader = open_grader(store, version=config.version, precision=config.precision)
    chosen = choose(everything, config, grader.categories)
    done: dict[str, CategoryEvaluation] = {}
    predictions: dict[str, Predictions] = {}
    bundles: list[Bundle] = []
    for name in sorted({r.category for r in chosen}):
        bundle = store.load(name, config.version)
        bundles.append(bundle)
        mine = [r for r in chosen if r.category == name]
        found = predict(
            grader,
            mine,
            name,
            detector=bundle.detector.files[DETECTOR_PRECISION] if bundle.detector else None,
            cache=_cache(config, bundle),
            tick=watch(f"{name}: grading", len(mine)),
        )
        known = familiarity(everything, bundle, digest, config.splits)
        done[name] = _scored(found, bundle, known, config, _shortcuts(grader, found, bundle, config, watch))
        predictions[name] = found
    return Evaluation(_provenance(config, digest, chosen, bundles), done, predictions)


def choose(records: Sequence[Record], config: EvaluationConfig, graded: Sequence[str]) -> list[Record]:
    """The records to evaluate on; categories without a bundle are left out unless asked for by name."""
    for what, asked, known in (
        ("category", config.categories, sorted(graded)),
        ("source", config.sources, sorted({r.source for r in records})),
        ("split", config.splits, [*SPLITS, ALL_SPLITS]),
    ):
        if unknown := [name for name in asked if name not in known]:
            raise DatasetError(f"unknown {what} {', '.join(unknown)}; there are: {', '.join(known)}.")
    chosen = [
        r
        for r in records
        if r.category in (config.categories or graded)
        and (r.split in config.splits or ALL_SPLITS in config.splits)
        and (not config.sources or r.source in config.sources)
        and (config.keep_small or not is_too_small(r))
    ]
    # A category with graded photos but not one label cannot be scored.
    labelled = {r.category for r in chosen if r.condition is not None}
    if not labelled:
        raise DatasetError("no labelled photo is left to evaluate on. Choose another category, split or source.")
    return [r for r in chosen if r.category in labelled]


def left_out(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """The sources that a bundle was trained without, by its metrics.json."""
    settings = metrics.get("settings")
    named = metrics.get("leave_out") or (settings.get("leave_out") if isinstance(settings, Mapping) else None)
    return tuple(str(source) for source in named or ())


def familiarity(records: Sequence[Record], bundle: Bundle, digest: str, splits: Sequence[str]) -> Callable[[str], str]:
    """How well the bundle knows each source of its category, as a function of the source's name."""
    away = left_out(bundle.metrics)
    fitted = {r.source for r in records if r.category == bundle.category and r.split != "test"}
    same_manifest = bundle.metrics.get("manifest_sha256") in (None, digest)

    def of(source: str) -> str:
        if source in away:
            return UNSEEN
        if not same_manifest:
            return ELSEWHERE
        if source not in fitted:
            return ONLY_HERE
        return HELD_OUT if tuple(splits) == ("test",) else FITTED

    return of


def plain(value: object) -> Any:
    """`value` with dataclasses as objects and NaN as null, for JSON. Raises TypeError for what JSON has no word for."""
    if isinstance(value, Estimate):
        return value.to_json()
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, 4)
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"{type(value).__name__} cannot be written to JSON")


def _scored(
    found: Predictions,
    bundle: Bundle,
    known: Callable[[str], str],
    config: EvaluationConfig,
    shortcuts: Sequence["Survival"],
) -> CategoryEvaluation:
    calibration = bundle.calibration
    promise = Promise(calibration.selective.alpha, calibration.selective.delta, calibration.conformal_alpha)
    sources = {}
    for source in sorted(set(found.sources.tolist())):
        part = found.of_source(source)
        if len(part.labelled):
            sources[source] = SourceFigures(
                known(source),
                figures(part, promise, resamples=config.resamples, seed=config.seed),
                box_figures(part, resamples=config.resamples, seed=config.seed),
            )
    return CategoryEvaluation(
        category=found.category,
        version=bundle.version,
        labels=found.labels,
        leave_out=left_out(bundle.metrics),
        whole=figures(found, promise, resamples=config.resamples, seed=config.seed),
        boxes=box_figures(found, resamples=config.resamples, seed=config.seed),
        sources=sources,
        shortcuts=shortcuts,
    )


def _cache(config: EvaluationConfig, bundle: Bundle, edit: str = "") -> PredictionCache:
    return PredictionCache(config.out / GRADES, fingerprint(bundle, config.precision, edit))


def _shortcuts(
    grader: Grader, found: Predictions, bundle: Bundle, config: EvaluationConfig, watch: Watch
) -> "Sequence[Survival]":
    if not config.shortcuts:
        return ()
    # Edits need OpenCV, an evaluation without them does not.
    from regrade.training.data.edits import code_digest
    from regrade.training.judge.shortcuts import check_shortcuts

    # The swapped background is that of another of the photos chosen, so a grade holds for this choice alone.
    choice = sha256("|".join(sorted(found.labelled.ids)).encode())[:12]
    return check_shortcuts(
        grader,
        found,
        cache_of=lambda edit: _cache(config, bundle, f"{edit}:{code_digest()}:{config.seed}:{choice}"),
        watch=watch,
        resamples=config.resamples,
        seed=config.seed,
    )


def _provenance(
    config: EvaluationConfig, digest: str, chosen: Sequence[Record], bundles: Sequence[Bundle]
) -> dict[str, Any]:
    import onnxruntime

    roots = {bundle.folder.parent.parent for bundle in bundles}

    return {
        "date": date.today().isoformat(),
        "bundles": " and ".join(sorted("shipped" if root == shipped_root() else root.name for root in roots)),
        "precision": config.precision,
        "manifest_sha256": digest,
        "splits": list(config.splits),
        "sources": sorted({r.source for r in chosen}),
        "licences": sorted({f"{r.source}: {r.licence}" for r in chosen}),
        "photos": len(chosen),
        "resamples": config.resamples,
        "seed": config.seed,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    }
