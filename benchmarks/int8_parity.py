"""INT8 beside FP32: features, grades and CPU time of the shipped bundles, here and on an emulated CPU without VNNI.

    .venv/bin/python benchmarks/int8_parity.py MANIFEST [--other MANIFEST] [--before FOLDER]

writes benchmarks/results/int8_parity.json. MANIFEST lists labelled photos (bench-v2.jsonl), of which those of the test
split are graded by both; --other lists photos of sources that no network has seen. --before names a folder of bundles
whose networks take turns with the shipped ones, for their time. The emulated CPU (qemu-x86_64) is a Haswell, whose fast
kernels add pairs of products in 16 bits; it says nothing of time.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rig import parser, write
from sklearn.metrics import f1_score, roc_auc_score

from regrade.models.grader import Grader
from regrade.models.networks.arithmetic import cpu_features
from regrade.models.networks.runtime import Model
from regrade.models.photos.intake import open_photo
from regrade.models.photos.preprocess import model_input
from regrade.models.registry.bundle import Bundle, load_bundle, shipped_root
from regrade.models.registry.store import BundleStore
from regrade.training.judge.predictions import ANY_PHOTO

Floats = NDArray[np.float64]
EMULATED = """
import site, sys
for folder in filter(lambda path: path.endswith("site-packages"), list(sys.path)):
    site.addsitedir(folder)
import numpy
from pathlib import Path
from regrade.models.networks.runtime import Model
network, pixels = Model(Path(sys.argv[1])), numpy.load(sys.argv[2])
numpy.save(sys.argv[3], numpy.concatenate([network.run({"pixels": p[None]}, ("features",))[0] for p in pixels]))
"""


def rows_of(manifest: Path) -> list[dict[str, Any]]:
    """The photos that a manifest lists, with the path of each as `path`."""
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [{**row, "path": manifest.parent / row["file"]} for row in rows]


def spread(rows: Sequence[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Up to `most` of `rows`, from each source in turn."""
    by_source: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in random.Random(0).sample(list(rows), len(rows)):
        by_source[row["source"]].append(row)
    longest = max(map(len, by_source.values()), default=0)
    turns = [found[i] for i in range(longest) for found in by_source.values() if i < len(found)]
    return turns[:most]


def features(path: Path, pixels: NDArray[np.uint8]) -> Floats:
    """What the backbone in this file makes of `pixels`, (n, side, side, 3)."""
    network = Model(path)
    rows = [network.run({"pixels": p[np.newaxis]}, ("features",))[0] for p in pixels]
    return np.concatenate(rows).astype(np.float64)


def emulated(path: Path, pixels: NDArray[np.uint8]) -> Floats | None:
    """The same on an emulated Haswell, None without the emulator."""
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "pixels.npy", Path(folder) / "features.npy"
        np.save(given, pixels)
        python = str(Path(sys.executable).resolve())
        command = [emulator, "-cpu", "Haswell", python, "-c", EMULATED, str(path), str(given), str(made)]
        where = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        subprocess.run(command, check=True, env=os.environ | where)
        found: Floats = np.load(made).astype(np.float64)
        return found


def cosines(a: Floats, b: Floats) -> Floats:
    found: Floats = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return found


def told(found: Floats) -> dict[str, float]:
    """Median, 5th percentile and minimum."""
    values = {"median": np.median(found), "p5": np.quantile(found, 0.05), "min": found.min()}
    return {name: round(float(value), 4) for name, value in values.items()}


def closeness(bundle: Bundle, sets: Mapping[str, Sequence[dict[str, Any]]], few: int) -> dict[str, Any]:
    """Cosines of INT8 features to FP32 ones on each of `sets`; centred ones are less the mean FP32 feature of the first
    of the sets. `few` photos of each are seen on the emulated CPU, too."""
    found: dict[str, Any] = {}
    mean: Floats | None = None
    for name, rows in sets.items():
        shown = [model_input(open_photo(r["path"].read_bytes()).rgb, bundle.input_side) for r in rows]
        pixels = np.stack(shown)
        exact = features(bundle.backbone_path("fp32"), pixels)
        here = features(bundle.backbone_path("int8"), pixels)
        mean = exact.mean(axis=0) if mean is None else mean
        found[name] = {
            "photos": len(rows),
            "cosine": told(cosines(exact, here)),
            "centred": told(cosines(exact - mean, here - mean)),
        }
        there = emulated(bundle.backbone_path("int8"), pixels[:few])
        if there is not None:
            found[name]["emulated_haswell"] = {
                "photos": len(there),
                "to_fp32": told(cosines(exact[:few], there)),
                "to_int8_here": told(cosines(here[:few], there)),
            }
    return found


