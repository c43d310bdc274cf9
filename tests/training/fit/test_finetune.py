"""Fine-tuning: it learns where a defect is, can be stopped after any epoch, and uses no grade of the test split."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regrade.datasets.manifest import Record, read_manifest
from regrade.models.arch.grading_backbone import GradingBackbone, peaks, trained_parameters
from regrade.training.data.pictures import LOCAL_TYPES, UNKNOWN
from regrade.training.fit.finetune import Pictures, Schedule, as_imagenet_left_it, backbone_of, fine_tune

CLASSES = {"packaging": ("unopened", "opened", "used", "damaged")}
TEAR = LOCAL_TYPES.index("tear")


@pytest.fixture(scope="module")
def records(tiny_dataset: Path) -> list[Record]:
    return [r for r in read_manifest(tiny_dataset) if r.category == "packaging" and r.split == "train"]


@pytest.fixture(scope="module")
def pictures(records: list[Record]) -> Pictures:
    """Every other one has a tear in its upper left, which the trunk's first channels show."""
    rng = np.random.default_rng(0)
    torn = np.arange(32) % 2 == 0
    trunk = torch.from_numpy(rng.normal(0, 1, (32, 112, 4, 4))).half()
    grids = torch.zeros(32, len(LOCAL_TYPES), 4, 4, dtype=torch.uint8)
    trunk[torn, :8, :2, :2] += 6
    grids[torn, TEAR, :2, :2] = 1
    return Pictures(trunk, grids, np.arange(32) % len(records), torn, np.zeros(32, dtype=np.intp))


def train(
    pictures: Pictures, records: list[Record], file: Path, *, stop_after: int | None = None, epochs: int = 3
) -> GradingBackbone:
    class StoppedError(Exception):
        pass

    def on_epoch(_net: GradingBackbone, epoch: int) -> None:
        if epoch == stop_after:
            raise StoppedError

    schedule = Schedule(epochs=epochs, batch=8, rate_new=5e-3, seed=1)
    options = {"labels": True, "device": torch.device("cpu"), "checkpoint": file, "log": logging.getLogger("test")}
    try:
        return fine_tune(pictures, records, CLASSES, schedule, on_epoch=on_epoch, **options)  # type: ignore[arg-type]
    except StoppedError:
        return backbone_of(file)


@pytest.fixture(scope="module")
def whole(pictures: Pictures, records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> GradingBackbone:
    """Trained for three epochs without a stop."""
    return train(pictures, records, tmp_path_factory.mktemp("whole") / "whole.pt")


def test_it_learns_where_the_tear_is(pictures: Pictures, records: list[Record], tmp_path: Path) -> None:
    net = train(pictures, records, tmp_path / "a.pt", epochs=12)
    with torch.inference_mode():
        maps = net.upper(pictures.trunk[:2].float())[1][:, TEAR]
    assert maps[0, :2, :2].mean() > maps[0, 2:, 2:].mean() + 1
    assert maps[0].max() > maps[1].max() + 1


def test_stopped_and_gone_on_it_becomes_the_same_network(
    whole: GradingBackbone, pictures: Pictures, records: list[Record], tmp_path: Path
) -> None:
    train(pictures, records, tmp_path / "parts.pt", stop_after=1)
    parts = train(pictures, records, tmp_path / "parts.pt")
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_the_frozen_stages_stay_as_imagenet_left_them(
    whole: GradingBackbone, pictures: Pictures, records: list[Record], tmp_path: Path
) -> None:
    before = GradingBackbone(LOCAL_TYPES, None)
    assert before.width == whole.width
    fresh = train(pictures, records, tmp_path / "b.pt", stop_after=1)
    torch.testing.assert_close(whole.net.conv_stem.weight, fresh.net.conv_stem.weight, rtol=0, atol=0)


def test_places_that_are_not_known_teach_nothing(pictures: Pictures, records: list[Record], tmp_path: Path) -> None:
    blind = replace(pictures, grids=torch.full_like(pictures.grids, UNKNOWN))
    net = train(blind, records, tmp_path / "a.pt")
    assert net.local.bias is not None
    assert net.local.bias.detach()[TEAR] == pytest.approx(-4.6, abs=0.05)


def test_a_peak_is_about_the_strongest_place() -> None:
    maps = torch.full((1, 1, 5, 5), -8.0)
    maps[0, 0, 2, 3] = 3.0
    assert peaks(maps).item() == pytest.approx(3.0, abs=0.05)


def test_pictures_can_be_kept_by_their_photos(pictures: Pictures, records: list[Record]) -> None:
    wanted = np.zeros(len(records), dtype=bool)
    wanted[3] = True
    assert set(pictures.where(wanted).rows.tolist()) == {3}


@pytest.mark.parametrize("frozen", [1, 3, 5])
def test_how_many_stages_are_frozen_changes_what_is_trained_and_not_what_is_computed(frozen: int) -> None:
    pixels = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    torch.manual_seed(0)
    usual = GradingBackbone(LOCAL_TYPES).eval()
    other = GradingBackbone(LOCAL_TYPES, frozen=frozen).eval()
    other.load_state_dict(usual.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(other(pixels), usual(pixels))
    count = [sum(p.numel() for p in trained_parameters(net)[0]) for net in (other, usual)]
    assert count[0] > count[1] if frozen < 5 else count[0] == count[1]


def test_no_stage_beyond_the_fifth_can_be_frozen() -> None:
    with pytest.raises(ValueError, match="1 to 5"):
        GradingBackbone(LOCAL_TYPES, frozen=6)


def test_each_epoch_takes_the_set_whose_turn_it_is(pictures: Pictures) -> None:
    drawn = replace(pictures, draws=np.arange(32) % 3)
    for epoch in range(4):
        assert (drawn.draws[drawn.of_epoch(epoch)] == epoch % 3).all()
    assert len(pictures.of_epoch(5)) == 32


def test_stages_that_are_tuned_change_and_those_before_them_do_not(
    pictures: Pictures, records: list[Record], tmp_path: Path
) -> None:
    trunk = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (32, 40, 8, 8))).half()
    schedule = Schedule(epochs=1, batch=16, rate_new=5e-3, seed=1, frozen=3)
    net = fine_tune(
        replace(pictures, trunk=trunk), records, CLASSES, schedule,
        labels=True, device=torch.device("cpu"), checkpoint=tmp_path / "t.pt", log=logging.getLogger("test"),
    )  # fmt: skip
    before = as_imagenet_left_it(3)
    changed = [
        any(not torch.equal(a, b) for a, b in zip(old.parameters(), new.parameters(), strict=True))
        for old, new in zip(before.net.blocks, net.net.blocks, strict=True)
    ]
    assert changed == [False, False, False, True, True, True, True]
    reread = backbone_of(tmp_path / "t.pt", 3)
    torch.testing.assert_close(reread.net.blocks[3][0].conv_pw.weight, net.net.blocks[3][0].conv_pw.weight)
