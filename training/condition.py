"""`regrade train condition`: frozen backbone, linear heads, calibration, and a bundle for each category.

Heads, penalties, temperatures and thresholds come from cross-validation over groups on train + val; the test split is
scored once, with the exported ONNX files, and with nothing chosen by it.
"""

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.category import Category, load_categories
from regrade.datasets.manifest import Record, locate_manifest, read_manifest
from regrade.models.bundle import ROUTER, DefectType, activate, sha256, write_bundle
from regrade.models.calibration import Calibration, Selective
from regrade.models.errors import DatasetError
from regrade.training import calibrate
from regrade.training.backbone import prepared_backbones
from regrade.training.card import condition_card, router_card
from regrade.training.defects import DefectHeads, HitRates, fit_defects, hit_rates, keep_proven
from regrade.training.edited import edited_photos
from regrade.training.evaluate import Scored, score, softmax_at
from regrade.training.export import head_onnx
from regrade.training.features import Extractor
from regrade.training.heads import Sample, choose_penalty, out_of_fold
from regrade.training.metrics import macro_f1
from regrade.training.samples import (
    FITTED_SPLITS,
    Features,
    Floats,
    category_sample,
    condition_sample,
    rows_of,
)

CONFORMAL_ALPHA = 0.1


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what comes out, apart from the data."""

    data: Path
    out: Path
    version: str
    seed: int = 0
    side: int = 320
    alpha: float = 0.05
    delta: float = 0.10
    synthesis: bool = True
    cache: Path = field(default_factory=lambda: Path(".cache"))


@dataclass(frozen=True, slots=True)
class Trained:
    """One category's outcome: scores in cross-validation (`cv`) and on the test split, INT8 and FP32.

    `all_cv` is cross-validation over all graded photos of the category, test included: with so few photos it is the
    steadiest figure, and the one to compare with other heads on the same data. Nothing is chosen by it.
    """

    category: str
    labels: tuple[str, ...]
    all_cv: Scored
    cv: Scored
    test: Scored
    test_fp32: Scored
    calibration: Calibration
    penalty: float
    defects: Mapping[str, Any]
    fusion_losses: Mapping[float, float]
    test_auto: Mapping[str, float | int]

    def to_json(self) -> dict[str, Any]:
        """What goes into the bundle's metrics.json."""
        return {
            "labels": list(self.labels),
            "all_cv": self.all_cv.to_json(),
            "cv": self.cv.to_json(),
            "test": self.test.to_json(),
            "test_fp32": self.test_fp32.to_json(),
            "calibration": self.calibration.to_json(),
            "penalty": self.penalty,
            "defects": dict(self.defects),
            "fusion_losses": {str(r): round(loss, 4) for r, loss in self.fusion_losses.items()},
            "test_auto_graded": dict(self.test_auto),
        }


def train_condition(config: TrainConfig, tick: Callable[[str], None]) -> dict[str, Trained]:
    """Train and write a bundle for the router and every category that the data has; returns their scores by name.

    `tick` is told of each step done. Raises `DatasetError` for data that cannot be trained on, `BundleError` if the
    version exists.
    """
    categories = load_categories()
    records = read_manifest(config.data)
    present = _trainable(records, categories)
    fp32, int8 = prepared_backbones(records, config.side, config.cache, tick)
    extractor = Extractor.of(int8, config.side, config.cache)
    features = Features.of(records, extractor, Extractor.of(fp32, config.side, config.cache))
    tick("features extracted")
    provenance = _provenance(config, records)
    writer = _Writer(config, {"fp32": fp32, "int8": int8}, provenance)
    done = {ROUTER: _train_router(records, features, present, config, writer, tick)}
    for name in present:
        done[name] = _train_category(records, features, extractor, categories[name], config, writer, tick)
    for name in (ROUTER, *present):
        activate(config.out, name, config.version)
    return done


