"""The networks of a run: those it trains, and those that are active already and can be kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.networks.detector import Detector
from regrade.models.networks.runtime import Model
from regrade.models.registry.bundle import ROUTER, Bundle
from regrade.models.registry.changes import activate
from regrade.training.fit.inputs import graded_records
from regrade.training.run.run import ALL, Run

FOLDER: Final = "networks"
BACKBONE_FP32, BACKBONE_INT8 = f"{FOLDER}/backbone-fp32.onnx", f"{FOLDER}/backbone-int8.onnx"
DETECTOR: Final = f"{FOLDER}/detector.json"
DETECTOR_FP32: Final = f"{FOLDER}/detector-fp32.onnx"


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """How the detector is trained on one kind of device."""

    epochs: int
    side: int
    freeze: int
    batch: int
    served: int
    """Side at which it runs afterwards, in pixels: a little larger than that it was trained at."""


DETECTOR_PLAN: Final = {"cpu": DetectorPlan(4, 384, 10, 16, 416), "cuda": DetectorPlan(60, 640, 0, 32, 640)}
"""On two cores the stem keeps its COCO weights and photos are small: it is trained in half an hour instead of a day."""


def checkpoint(run: Run, fold: int | None) -> Path:
    """Where the backbone without this fold (None: the final one) is kept while it is trained."""
    return run.checkpoints("fit-classifier") / ("final.pt" if fold is None else f"without-fold-{fold}.pt")


def active(run: Run, name: str) -> str | None:
    """The version of `name` that is active where the run will register, None if none is."""
    return run.config.store.active_versions().get(name)


def reusable(run: Run) -> Bundle | None:
    """An active bundle whose networks a run of one category can keep: they were trained on photos of others.

    A network that has seen the category's photos cannot be asked what it makes of strangers, and is trained anew.
    """
    if run.config.category == ALL or run.config.tune is not None:
        return None
    store = run.config.store
    for name in sorted(store.active_versions(), key=lambda name: (name != ROUTER, name)):
        bundle = store.load(name)
        known = bundle.metrics.get("backbone_trained_on")
        if known and run.config.category not in known and bundle.input_side == run.config.side:
            return bundle
    return None


def read(run: Run, name: str) -> bytes:
    """One of the run's network files."""
    return (run.folder / name).read_bytes()


def copy_active(run: Run, bundle: Bundle) -> None:
    """Take over the networks of `bundle` as those of this run."""
    for precision in bundle.backbones:
        run.write_bytes(f"{FOLDER}/backbone-{precision}.onnx", bundle.backbone_path(precision).read_bytes())
    path = bundle.detector_path()
    if bundle.detector is not None and path is not None:
        run.write_bytes(DETECTOR_FP32, path.read_bytes())
        run.write_json(DETECTOR, {"classes": list(bundle.detector.classes), "side": bundle.detector.side})


def closeness(fp32: bytes, int8: bytes, inputs: list[NDArray[np.uint8]]) -> float:
    """The median cosine between the features of the two backbones, each less the mean feature, over `inputs`."""
    exact, rounded = (_features(data, inputs) for data in (fp32, int8))
    mean = exact.mean(axis=0)
    a, b = exact - mean, rounded - mean
    cosine = (a * b).sum(axis=1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-9)
    return round(float(np.median(cosine)), 4)


def _features(data: bytes, inputs: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    model = Model(data)
    return np.concatenate([model.run({"pixels": p[np.newaxis]}, ("features",))[0] for p in inputs])


def detector_files(run: Run) -> dict[str, Any] | None:
    """Classes and side of the run's detector, None if it has none."""
    return run.read_json(DETECTOR) if (run.folder / DETECTOR).exists() else None


def detector_data(run: Run) -> Path | None:
    """The YAML file of the pictures that the run's detector was trained on; None for one that was kept."""
    described = detector_files(run)
    return Path(described["data"]) if described is not None and "data" in described else None


def runtime_detector(run: Run) -> Detector:
    """The run's detector as serving runs it."""
    described = run.read_json(DETECTOR)
    return Detector(Model(read(run, DETECTOR_FP32)), int(described["side"]), tuple(described["classes"]))


def train_detector(run: Run) -> None:
    """Make the detector's pictures and fine-tune it on them."""
    from regrade.training.data.detector_pictures import build_data
    from regrade.training.fit.detector import classes_of, fit_detector

    records = graded_records(run)
    data = build_data(
        records, run.categories, run.config.cache / "boxes", seed=run.config.seed, synthesis=run.config.synthesis
    )
    plan = DETECTOR_PLAN["cuda" if run.device.startswith("cuda") else "cpu"]
    checkpoint = fit_detector(
        data,
        run.config.detector_weights,
        run.checkpoints("fit-detector"),
        epochs=run.config.detector_epochs or plan.epochs,
        side=min(plan.side, run.config.detector_side),
        seed=run.config.seed,
        device=run.device,
        freeze=plan.freeze,
        batch=plan.batch,
    )
    described = {"classes": list(classes_of(checkpoint)), "side": min(plan.served, run.config.detector_side)}
    run.write_json(DETECTOR, {**described, "data": str(data), "checkpoint": str(checkpoint)})


def export_detector(run: Run) -> None:
    """Write the detector as ONNX."""
    from regrade.training.export.detector import export_detector as to_onnx
    from regrade.training.fit.detector import module_of

    described = run.read_json(DETECTOR)
    run.write_bytes(DETECTOR_FP32, to_onnx(module_of(Path(described["checkpoint"])), described["side"]))


def score_detector(run: Run) -> dict[str, Any]:
    """The detector's AP50 on val, by type and on average."""
    from regrade.training.metrics.detection import ap50_on, mean_ap, rounded

    by_type = ap50_on(Path(run.read_json(DETECTOR)["data"]), runtime_detector(run), "val")
    run.log.info("detector AP50 on val: %.3f", mean_ap(by_type))
    return {"by_type": {kind: ap.to_json() for kind, ap in by_type.items()}, "mean_ap50": rounded(mean_ap(by_type))}


def activate_all(run: Run, names: tuple[str, ...]) -> None:
    """Point every category at the run's version."""
    for name in names:
        activate(run.config.store, name, run.config.version, by="regrade train", reason=f"gate of {run.folder.name}")
