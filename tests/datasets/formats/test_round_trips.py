"""What goes out in a format and comes back is the same, in all that the format can carry."""

import contextlib
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from regrade.datasets.category import load_categories
from regrade.datasets.checks import check_manifest
from regrade.datasets.formats.assemble import Defaults
from regrade.datasets.formats.exporting import export_dataset
from regrade.datasets.formats.importing import Imported
from regrade.datasets.formats.registry import FORMATS, format_of
from regrade.datasets.manifest import Record, read_manifest

Dataset = Callable[[int], list[Record]]
ImportAs = Callable[..., Imported]
SEEDS = (0, 3)
"""Packaging alone, and two categories; what the seed draws has every kind of record in it."""


def export(kind: str, records: Sequence[Record], out: Path) -> Path:
    export_dataset(format_of(kind), records, load_categories(), out)
    return out


def everything(records: Sequence[Record]) -> list[dict[str, Any]]:
    rows = [asdict(record) for record in records]
    for row in rows:
        del row["file"]
    return sorted(rows, key=lambda row: str(row["id"]))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["coco", "csv", "label-studio"])
def test_formats_that_carry_everything_bring_it_back(
    kind: str, seed: int, dataset: Dataset, import_as: ImportAs, tmp_path: Path
) -> None:
    records = dataset(seed)
    back = import_as(kind, export(kind, records, tmp_path / "out"), defaults=Defaults())
    assert everything(back.records) == everything(records)
    assert everything(read_manifest(tmp_path / "imported")) == everything(records)


def test_an_imagefolder_brings_back_condition_split_and_group(
    dataset: Dataset, import_as: ImportAs, tmp_path: Path
) -> None:
    def carried(records: Sequence[Record]) -> list[tuple[Any, ...]]:
        sizes = Counter(r.group for r in records)
        groups = {r.sha256: r.group if sizes[r.group] > 1 else None for r in records}
        return sorted((r.sha256, r.condition or "", r.split, groups[r.sha256] or "") for r in records)

    records = dataset(0)
    back = import_as("imagefolder", export("imagefolder", records, tmp_path / "out"))
    assert carried(back.records) == carried(records)


def test_yolo_brings_back_boxes_and_split(dataset: Dataset, import_as: ImportAs, tmp_path: Path) -> None:
    def carried(records: Sequence[Record]) -> list[tuple[Any, ...]]:
        return sorted((r.sha256, r.split, r.items, tuple((d.type, d.box) for d in r.defects)) for r in records)

    records = dataset(4)
    back = import_as("yolo", export("yolo", records, tmp_path / "out"))
    assert carried(back.records) == carried(records)


@pytest.mark.parametrize("kind", FORMATS)
def test_photos_come_back_byte_for_byte_and_pass_the_checks(
    kind: str, dataset: Dataset, import_as: ImportAs, tmp_path: Path
) -> None:
    records = dataset(2)
    back = import_as(kind, export(kind, records, tmp_path / "out"))
    assert back.converted == back.left_out == back.moved == 0
    assert {r.file.read_bytes() for r in back.records} == {r.file.read_bytes() for r in records}
    findings = check_manifest(read_manifest(tmp_path / "imported"), load_categories())
    assert [f for f in findings if f.level == "error"] == []


def test_pycocotools_scores_an_export_against_itself_as_perfect(dataset: Dataset, tmp_path: Path) -> None:
    out = export("coco", dataset(1), tmp_path / "out")
    document = json.loads((out / "annotations.json").read_text(encoding="utf-8"))
    found = [{k: a[k] for k in ("image_id", "category_id", "bbox")} | {"score": 1.0} for a in document["annotations"]]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(out / "annotations.json"))
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert len(truth.getImgIds()) == 12
    assert evaluation.stats[0] == pytest.approx(1.0)
    assert {truth.cats[i]["supercategory"] for i in truth.getCatIds()} == {"item", "defect"}


def test_label_studio_gets_an_interface_with_all_names(dataset: Dataset, tmp_path: Path) -> None:
    config = (export("label-studio", dataset(0), tmp_path / "out") / "labeling_config.xml").read_text(encoding="utf-8")
    names = [*load_categories()["packaging"].defect_names, "unopened", "carton", "minor", "unusable"]
    assert all(f'value="{name}"' in config for name in names)
    assert 'canRotate="false"' in config


def test_class_numbers_do_not_depend_on_what_is_exported(dataset: Dataset, tmp_path: Path) -> None:
    records = dataset(0)
    few, many = export("yolo", records[:1], tmp_path / "few"), export("yolo", records, tmp_path / "many")
    assert (few / "data.yaml").read_text().split("names:")[1] == (many / "data.yaml").read_text().split("names:")[1]
