"""What each stage of a training run does. The order and the resuming are in `pipeline`."""

from collections.abc import Callable
from typing import Any, Final

import torch

from regrade.models.registry.changes import install
from regrade.training.export.backbone import export_fp32, quantize_int8
from regrade.training.fit import networks
from regrade.training.fit.finetune import Schedule, backbone_of, fine_tune
from regrade.training.fit.inputs import gather, graded_records, served
from regrade.training.judge.evaluation import EvaluationConfig, evaluate_bundles
from regrade.training.judge.gate import GateResult, conclude, non_inferior, parity
from regrade.training.judge.html_report import write_evaluation
from regrade.training.judge.predictions import Predictions, open_grader, predict
from regrade.training.run.run import Run
from regrade.training.ship import candidate

CALIBRATION_PHOTOS: Final = 128
EPOCHS: Final = {"cpu": 3, "cuda": 12}
FOLD_SHARE: Final = 0.67
"""Epochs of a fold's backbone, as a share of those of the final one."""


def fit_classifier(run: Run) -> None:
    """Fine-tune the backbones, one for each fold and the final one; a run of one category keeps the active backbone if
    that has not seen its photos."""
    active = networks.reusable(run)
    if active is not None:
        run.log.info("keeping the networks of %s, which have not seen %s", active.version, run.config.category)
        return
    material = gather(run)
    device = torch.device(run.device)
    epochs = run.config.epochs or EPOCHS[device.type]
    classes = {name: c.condition_names for name, c in run.categories.items()}
    for number in (*range(int(material.fold.max()) + 1), None):
        wanted = (material.fold >= 0) & (material.fold != (-1 if number is None else number))
        schedule = Schedule(
            epochs=epochs if number is None else max(1, round(epochs * FOLD_SHARE)),
            seed=run.config.seed,
            frozen=run.config.frozen,
        )
        run.log.info("backbone %s", "for all photos" if number is None else f"without fold {number + 1}")
        fine_tune(
            material.pictures.where(wanted),
            material.records,
            classes,
            schedule,
            labels=True,
            device=device,
            checkpoint=networks.checkpoint(run, number),
            log=run.log,
        )


def fit_detector(run: Run) -> None:
    """Fine-tune the detector; a run of one category keeps the active one, which knows the defects of all."""
    if networks.reusable(run) is not None:
        run.log.info("keeping the active detector")
        return
    networks.train_detector(run)


def export(run: Run) -> None:
    """Write the networks as FP32 ONNX."""
    active = networks.reusable(run)
    if active is not None:
        networks.copy_active(run, active)
        return
    backbone = backbone_of(networks.checkpoint(run, None), run.config.frozen)
    run.write_bytes("networks/backbone-fp32.onnx", export_fp32(backbone, run.config.side))
    if run.config.detector:
        networks.export_detector(run)


def quantize(run: Run) -> None:
    """Turn the networks to INT8, and see how close the backbone is to FP32 on photos it was not calibrated on."""
    if networks.reusable(run) is not None:
        return
    photos = [r for r in graded_records(run) if r.split == "train"]
    photos = photos[:: max(1, len(photos) // (2 * CALIBRATION_PHOTOS))][: 2 * CALIBRATION_PHOTOS]
    inputs = [served(r, run.config.side) for r in photos]
    fp32 = (run.folder / "networks" / "backbone-fp32.onnx").read_bytes()
    int8 = quantize_int8(fp32, inputs[::2])
    closeness = networks.closeness(fp32, int8, inputs[1::2])
    run.log.info("backbone in INT8: cosine of features to FP32 %s", closeness)
    run.write_bytes("networks/backbone-int8.onnx", int8)
    found: dict[str, Any] = {"backbone": {"cosine": closeness}}
    if run.config.detector:
        found["detector"] = networks.score_detector(run)
    run.write_json("quantize.json", found)


def calibrate(run: Run) -> None:
    """Fit heads, temperatures, prediction sets, thresholds and boxes; write the candidate bundles into the run."""
    candidate.write(run)


def evaluate(run: Run) -> None:
    """Score the candidate on the test split, as serving would grade it, and write the report."""
    config = EvaluationConfig(
        out=run.folder / "evaluation",
        bundles=run.folder / candidate.FOLDER,
        data=run.config.data,
        categories=tuple(run.categories),
        seed=run.config.seed,
        keep_small=run.config.keep_small,
    )
    with run.progress() as progress:

        def watch(what: str, steps: int) -> Callable[[], None]:
            task = progress.add_task(what, total=steps)
            return lambda: progress.advance(task)

        found = evaluate_bundles(config, watch)
    for path in write_evaluation(found, run.folder / "evaluation", pictures=True):
        run.log.info("wrote %s", path)


def gate(run: Run) -> None:
    """Refuse the candidate if it is worse than what is active, or if its INT8 is not its FP32."""
    test = [r for r in graded_records(run) if r.split == "test"]
    ours = open_grader(run.folder / candidate.FOLDER)
    exact = open_grader(run.folder / candidate.FOLDER, precision="fp32")
    versions = {name: networks.active(run, name) for name in run.categories}
    standing = open_grader(run.config.store) if any(versions.values()) else None
    results: list[GateResult] = []
    pairs: list[tuple[Predictions, Predictions]] = []
    for name in run.categories:
        found = predict(ours, test, name)
        pairs.append((found, predict(exact, test, name)))
        version = versions[name]
        theirs = None if standing is None or version is None else predict(standing, test, name)
        results.append(non_inferior(found, theirs, versions=(run.config.version, version), seed=run.config.seed))
    results = [r.also(parity([pair])) for r, pair in zip(results, pairs, strict=True)]
    conclude(run, results)


def register(run: Run) -> None:
    """Put the bundles that passed the gate among those that serving reads, and activate them unless told not to."""
    root = run.folder / candidate.FOLDER
    refused = {entry["category"] for entry in run.read_json("gate.json") if not entry["passed"]}
    passed = tuple(name for name in candidate.names(run) if name not in refused)
    for name in passed:
        install(run.config.store, root, name, run.config.version)
    if run.config.activate:
        networks.activate_all(run, passed)
    state = "active" if run.config.activate else "installed, not active"
    run.log.info("%s %s: %s under %s", ", ".join(passed), run.config.version, state, run.config.store.site)


__all__ = [
    "calibrate", "evaluate", "export", "fit_classifier", "fit_detector", "gate", "quantize", "register",
]  # fmt: skip