def grades(rows: Sequence[dict[str, Any]], graders: Mapping[str, Grader]) -> dict[str, Any]:
    """How photos of one category are graded by each of `graders`, and how far the grades are apart."""
    category = rows[0]["category"]
    probabilities: dict[str, list[list[float]]] = {name: [] for name in graders}
    for row in rows:
        photo = open_photo(row["path"].read_bytes())
        for name, grader in graders.items():
            grade = grader.grade([photo], category).grade
            assert grade is not None  # these graders look at every photo
            probabilities[name].append(list(grade.probabilities.values()))
    labels = next(iter(graders.values())).bundles[category].labels
    p = {name: np.array(values) for name, values in probabilities.items()}
    apart = np.abs(p["int8"] - p["fp32"]).sum(axis=1) / 2
    truth = np.array([labels.index(r["condition"]) for r in rows])
    damaged = truth == labels.index("damaged")
    scores = {
        name: {
            "accuracy": round(float((v.argmax(axis=1) == truth).mean()), 4),
            "macro_f1": round(float(f1_score(truth, v.argmax(axis=1), average="macro")), 4),
            "damage_auroc": round(float(roc_auc_score(damaged, v[:, -1])), 4)
            if 0 < damaged.sum() < len(truth)
            else None,
        }
        for name, v in p.items()
    }
    return {
        "photos": len(rows),
        "same_condition": round(float((p["int8"].argmax(axis=1) == p["fp32"].argmax(axis=1)).mean()), 4),
        "total_variation": {"mean": round(float(apart.mean()), 4), "p95": round(float(np.quantile(apart, 0.95)), 4)},
        **scores,
    }


def cost(bundles: Mapping[str, Bundle], precisions: Mapping[str, str], rounds: int) -> dict[str, Any]:
    """CPU milliseconds a photo of backbone and detector, taking turns, and the ratios to the first."""
    networks: dict[str, list[tuple[Model, NDArray[np.uint8]]]] = {}
    rng = np.random.default_rng(0)
    for name, bundle in bundles.items():
        paths = [(bundle.backbone_path(precisions[name]), bundle.input_side)]
        detector = bundle.detector_path(precisions[name])
        if detector is not None and bundle.detector is not None:
            paths.append((detector, bundle.detector.side))
        networks[name] = [(Model(p), rng.integers(0, 256, (1, side, side, 3), np.uint8)) for p, side in paths]
    times: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(rounds):
        for name, models in networks.items():
            started = time.thread_time()
            for model, pixels in models:
                model.run({"pixels": pixels})
            times[name].append((time.thread_time() - started) * 1000)
    first = np.array(next(iter(times.values())))
    return {
        name: {"median_ms": round(float(np.median(t)), 2), "ratio": round(float(np.median(np.array(t) / first)), 3)}
        for name, t in times.items()
    }


def main() -> None:
    made = parser(__doc__, service=False)
    made.add_argument("manifest", type=Path)
    made.add_argument("--other", type=Path)
    made.add_argument("--before", type=Path)
    made.add_argument("--photos", type=int, default=200)
    made.add_argument("--emulated", type=int, default=20)
    made.add_argument("--rounds", type=int, default=40)
    options = made.parse_args()
    test = [r for r in rows_of(options.manifest) if r["split"] == "test" and r["condition"] is not None]
    sets = {"bench": spread(test, options.photos)}
    if options.other is not None:
        sets["other_sources"] = spread(rows_of(options.other), options.photos // 2)
    store = BundleStore(base=shipped_root())
    bundles = {name: store.load(name) for name in store.active_versions()}
    every = {b.backbones["int8"]: b for b in bundles.values()}
    closest = {digest[:12]: closeness(b, sets, options.emulated) for digest, b in every.items()}
    found: dict[str, Any] = {"cpu": cpu_features(), "versions": store.active_versions(), "features": closest}
    graders = {p: Grader.load(store, precision=p, quality=ANY_PHOTO) for p in ("int8", "fp32")}
    by_category = {name: [r for r in test if r["category"] == name] for name in graders["int8"].categories}
    found["grades"] = {name: grades(rows, graders) for name, rows in by_category.items() if rows}
    one = bundles["packaging"]
    turns, precisions = {"int8": one, "fp32": one}, {"int8": "int8", "fp32": "fp32"}
    if options.before is not None:
        turns["int8_before"], precisions["int8_before"] = load_bundle(options.before, "packaging"), "int8"
    found["cpu_ms_per_photo"] = cost(turns, precisions, options.rounds)
    # The result tells the command, and nobody else has these folders.
    sys.argv = [Path(given).name if os.sep in given and given != sys.argv[0] else given for given in sys.argv]
    write(found, "int8_parity", out=options.out)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
