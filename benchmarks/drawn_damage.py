"""How well bundles tell damage drawn onto photos of the test split from harmless edits of the same photos.

    .venv/bin/python benchmarks/drawn_damage.py 2026.11.1 2026.11.3     # writes benchmarks/results/drawn_damage.json

No substitute for photos of really damaged goods: it says whether a bundle sees cracks, tears and stains such as the
synthesis draws, on photos that no network was trained on. Versions are compared on the same pictures; intervals (95%)
are by bootstrap over groups. Needs the bench photos.
"""

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.category import load_categories
from regrade.datasets.manifest import Record, locate_manifest, read_manifest
from regrade.datasets.synth.catalogue import VERSION, scene_of, synthesize, synthesize_harmless
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import shipped_root, versions
from regrade.models.types import Photo
from regrade.training.judge.predictions import open_grader
from regrade.training.metrics.classification import damage_auroc, estimate

HERE = Path(__file__).parent


def pictures(records: list[Record], seed: int) -> list[tuple[str, bool, Photo]]:
    """(group, damaged, photo): of each photo a copy with drawn damage and one with harmless edits."""
    categories = load_categories()
    made = []
    for record in records:
        category = categories[record.category]
        drawn = category.synthesis
        assert drawn is not None
        photo = open_photo(record.file.read_bytes())
        scene = scene_of(photo.rgb, category.outline, record.item_type, record.largest_item_at(photo.rgb.shape[1]))
        rng = np.random.default_rng([seed, int(record.sha256[:8], 16)])
        damaged = synthesize(scene, drawn.damage, rng)
        if damaged is not None:
            made.append((record.group, True, _with(photo, damaged.rgb)))
            made.append((record.group, False, _with(photo, synthesize_harmless(scene, drawn.harmless, rng))))
    return made


def _with(photo: Photo, rgb: NDArray[np.uint8]) -> Photo:
    return Photo(photo.index, photo.sha256, photo.media_type, photo.width, photo.height, rgb)


def measure(names: list[str], wanted: list[str], seed: int) -> dict[str, Any]:
    """Damage AUROC of each version on each category's pictures."""
    records = read_manifest(locate_manifest())
    found: dict[str, Any] = {}
    for name in names:
        held_out = [r for r in records if r.category == name and r.split == "test"]
        chosen = [r for r in held_out if r.condition not in (None, "damaged")]
        made = pictures(chosen, seed)
        truth = np.array([damaged for _, damaged, _ in made], dtype=np.intp)
        groups = np.array([group for group, _, _ in made])
        found[name] = {"pictures": len(made), "photos": len(made) // 2}
        for version in wanted:
            if version not in versions(shipped_root(), name):
                continue
            grader = open_grader(version=version)
            scores = []
            for _, _, photo in made:
                grade = grader.grade([photo], name).grade
                assert grade is not None
                scores.append(grade.probabilities["damaged"])
            p = np.column_stack([1 - np.array(scores), scores])
            found[name][version] = estimate(damage_auroc, p, truth, groups, seed=seed).to_json()
            print(name, version, found[name][version])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="+")
    parser.add_argument("--category", action="append", default=[])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "drawn_damage.json")
    options = parser.parse_args()
    names = options.category or ["packaging", "electronics", "apparel"]
    found = {
        "command": f"benchmarks/drawn_damage.py {' '.join(options.versions)} --seed {options.seed}",
        "date": date.today().isoformat(),
        "synthesis_version": VERSION,
        "categories": measure(names, options.versions, options.seed),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
