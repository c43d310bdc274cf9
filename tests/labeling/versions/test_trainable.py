"""An exported version is a dataset that passes the checks and that training makes its pictures of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from regrade.datasets.category import SHIPPED, load_categories
from regrade.datasets.checks import check_manifest
from regrade.datasets.manifest import Record, read_manifest
from regrade.training.data.pictures import Corpus, variants

pytestmark = pytest.mark.slow

TEAR = {"photo": 0, "type": "tear", "severity": "major", "box": [40, 30, 120, 90]}


@pytest.fixture
def exported(desk: Any, labels: Any, tmp_path: Path) -> Callable[..., list[Record]]:
    def run(name: str, *words: object) -> list[Record]:
        out = tmp_path / name
        labels("export", "--data-dir", desk.folder, "--out", out, "--no-near-duplicates", *words)
        return read_manifest(out)

    return run


def pictures(records: list[Record], folder: Path, categories: Path | None = None) -> set[int]:
    """The places of those records of which training has pictures."""
    corpus = Corpus(records, load_categories(categories), variants(1, 1, 1, 1), side=96, seed=0, folder=folder)
    corpus.build(workers=1)
    return {picture.row for picture in corpus}


def test_a_version_adds_to_what_is_trained_on(desk: Any, exported: Any, tmp_path: Path) -> None:
    for n in range(4):
        desk.decide("used", photos=[n])
    before = exported("first", "--split", "100/0/0")
    desk.decide("damaged", photos=[10], defects=[TEAR])
    desk.decide("damaged", photos=[11, 12])
    after = exported("second", "--split", "100/0/0", "--dataset", tmp_path / "first")
    assert [f for f in check_manifest(after, load_categories()) if f.level == "error"] == []
    assert len(after) == len(before) + 3
    # Of two photos of a damaged item on which nobody drew the damage, neither is known to show it.
    assert pictures(after, tmp_path / "pictures") >= {n for n, r in enumerate(after) if r.condition is not None}


def test_a_version_of_a_new_category_is_one_to_train_on(desk: Any, exported: Any, tmp_path: Path) -> None:
    new = yaml.safe_load((SHIPPED / "footwear.yaml").read_text(encoding="utf-8"))
    new |= {"name": "headwear", "item_types": ["cap"]}
    folder = tmp_path / "categories"
    folder.mkdir()
    (folder / "headwear.yaml").write_text(yaml.safe_dump(new, allow_unicode=True), encoding="utf-8")
    for n in range(3):
        desk.decide("used", photos=[n], category="headwear", answers={})
    records = exported("caps", "--categories", folder, "--split", "100/0/0")
    assert {(r.category, r.item_type, r.condition) for r in records} == {("headwear", "cap", "used")}
    assert [f for f in check_manifest(records, load_categories(folder)) if f.level == "error"] == []
    assert pictures(records, tmp_path / "pictures", folder) == {0, 1, 2}
