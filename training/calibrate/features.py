"""A run's photos and pictures as its backbones see them: what heads are fitted on, and what they are judged on."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.models.arch.grading_backbone import GradingBackbone
from regrade.models.errors import RunError
from regrade.models.networks.runtime import Model
from regrade.training.calibrate.condition_heads import CrossFitFeatures
from regrade.training.data.pictures import Corpus, TrainingPicture
from regrade.training.fit import networks
from regrade.training.fit.crossfit import FOLDS, BackboneFeatures, deal, see
from regrade.training.fit.finetune import as_imagenet_left_it, backbone_of
from regrade.training.fit.inputs import TrainingInputs, corpus_of, gather, graded_records, served
from regrade.training.run.network_outputs import Arrays, hash_of, hash_of_network, hash_of_photos, recalled
from regrade.training.run.progress import bar
from regrade.training.run.run import Run

THREADS: Final = 2
_CHUNK: Final = 256
_Item = TypeVar("_Item")


def extract_features(run: Run) -> tuple[CrossFitFeatures, TrainingInputs | None]:
    """See all photos and pictures through every backbone of the run; with the material, unless networks are kept.

    Raises `RunError` where the pictures that the networks were trained on are gone.
    """
    int8, fp32 = (networks.read(run, f) for f in (networks.BACKBONE_INT8, networks.BACKBONE_FP32))
    records = graded_records(run)
    test = np.flatnonzero([r.split == "test" for r in records])
    photos = _photos(run, "photos", int8, records)
    exact = np.zeros_like(photos["features"])
    if len(test):
        exact[test] = _photos(run, "test-photos-fp32", fp32, [records[i] for i in test])["features"]
    material = gather(run) if networks.reusable(run) is None else None
    folds: Sequence[BackboneFeatures] = ()
    if material is not None:
        corpus = corpus_of(run, material.records)
        if not all(file.exists() for file in corpus.files):
            raise RunError(
                f"The pictures that the networks of this run were trained on are not in {corpus.folder} any more: they "
                "were deleted, or made by another release. Begin anew with --from fit-classifier."
            )
        fold = material.fold[: len(records)]
        folds = [
            _through(run, f"without-fold-{k}", backbone_of(networks.checkpoint(run, k), run.config.frozen), material)
            for k in range(int(fold.max()) + 1)
        ]
    else:
        corpus = corpus_of(run, records)
        corpus.build()
        fold = deal(records, run.config.seed, by=run.config.folds)
    pictures = _pictures(run, int8, corpus)
    final = BackboneFeatures(photos["features"], pictures["features"], photos["maps"])
    # A backbone that is kept has seen none of these photos: it is a stranger to every fold.
    folds = folds or [final] * FOLDS
    return CrossFitFeatures(records, pictures["rows"], pictures["drawn"], fold, folds, final, exact), material


def untrained(run: Run, material: TrainingInputs) -> BackboneFeatures:
    """The photos and pictures through the backbone as ImageNet left it."""
    return _through(run, "imagenet", as_imagenet_left_it(run.config.frozen), material)


def _through(run: Run, name: str, backbone: GradingBackbone, material: TrainingInputs) -> BackboneFeatures:
    def make() -> Arrays:
        seen = see(backbone, material.plain, material.pictures, torch.device(run.device))
        return {"photos": seen.photos, "pictures": seen.pictures, "maps": seen.maps}

    shown = hash_of(material.plain.numpy(), material.pictures.trunk.numpy())
    return BackboneFeatures(**recalled(run, name, hash_of(hash_of_network(backbone), shown), make))


def _photos(run: Run, name: str, network: bytes, records: Sequence[Record]) -> Arrays:
    def make() -> Arrays:
        return features(network, records, lambda r: served(r, run.config.side), len(records), name)

    return recalled(run, name, hash_of(network, hash_of_photos(records), str(run.config.side)), make)


def _pictures(run: Run, network: bytes, corpus: Corpus) -> Arrays:
    """`features` (m, D) of the pictures, with `rows` (m,) of their records and whether damage was `drawn` (m,)."""
    rows: list[int] = []
    drawn: list[bool] = []

    def noted() -> Iterable[TrainingPicture]:
        for picture in corpus:
            rows.append(picture.row)
            drawn.append(picture.kind == "damaged")
            yield picture

    def make() -> Arrays:
        found = features(network, noted(), lambda p: p.rgb, None, "pictures")["features"]
        return {"features": found, "rows": np.array(rows, dtype=np.intp), "drawn": np.array(drawn, dtype=np.bool_)}

    return recalled(run, "pictures", hash_of(network, *corpus.files), make)


def features(
    network: bytes,
    items: Iterable[_Item],
    pixels_of: Callable[[_Item], NDArray[np.uint8]],
    total: int | None,
    what: str,
) -> Arrays:
    """`features` (n, D) and `maps` (n, types, h, w) of the pictures of `items`, each uint8 (side, side, 3), one by one
    as serving runs them."""
    model = Model(network)

    def one(item: _Item) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
        found, places = model.run({"pixels": pixels_of(item)[np.newaxis]}, ("features", "map"))
        return found[0], places[0].astype(np.float16)

    rows: list[tuple[NDArray[np.float32], NDArray[np.float16]]] = []
    left = iter(items)
    with ThreadPoolExecutor(THREADS) as pool, bar() as progress:
        task = progress.add_task(what, total=total)
        # In chunks: a pool takes all that it is given at once, and all pictures do not fit into memory.
        while chunk := list(islice(left, _CHUNK)):
            for row in pool.map(one, chunk):
                rows.append(row)
                progress.advance(task)
    return {"features": np.stack([f for f, _ in rows]), "maps": np.stack([m for _, m in rows])}
