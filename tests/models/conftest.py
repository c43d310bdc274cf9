"""Bundles whose networks are a few bytes: for tests of files and pointers, in which no network runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from regrade.models.calibration import Calibration, Selective
from regrade.models.registry.bundle import DefectType
from regrade.models.registry.files import point, write_bundle

MakeBundle = Callable[..., None]


@pytest.fixture
def make_bundle() -> MakeBundle:
    """Writes a bundle into a folder. `content` tells one from another of its name, `active` makes it the default."""

    def make(
        root: Path, category: str, version: str, *, content: str = "", active: bool = False, **metrics: object
    ) -> None:
        calibration = Calibration(1.5, 1.0, 0.1, 0.4, Selective(0.05, 0.1, 0.9, 80, 0.7, "proven"), {"tear": 0.5})
        write_bundle(
            root,
            category,
            version,
            files={
                "head.onnx": f"head {category} {version} {content}".encode(),
                "calibration.json": json.dumps(calibration.to_json()).encode(),
                "metrics.json": json.dumps(metrics).encode(),
                "card.md": b"# card\n",
            },
            backbones={"int8": f"backbone of {version}".encode()},
            labels=("unopened", "opened", "used", "damaged"),
            defects=(DefectType("tear", "major"),),
            input_side=320,
        )
        if active:
            point(root, category, version, before=None)

    return make


@pytest.fixture
def release(tmp_path: Path, make_bundle: MakeBundle) -> Path:
    """The bundles of a release: packaging 1 and 2, of which 2 is the default, and footwear 1."""
    root = tmp_path / "package" / "bundles"
    make_bundle(root, "packaging", "1")
    make_bundle(root, "packaging", "2", active=True)
    make_bundle(root, "footwear", "1", active=True)
    return root
