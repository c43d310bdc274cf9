"""The candidate: heads, calibration and boxes of every category of a run, written as bundles into the run's folder."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

from regrade.datasets.category import SHIPPED, Category
from regrade.datasets.manifest import locate_manifest
from regrade.datasets.synth.catalogue import VERSION
from regrade.models.promise.held_out import FILE as HELD_OUT
from regrade.models.registry.bundle import DEFINITION, DETECTOR_PRECISION, ROUTER, DefectType, load_bundle, sha256
from regrade.models.registry.files import NewDetector, point, write_bundle
from regrade.training.calibrate import box_proofs
from regrade.training.calibrate.ablation import ablate
from regrade.training.calibrate.condition_heads import CrossFitFeatures, DetectorScores, Fitted, Trained, conclude, fit
from regrade.training.calibrate.detector_evidence import detect_all, weigh
from regrade.training.calibrate.features import extract_features, untrained
from regrade.training.data.pictures import LOCAL_TYPES
from regrade.training.data.targets import FITTED_SPLITS, rows_of
from regrade.training.fit import networks
from regrade.training.fit.crossfit import BackboneFeatures
from regrade.training.run.files import json_bytes
from regrade.training.run.run import Run
from regrade.training.ship.card import condition_card, router_card
from regrade.training.ship.golden_outputs import add_golden
from regrade.training.ship.heads_onnx import head_onnx
from regrade.training.ship.held_out_table import held_out_table

FOLDER: Final = "candidate"


def names(run: Run) -> tuple[str, ...]:
    """The bundles that the run makes: the router only if it knows all categories that are to be told apart."""
    return (ROUTER, *run.categories) if len(run.categories) > 1 else tuple(run.categories)


def write(run: Run) -> None:
    """Fit, calibrate and write the candidate bundles of all categories; an earlier candidate is replaced."""
    root = run.folder / FOLDER
    shutil.rmtree(root, ignore_errors=True)
    views, material = extract_features(run)
    run.log.info("heads of %s", ", ".join(names(run)))
    fitted = {name: fit(views, name, _labels(run, name)) for name in names(run)}
    detections = detect_all(run, views.records) if networks.detector_files(run) is not None else None
    heard = {} if detections is None else weigh(views, list(fitted.values()), detections, run.categories)
    proofs = box_proofs.prove_all(run, views, detections)
    plain = None if material is None else untrained(run, material)
    bought = ablate(views, fitted, heard, plain, run.config.seed)
    provenance = _provenance(run, views)
    for name, one in fitted.items():
        concluded = _conclude(run, views, one, heard.get(name), proofs, plain)
        trained = replace(concluded, ablation=bought.get(name, ()))
        _warn(run, trained)
        _write_one(run, trained, one, views, provenance, proofs)
        point(root, name, run.config.version, before=None)
        run.log.info(
            "%s: macro-F1 %s held out, %s test", name, *(s.estimates["macro_f1"] for s in (trained.cv, trained.test))
        )
    add_golden(root, tuple(fitted), run.config.version)
    for name in fitted:
        load_bundle(root, name, run.config.version)


def _labels(run: Run, name: str) -> tuple[str, ...]:
    return tuple(run.categories) if name == ROUTER else run.categories[name].condition_names


def _conclude(
    run: Run,
    views: CrossFitFeatures,
    fitted: Fitted,
    heard: DetectorScores | None,
    proofs: Mapping[str, box_proofs.Chosen],
    plain: BackboneFeatures | None,
) -> Trained:
    chosen = proofs.get(fitted.name, {})
    return conclude(
        views,
        fitted,
        alpha=run.config.alpha,
        delta=run.config.delta,
        seed=run.config.seed,
        defects=box_proofs.table(chosen),
        thresholds={kind: c.best.threshold for kind, c in chosen.items() if c.best is not None},
        sources={kind: c.best.source for kind, c in chosen.items() if c.best is not None},
        detector=heard,
        plain=plain,
    )


def _warn(run: Run, trained: Trained) -> None:
    """Say what nobody should have to look for in a report."""
    if trained.penalty_at_edge:
        run.log.warning(
            "%s: the best penalty, %g, is at the edge of those tried: distrust the folds before the grid",
            trained.category,
            trained.penalty,
        )
    if trained.category != ROUTER and trained.unbeaten:
        run.log.warning(
            "%s: not better than a plain logistic regression on frozen features in %s",
            trained.category,
            " and ".join(trained.unbeaten),
        )


def _write_one(
    run: Run,
    trained: Trained,
    fitted: Fitted,
    views: CrossFitFeatures,
    provenance: Mapping[str, Any],
    proofs: Mapping[str, box_proofs.Chosen],
) -> None:
    defects = _defects(run.categories.get(trained.category), proofs.get(trained.category, {}))
    head = head_onnx(fitted.head, [LOCAL_TYPES.index(d.name) for d in defects if d.name in LOCAL_TYPES])
    if trained.category == ROUTER:
        card = router_card(trained, provenance)
    else:
        card = condition_card(trained, provenance, views.records)
    detector = networks.detector_files(run)
    write_bundle(
        run.folder / FOLDER,
        trained.category,
        run.config.version,
        files={
            "head.onnx": head,
            "calibration.json": json_bytes(trained.calibration.to_json()),
            "metrics.json": json_bytes({**provenance, **trained.to_json()}),
            "card.md": card.encode(),
            **_definition(run, trained.category),
            **_held_out(run, trained, views),
        },
        backbones={p: networks.read(run, f"{networks.FOLDER}/backbone-{p}.onnx") for p in ("int8", "fp32")},
        labels=trained.labels,
        defects=defects,
        input_side=run.config.side,
        detector=None
        if detector is None or not trained.calibration.needs_detector
        else NewDetector(
            {DETECTOR_PRECISION: networks.read(run, networks.DETECTOR_FP32)},
            int(detector["side"]),
            tuple(detector["classes"]),
        ),
    )


def _held_out(run: Run, trained: Trained, views: CrossFitFeatures) -> dict[str, bytes]:
    """The table that promises rest on; the router promises nothing."""
    if trained.category == ROUTER or trained.looked_at is None:
        return {}
    rows, probabilities = trained.looked_at
    records = [views.records[i] for i in rows]
    table = held_out_table(run.config.version, trained.labels, probabilities, records, "held out by group")
    return {HELD_OUT: json_bytes(table.to_json())}


def _defects(category: Category | None, chosen: box_proofs.Chosen) -> tuple[DefectType, ...]:
    if category is None:
        return ()
    return tuple(DefectType(d.name, d.severity) for d in category.defect_types if d.name in chosen)


def _definition(run: Run, name: str) -> Mapping[str, bytes]:
    """The YAML that the run was begun with, which seals the bundle; none for the router."""
    if name == ROUTER:
        return {}
    folder = SHIPPED if run.config.categories is None else run.config.categories
    return {DEFINITION: (folder / f"{name}.yaml").read_bytes()}


def _provenance(run: Run, views: CrossFitFeatures) -> dict[str, Any]:
    kept = networks.reusable(run)
    counts = {name: len(rows_of(views.records, name, FITTED_SPLITS)) for name in run.categories}
    return {
        "command": command(run),
        "date": date.today().isoformat(),
        "manifest_sha256": sha256(locate_manifest(run.config.data).read_bytes()),
        "photos": len(views.records),
        "settings": {
            k: v
            for k, v in run.config.to_json().items()
            if k not in ("data", "out", "over_defaults", "cache", "categories", "detector_weights")
        },
        "versions": run.read_json("versions.json"),
        "leave_out": list(run.config.leave_out),
        "backbone_trained_on": counts if kept is None else kept.metrics["backbone_trained_on"],
        "local_types": list(LOCAL_TYPES),
        "synthesis_version": VERSION if run.config.synthesis else None,
        "networks": {"quantised": run.read_json("quantize.json")} if kept is None else {"kept_from": kept.version},
    }


def command(run: Run) -> str:
    """The command that repeats the run, without the places of files."""
    c = run.config
    parts = [f"regrade train {c.category} --version {c.version} --seed {c.seed}"]
    parts += [f"--leave-out {s}" for s in c.leave_out]
    parts += [] if c.tune is None else [f"--tune {c.tune}"]
    parts += [] if c.folds == "group" else [f"--folds {c.folds}"]
    parts += [] if c.draws == 1 else [f"--draws {c.draws}"]
    parts += [] if c.epochs is None else [f"--epochs {c.epochs}"]
    parts += [] if c.synthesis else ["--no-synthesis"]
    parts += [] if c.detector else ["--no-detector"]
    parts += ["--keep-small"] if c.keep_small else []
    return " ".join(parts)