def _trainable(records: Sequence[Record], categories: Mapping[str, Category]) -> list[str]:
    present = sorted({r.category for r in records})
    unknown = [name for name in present if name not in categories]
    if unknown:
        raise DatasetError(
            f"the manifest has categories without a definition: {', '.join(unknown)}. Add datasets/categories/"
            f"{unknown[0]}.yaml; defined are {', '.join(categories)}."
        )
    for name in present:
        if len(rows_of(records, name, FITTED_SPLITS)) < calibrate.MIN_PHOTOS:
            raise DatasetError(f"category {name} has under {calibrate.MIN_PHOTOS} graded photos in train and val.")
    return present


@dataclass(frozen=True, slots=True)
class _Writer:
    config: TrainConfig
    backbones: Mapping[str, bytes]
    provenance: Mapping[str, Any]

    def write(self, trained: Trained, head: bytes, defects: tuple[DefectType, ...], card: str) -> None:
        metrics = {**self.provenance, **trained.to_json()}
        write_bundle(
            self.config.out,
            trained.category,
            self.config.version,
            files={
                "head.onnx": head,
                "calibration.json": _json(trained.calibration.to_json()),
                "metrics.json": _json(metrics),
                "card.md": card.encode(),
            },
            backbones=self.backbones,
            labels=trained.labels,
            defects=defects,
            input_side=self.config.side,
        )


def _train_router(
    records: Sequence[Record],
    features: Features,
    names: Sequence[str],
    config: TrainConfig,
    writer: _Writer,
    tick: Callable[[str], None],
) -> Trained:
    fitted, test = rows_of(records, None, FITTED_SPLITS), rows_of(records, None, ("test",))
    sample = category_sample(records, features, fitted, names, balance=1.0)
    held = category_sample(records, features, test, names, balance=1.0)
    trained, head, _ = _fit(ROUTER, sample, held, None, tuple(names), config, tick)
    writer.write(trained, head, (), router_card(trained, writer.provenance))
    return trained


def _train_category(
    records: Sequence[Record],
    features: Features,
    extractor: Extractor,
    category: Category,
    config: TrainConfig,
    writer: _Writer,
    tick: Callable[[str], None],
) -> Trained:
    fitted, test = rows_of(records, category.name, FITTED_SPLITS), rows_of(records, category.name, ("test",))
    labels = category.condition_names
    extra = edited_photos(records, extractor, category.name, labels) if config.synthesis else None
    sample = condition_sample(records, features, fitted, labels, balance=1.0, extra=extra)
    held = condition_sample(records, features, test, labels, balance=1.0)
    defects = fit_defects(records, features, fitted, category, seed=config.seed, tick=lambda: tick(category.name))
    hits: HitRates = {}
    if defects is not None:
        hits = hit_rates(extractor, records, category.name, defects)
        defects = keep_proven(defects, hits)
    whole = condition_sample(records, features, np.concatenate([fitted, test]), labels, balance=1.0, extra=extra)
    trained, head, found = _fit(category.name, sample, held, defects, labels, config, tick, hits, whole)
    writer.write(trained, head, found, condition_card(trained, writer.provenance, records))
    return trained


