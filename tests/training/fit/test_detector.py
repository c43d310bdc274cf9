"""Fine-tuning the detector for an epoch, from an untrained network, without any network access."""

import csv
import socket
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.progress import Progress

from regrade.datasets.category import load_categories
from regrade.datasets.manifest import DefectBox, ItemBox, Record, read_manifest
from regrade.models.errors import RunError
from regrade.training.data.detector_pictures import build_data
from regrade.training.fit import detector
from regrade.training.fit.detector import classes_of, find_weights, fit_detector, module_of

if find_spec("ultralytics") is None:
    pytest.skip("needs ultralytics: pip install 'regrade[train]'", allow_module_level=True)
SETTINGS: dict[str, Any] = {"side": 64, "seed": 0, "device": "cpu", "freeze": 10, "batch": 8}

# One worker trains for all of them.
pytestmark = pytest.mark.xdist_group("detector")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **named: object) -> None:
        raise AssertionError(f"looked up {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.fixture(scope="module")
def untrained() -> Path:
    """The architecture alone, to begin from nothing."""
    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "cfg" / "models" / "26" / "yolo26.yaml"


@pytest.fixture(scope="module")
def data(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 pictures for training and 12 for validation, every damaged one with a tear."""
    item, tear = ItemBox("package", (40, 40, 200, 200)), DefectBox("tear", "major", (90, 90, 150, 130))

    def boxed(record: Record) -> Record:
        return replace(record, items=(item,), defects=(tear,) if record.condition == "damaged" else ())

    records = [boxed(r) for r in read_manifest(tiny_dataset) if r.category == "packaging"]
    return build_data(records, load_categories(), tmp_path_factory.mktemp("b"), seed=0, synthesis=False, workers=1)


@pytest.fixture(scope="module")
def fitted(data: Path, untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit_detector(data, untrained, tmp_path_factory.mktemp("fit"), epochs=1, **{**SETTINGS, "side": 160})


def test_an_epoch_gives_a_checkpoint_that_knows_its_classes(fitted: Path) -> None:
    assert fitted.is_file()
    assert classes_of(fitted) == ("package", "tear")


def test_its_module_gives_finished_boxes(fitted: Path) -> None:
    module = module_of(fitted)
    with torch.no_grad():
        rows = module(torch.rand(1, 3, 160, 160))
    assert rows.shape == (1, 300, 6)
    assert bool(((rows[..., 4] >= 0) & (rows[..., 4] <= 1)).all())
    assert set(rows[..., 5].unique().tolist()) <= {0.0, 1.0}
    assert bool((rows[0, 1:, 4] <= rows[0, :-1, 4]).all())


def test_a_finished_training_is_not_done_again(fitted: Path, data: Path, untrained: Path) -> None:
    before = fitted.stat().st_mtime_ns
    again = fit_detector(data, untrained, fitted.parent.parent, epochs=1, **SETTINGS)
    assert again == fitted
    assert fitted.stat().st_mtime_ns == before


def test_a_stopped_training_goes_on_from_its_last_epoch(
    data: Path, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(training: Any) -> None:
        if training.epoch == 1:
            raise KeyboardInterrupt

    def watch(training: Any, progress: Progress) -> None:
        training.add_callback("on_train_batch_end", stop)

    with monkeypatch.context() as m:
        m.setattr(detector, "_watch", watch)
        with pytest.raises(KeyboardInterrupt):
            fit_detector(data, untrained, tmp_path, epochs=2, **SETTINGS)
    done = fit_detector(data, untrained, tmp_path, epochs=2, **SETTINGS)
    with (tmp_path / "results.csv").open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [1, 2]
    assert classes_of(done) == ("package", "tear")


def test_going_on_with_other_classes_is_refused(fitted: Path, data: Path, untrained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(data.read_text().replace("tear", "crack"))
    with pytest.raises(RunError, match="other classes"):
        fit_detector(other, untrained, fitted.parent.parent, epochs=1, **SETTINGS)


def test_what_is_not_there_is_named(data: Path, untrained: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such weights"):
        fit_detector(data, tmp_path / "none.pt", tmp_path / "out", epochs=1, **SETTINGS)
    with pytest.raises(RunError, match="Build the pictures first"):
        fit_detector(tmp_path / "none.yaml", untrained, tmp_path / "out", epochs=1, **SETTINGS)
    (tmp_path / "broken.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(RunError, match="no checkpoint of a detector"):
        classes_of(tmp_path / "broken.pt")


def test_a_wrong_setting_of_the_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_DETECTOR_WEIGHTS", str(tmp_path / "none.pt"))
    with pytest.raises(RunError, match="correct or unset it"):
        find_weights()
    (tmp_path / "none.pt").write_bytes(b"")
    assert find_weights() == (tmp_path / "none.pt").resolve()


def test_the_library_leaves_pillow_as_it_was() -> None:
    from PIL import Image

    from regrade.training.fit.detector import _library

    before = Image.open
    _library()
    assert Image.open is before
