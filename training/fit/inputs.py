"""What a run is trained on: its records, and the pictures made of them, as the frozen stages see them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from regrade.datasets.manifest import Record, locate_manifest, read_manifest
from regrade.models.errors import DatasetError
from regrade.models.photos.intake import open_photo
from regrade.models.photos.preprocess import model_input
from regrade.training.data.pictures import Corpus, Variant, drawn_anew, variants
from regrade.training.data.preflight import usable
from regrade.training.data.targets import FITTED_SPLITS, LEAST_FITTED, rows_of
from regrade.training.fit.crossfit import Ints, deal
from regrade.training.fit.finetune import Pictures, Trunk, embed
from regrade.training.run.progress import bar
from regrade.training.run.run import Run

UNGRADED_NAME: Final = "extra.jsonl"
"""A manifest of photos that nobody has graded, beside that of the graded ones: material to draw damage on."""
UNGRADED_MOST: Final = 250
WAYS: Final[tuple[Variant, ...]] = variants(clean=2, harmless=1, damaged=2, close=1)
WAYS_UNDRAWN: Final[tuple[Variant, ...]] = variants(clean=3, harmless=0, damaged=0, close=0)
_BATCH = 16


def graded_records(run: Run) -> list[Record]:
    """The run's photos in the order of the manifest: of its categories, without the sources that are left out and,
    unless the run keeps them, without those that serving would send back as too small.

    Raises `DatasetError` where a category has too few graded photos, or the manifest one without a definition.
    """
    everything = read_manifest(run.config.data)
    unknown = sorted(set(run.config.leave_out) - {r.source for r in everything})
    if unknown:
        sources = ", ".join(sorted({r.source for r in everything}))
        raise DatasetError(f"no photo comes from {', '.join(unknown)}; sources are {sources}.")
    records = usable([r for r in everything if r.category in run.categories], run.config)
    for name in run.categories:
        count = len(rows_of(records, name, FITTED_SPLITS))
        if count < LEAST_FITTED:
            raise DatasetError(
                f"category {name} has {count} graded photos in train and val; at least {LEAST_FITTED} are needed."
            )
    return records


def ungraded_records(run: Run) -> list[Record]:
    """Photos of the run's categories that nobody has graded, evenly spread over those there are; often none."""
    path = locate_manifest(run.config.data).parent / UNGRADED_NAME
    if not path.is_file():
        return []
    found = usable([r for r in read_manifest(path) if r.category in run.categories], run.config)
    step = max(1, len(found) // UNGRADED_MOST)
    return [replace(r, condition=None, votes=(), split="train") for r in found[::step][:UNGRADED_MOST]]


@dataclass(frozen=True, slots=True)
class TrainingInputs:
    """`records` are the graded ones, then the ungraded. `plain` is the trunk of each graded one as serving would see
    it, float16 (n, c, h, w); `fold` (n + ungraded,) the fold of each, −1 for the test split."""

    records: Sequence[Record]
    graded: int
    plain: torch.Tensor
    pictures: Pictures
    fold: Ints


def corpus_of(run: Run, records: Sequence[Record]) -> Corpus:
    """The pictures of `records`; those of the test split have none."""
    ways = drawn_anew(WAYS if run.config.synthesis else WAYS_UNDRAWN, run.config.draws)
    return Corpus(records, run.categories, ways, side=run.config.side, seed=run.config.seed, folder=run.config.cache)


def gather(run: Run) -> TrainingInputs:
    """Make, or read back, all that the classifier is trained on. Interrupted, it goes on at the next call."""
    graded = graded_records(run)
    records = [*graded, *ungraded_records(run)]
    fold = deal(records, run.config.seed, by=run.config.folds)
    file = run.checkpoints("fit-classifier") / "material.pt"
    if file.exists():
        stored = torch.load(file, weights_only=True)
        arrays = (stored[name].numpy() for name in ("rows", "damaged", "draws"))
        pictures = Pictures(stored["trunk"], stored["grids"], *arrays)
        return TrainingInputs(records, len(graded), stored["plain"], pictures, fold)
    corpus = corpus_of(run, records)
    corpus.build()
    trunk = Trunk(run.config.side, torch.device(run.device), run.config.frozen)
    pictures = embed(corpus, trunk)
    plain = _plain(graded, trunk, run.config.side)
    partial = file.with_suffix(".partial")
    torch.save(
        {
            "trunk": pictures.trunk,
            "grids": pictures.grids,
            "rows": torch.from_numpy(pictures.rows),
            "damaged": torch.from_numpy(pictures.damaged),
            "draws": torch.from_numpy(pictures.draws),
            "plain": plain,
        },
        partial,
    )
    partial.replace(file)
    run.log.info(
        "%d photos, %d pictures, %d with drawn damage", len(records), len(pictures.rows), pictures.damaged.sum()
    )
    return TrainingInputs(records, len(graded), plain, pictures, fold)


def served(record: Record, side: int) -> NDArray[np.uint8]:
    """A photo as serving shows it to the backbone, uint8 (side, side, 3)."""
    return model_input(open_photo(record.file.read_bytes()).rgb, side)


def _plain(records: Sequence[Record], trunk: Trunk, side: int) -> torch.Tensor:
    parts = []
    with bar() as progress:
        for start in progress.track(range(0, len(records), _BATCH), description="photos"):
            parts.append(trunk(np.stack([served(r, side) for r in records[start : start + _BATCH]])))
    return torch.cat(parts)
