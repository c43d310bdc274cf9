"""Whether parts of a photo beside the whole tell damage better, category by category, and what share of photos pays.

    .venv/bin/python benchmarks/parts_pay.py                 # writes benchmarks/results/parts_pay.json

Real photos of sources that nothing was fitted on; photos of the test split; and copies of these with drawn damage
beside copies with harmless edits, all there is for electronics. The offset is fitted on undamaged photos of val.
`gain` is what parts add to the damage AUROC of the head on the whole photo (95% intervals by a paired bootstrap over
groups); `false_alarms` and `found` are the shares of undamaged and damaged pictures whose most probable condition is
`damaged`; `asked` the share whose parts are looked at. Needs the bench photos and those of the other sources.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from drawn_damage import pictures
from labelled_photos import labelled_photos, resampled_by
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.datasets.synth.catalogue import VERSION
from regrade.models.calibration import PartsEvidence
from regrade.models.estimates import Resamples
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
from regrade.models.registry.bundle import load_bundle, shipped_root
from regrade.models.types import Photo
from regrade.training.calibrate.parts import SHARE, decoding_side, fused, seen_in_parts, with_offset
from regrade.training.metrics.classification import damage_auroc, damage_recall, difference

HERE: Final = Path(__file__).parent
BANDS: Final = ((0.0, 1.0), (0.05, 0.9), (0.1, 0.9), (0.15, 0.9))
SHARPNESS: Final = (0.25, 1.0, 3.0)


@dataclass(frozen=True)
class Shown:
    """Pictures seen whole and in parts, (n, 5, k), whether each is damaged, and what it is resampled with."""

    seen: NDArray[np.float64]
    damaged: NDArray[np.bool_]
    groups: list[str]


def of_photos(bundle: Any, records: Sequence[Record]) -> Shown:
    limits = replace(DEFAULT_LIMITS, working_side=decoding_side(bundle))

    def pixels(record: Record) -> NDArray[np.uint8]:
        return open_photo(record.file.read_bytes(), limits=limits).rgb

    read = [partial(pixels, record) for record in records]
    return Shown(
        seen_in_parts(bundle, read),
        np.array([r.condition == "damaged" for r in records]),
        resampled_by(list(records)),
    )


def _rgb_of(photo: Photo) -> NDArray[np.uint8]:
    return photo.rgb


def of_drawn(bundle: Any, records: Sequence[Record]) -> Shown:
    made = pictures([r for r in records if r.condition not in (None, "damaged")], 1)
    return Shown(
        seen_in_parts(bundle, [partial(_rgb_of, photo) for _, _, photo in made]),
        np.array([damaged for _, damaged, _ in made]),
        [group for group, _, _ in made],
    )


def compared(parts: PartsEvidence, shown: Shown) -> dict[str, Any]:
    """What `parts` change on what was `shown`."""
    whole, closer = shown.seen[:, 0], fused(parts, shown.seen)
    worst = whole.shape[1] - 1
    truth = np.where(shown.damaged, worst, 0)
    drawn = Resamples.of(shown.groups)
    told = {name: p.argmax(axis=1) == worst for name, p in (("whole", whole), ("parts", closer))}
    return {
        "pictures": len(truth),
        "damaged": int(shown.damaged.sum()),
        "damage_auroc": {n: round(damage_auroc(p, truth), 4) for n, p in (("whole", whole), ("parts", closer))},
        "gain": difference(damage_auroc, closer, whole, truth, drawn).to_json(),
        "gain_in_recall_at_5": difference(damage_recall(0.05), closer, whole, truth, drawn).to_json(),
        "false_alarms": {n: round(float(hit[~shown.damaged].mean()), 4) for n, hit in told.items()},
        "found": {n: round(float(hit[shown.damaged].mean()), 4) for n, hit in told.items()},
        "asked": round(float(np.mean([parts.wanted(float(p)) for p in whole[:, -1]])), 4),
    }


def measure(category: str, root: Path, more: Path | None) -> dict[str, Any]:
    photos, bundle = labelled_photos(more), load_bundle(root, category)
    mine = [r for r in photos.bench if r.category == category and r.condition and r.damage_decidable is not False]
    test = [r for r in mine if photos.first_splits[r.id] == "test"]
    shown = {"test split": of_photos(bundle, test), "test split, drawn": of_drawn(bundle, test)}
    others = [r for r in photos.more if r.category == category and r.condition]
    for source in sorted({r.source for r in others}):
        records = [r for r in others if r.source == source]
        if 5 <= sum(r.condition == "damaged" for r in records) <= len(records) - 5:
            shown[source] = of_photos(bundle, records)
    val = of_photos(bundle, [r for r in mine if photos.first_splits[r.id] == "val"])
    found: dict[str, Any] = {"version": bundle.version}
    for sharpness in SHARPNESS:
        for low, high in BANDS:
            parts = with_offset(PartsEvidence(SHARE, low, high, sharpness), val.seen, ~val.damaged)
            name = f"sharpness {sharpness:g}, from {low:g} to {high:g}"
            found[name] = {"offset": parts.offset, **{what: compared(parts, one) for what, one in shown.items()}}
    return found


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--bundles", type=Path, default=shipped_root())
    made.add_argument("--more", type=Path)
    made.add_argument("--category", action="append")
    made.add_argument("--out", type=Path, default=HERE / "results" / "parts_pay.json")
    options = made.parse_args()
    result: dict[str, Any] = {"command": "benchmarks/parts_pay.py", "date": date.today().isoformat()}
    result["synthesis_version"] = VERSION
    for category in options.category or ("electronics", "packaging", "apparel"):
        result[category] = measure(category, options.bundles, options.more)
        for name, figures in result[category].items():
            if isinstance(figures, dict):
                print(category, name, {k: v["gain"] for k, v in figures.items() if isinstance(v, dict)})
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
