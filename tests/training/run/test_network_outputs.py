"""What is kept of a look through a network, and when it is thrown away."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regrade.datasets.manifest import read_manifest
from regrade.training.run.network_outputs import Arrays, hash_of, hash_of_network, hash_of_photos, recalled
from regrade.training.run.run import Run, RunConfig


@pytest.fixture
def run(tiny_dataset: Path, tmp_path: Path) -> Iterator[Run]:
    config = RunConfig(category="packaging", data=tiny_dataset, out=tmp_path / "bundles", version="2026.1.1")
    with Run.create(tmp_path / "run", config) as run:
        yield run


def looking(run: Run, made_from: str, value: float = 1.0) -> tuple[float, bool]:
    """The number that is kept or made, and whether it had to be made."""
    made = []

    def make() -> Arrays:
        made.append(value)
        return {"maps": np.full((2, 3), value, dtype=np.float16)}

    found = recalled(run, "photos", made_from, make)["maps"]
    assert found.shape == (2, 3)
    assert found.dtype == np.float16
    return float(found[0, 0]), bool(made)


def test_what_was_seen_is_not_looked_at_again(run: Run) -> None:
    assert looking(run, "a", 1.0) == (1.0, True)
    assert looking(run, "a", 2.0) == (1.0, False)


def test_what_was_made_from_something_else_is_made_anew_and_replaces_it(run: Run) -> None:
    looking(run, "a", 1.0)
    assert looking(run, "b", 2.0) == (2.0, True)
    assert looking(run, "b", 3.0) == (2.0, False)
    assert [path.name for path in (run.folder / "network-outputs").iterdir()] == ["photos.npz"]


@pytest.mark.parametrize("left", [0, 1, 200, -1])
def test_a_spoilt_file_is_made_anew(run: Run, left: int) -> None:
    looking(run, "a", 1.0)
    path = run.folder / "network-outputs" / "photos.npz"
    path.write_bytes(path.read_bytes()[:left])
    assert looking(run, "a", 2.0) == (2.0, True)


def test_a_flipped_bit_is_noticed(run: Run) -> None:
    looking(run, "a", 1.0)
    path = run.folder / "network-outputs" / "photos.npz"
    at = path.read_bytes().index(np.full((2, 3), 1.0, dtype=np.float16).tobytes())
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert looking(run, "a", 2.0) == (2.0, True)


def test_parts_cannot_run_into_each_other(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"ab")
    ones = np.ones(4, dtype=np.uint8)
    found = [
        hash_of("ab"),
        hash_of("a", "b"),
        hash_of("b", "a"),
        hash_of(ones),
        hash_of(ones.reshape(2, 2)),
        hash_of(ones.view(np.int8)),
    ]
    assert len(set(found)) == len(found)
    assert hash_of(tmp_path / "x") == hash_of(b"ab") == hash_of("ab")


def test_an_array_counts_by_its_values_however_it_lies_in_memory() -> None:
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert hash_of(table.T) == hash_of(np.ascontiguousarray(table.T)) != hash_of(table)


def test_one_changed_weight_or_photo_is_another_hash(tiny_dataset: Path) -> None:
    first = torch.nn.Conv2d(3, 4, 1)
    net = torch.nn.Sequential(first, torch.nn.BatchNorm2d(4))
    before = hash_of_network(net)
    assert hash_of_network(net) == before
    with torch.no_grad():
        first.weight[0, 0] += 1e-6
    assert hash_of_network(net) != before
    records = read_manifest(tiny_dataset)
    changed = [*records[:-1], replace(records[-1], sha256="0" * 64)]
    assert len({hash_of_photos(some) for some in (records, changed, records[:-1], records[::-1])}) == 4