def _fit(
    name: str,
    sample: Sample,
    test: Sample,
    defects: DefectHeads | None,
    labels: tuple[str, ...],
    config: TrainConfig,
    tick: Callable[[str], None],
    hits: HitRates | None = None,
    whole: Sample | None = None,
) -> tuple[Trained, bytes, tuple[DefectType, ...]]:
    def worth(logits: Floats) -> float:
        # Macro-F1 is what is wanted of a condition; the loss decides between penalties that are equally good at it.
        return macro_f1(logits, sample.labels) - 1e-3 * _balanced_loss(logits, sample)

    penalty, logits = choose_penalty(sample, worth, seed=config.seed, repeats=3, tick=lambda: tick(name))
    head = sample.fit(np.arange(len(sample.labels)), penalty)
    # Confidence is to mean "how often is the majority label met", so it is fitted to majorities, not to votes.
    temperature = calibrate.temperature(logits, np.eye(len(labels))[sample.labels])
    held_out = softmax_at(logits, temperature)
    if name == ROUTER:
        sharpness, losses = 1.0, dict[float, float]()
        selective = Selective(config.alpha, config.delta, None, len(sample.labels), 0.0, "not used: no condition")
    else:
        sharpness, losses = calibrate.fusion_sharpness(held_out, sample.labels, config.seed)
        selective = calibrate.selective_threshold(held_out, sample.labels, alpha=config.alpha, delta=config.delta)
    calibration = Calibration(
        temperature=temperature,
        fusion_sharpness=sharpness,
        conformal_alpha=CONFORMAL_ALPHA,
        conformal_quantile=calibrate.conformal_quantile(held_out, sample.labels, CONFORMAL_ALPHA),
        selective=selective,
        defect_thresholds=defects.thresholds if defects else {},
    )
    p_int8 = softmax_at(head.logits(test.views[0]), temperature)
    p_fp32 = softmax_at(head.logits(test.views[-1]), temperature)
    cv = score(held_out, sample.labels, sample.groups, config.seed)
    trained = Trained(
        category=name,
        labels=labels,
        all_cv=cv if whole is None else _all_photos(whole, penalty, temperature, config.seed),
        cv=cv,
        test=score(p_int8, test.labels, test.groups, config.seed),
        test_fp32=score(p_fp32, test.labels, test.groups, config.seed),
        calibration=calibration,
        penalty=penalty,
        defects={"types": _defect_table(defects), "hit_rate": dict(hits or {})},
        fusion_losses=losses,
        test_auto=_auto_graded(p_int8, test.labels, selective.threshold),
    )
    return trained, head_onnx(head, defects.head if defects else None), defects.types if defects else ()


def _all_photos(whole: Sample, penalty: float, temperature: float, seed: int) -> Scored:
    logits = out_of_fold(whole, penalty, folds=5, seed=seed)
    return score(softmax_at(logits, temperature), whole.labels, whole.groups, seed)


def _balanced_loss(logits: Floats, sample: Sample) -> float:
    temperature = calibrate.temperature(logits, sample.targets)
    p = np.clip(softmax_at(logits, temperature), 1e-9, 1.0)
    losses = -(sample.targets * np.log(p)).sum(axis=1)
    return float(np.mean([losses[sample.labels == k].mean() for k in np.unique(sample.labels)]))


def _defect_table(defects: DefectHeads | None) -> dict[str, dict[str, float | int | None]]:
    if defects is None:
        return {}
    return {
        kind.name: {
            "photos": defects.positives[kind.name],
            "cv_auroc": defects.auroc[kind.name],
            "threshold": defects.thresholds.get(kind.name),
        }
        for kind in defects.types
    }


def _auto_graded(probabilities: Floats, labels: NDArray[np.intp], threshold: float | None) -> dict[str, float | int]:
    if threshold is None:
        return {"n": len(labels), "graded": 0, "wrong": 0}
    auto = probabilities.max(axis=1) >= threshold
    wrong = probabilities.argmax(axis=1) != labels
    return {"n": len(labels), "graded": int(auto.sum()), "wrong": int((auto & wrong).sum())}


def _provenance(config: TrainConfig, records: Sequence[Record]) -> dict[str, Any]:
    import onnxruntime
    import torch

    settings = {k: v for k, v in asdict(config).items() if k not in ("data", "out", "cache")}
    return {
        "command": f"regrade train condition --version {config.version} --seed {config.seed}"
        + ("" if config.synthesis else " --no-synthesis"),
        "date": date.today().isoformat(),
        "manifest_sha256": sha256(locate_manifest(config.data).read_bytes()),
        "photos": len(records),
        "settings": settings,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    }


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
