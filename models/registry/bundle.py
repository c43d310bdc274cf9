"""Bundles: what serving loads. A folder `<category>/<version>/` whose manifest holds every file's SHA-256.

    bundles/
      _router/2026.11.1/             which category is this?
      toys/ACTIVE                    a version's name: the active one, replaced atomically; PREVIOUS beside it
      toys/2026.11.1/                manifest.json  category.yaml  head.onnx  calibration.json  metrics.json  card.md
      _shared/<sha256>.onnx          backbones and detectors, by content: several bundles may name the same one

Bundles are immutable. A file whose hash is not the manifest's is never loaded. A network that several bundles
share is stored once, loaded once and run once a photo.

This is about one such folder. A site has two, its own and that of the release: `bundle_store`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from regrade.models.calibration import Calibration
from regrade.models.category.read import read_category
from regrade.models.category.schema import Category
from regrade.models.errors import BundleError, DatasetError
from regrade.models.promise.held_out import FILE as HELD_OUT
from regrade.models.promise.held_out import HeldOut

Sealed = TypeVar("Sealed")

FORMAT: Final = 3
"""2 added the detector, 3 the category's YAML; older bundles have none and are still read."""
READABLE: Final = (1, 2, 3)
DEFINITION: Final = "category.yaml"
"""What the bundle says of its category, as it was written for training; the router has none."""
ROUTER: Final = "_router"
SHARED: Final = "_shared"
MANIFEST: Final = "manifest.json"
ACTIVE: Final = "ACTIVE"
PREVIOUS: Final = "PREVIOUS"
PRECISIONS: Final = ("int8", "fp32")
DETECTOR_PRECISION: Final = "fp32"
"""What detectors run in, whatever backbones run in. A detector in INT8 keeps layers in floats, whose last bits decide
how the next ones are rounded: a golden photo's scores differed by 0.06 between CPUs with and without VNNI, while FP32
agreed to five decimals (2026-11-29). Few photos are shown to a detector at all."""
VERSION_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")


@dataclass(frozen=True, slots=True)
class DefectType:
    """A defect that a bundle can name, with the severity it has unless its box says otherwise."""

    name: str
    severity: str


@dataclass(frozen=True, slots=True)
class DetectorFiles:
    """A detector: the SHA-256 of its ONNX file in `_shared/` by precision, its input side in pixels, and its classes
    in the order of its outputs."""

    files: Mapping[str, str]
    side: int
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every file has been checked against its manifest.

    `labels` are the conditions (or, for the router, the categories) in the order of the head's outputs.
    `backbones` maps a precision to the SHA-256 of the ONNX file in `_shared/`. `detector` is None where boxes come
    from the backbone's maps alone.
    """

    category: str
    version: str
    folder: Path
    labels: tuple[str, ...]
    defects: tuple[DefectType, ...]
    input_side: int
    backbones: Mapping[str, str]
    calibration: Calibration
    metrics: Mapping[str, Any]
    card: str
    detector: DetectorFiles | None = None
    definition: Category | None = None
    """Its category as its YAML describes it; None in the router, and in bundles of older formats."""
    held_out: HeldOut | None = None
    """What promises about automatic items rest on; None in the router, and in bundles of before they did."""
    sha256: str = ""
    """That of the manifest, which holds the hashes of all files: it stands for the whole bundle."""

    @property
    def head_path(self) -> Path:
        return self.folder / "head.onnx"

    @property
    def networks(self) -> tuple[str, ...]:
        """SHA-256 of every file in `_shared/` that it needs."""
        return (*self.backbones.values(), *(self.detector.files.values() if self.detector else ()))

    def backbone_path(self, precision: str) -> Path:
        """The shared backbone file of this precision; raises `BundleError` if the bundle has none."""
        return self._shared(self.backbones, precision, "backbone")

    def detector_path(self, precision: str = DETECTOR_PRECISION) -> Path | None:
        """The shared detector file of this precision, None without a detector; raises `BundleError` if the bundle has
        one in other precisions only."""
        return None if self.detector is None else self._shared(self.detector.files, precision, "detector")

    def _shared(self, files: Mapping[str, str], precision: str, what: str) -> Path:
        if precision not in files:
            raise BundleError(
                f"Bundle {self.category}/{self.version} has no {precision} {what}; it has {', '.join(sorted(files))}."
            )
        return self.folder.parent.parent / SHARED / f"{files[precision]}.onnx"


SHIPPED: Final = Path(__file__).with_name("shipped_bundles.json")
"""What the release ships, written down apart from the folder itself: see `adoption`."""


def shipped_root() -> Path:
    """The folder of the bundles that come with the package."""
    return Path(__file__).parents[1] / "bundles"


def installed_categories(root: Path) -> tuple[str, ...]:
    """Sorted names of the categories with an active bundle under `root`, the router left out."""
    if not root.is_dir():
        raise BundleError(f"{root} is not a folder of bundles. Train one with `regrade train all`.")
    names = (p.parent.name for p in root.glob("*/ACTIVE"))
    return tuple(sorted(n for n in names if not n.startswith("_")))


def versions(root: Path, category: str) -> tuple[str, ...]:
    """Versions of `category` on disk, oldest first by name."""
    names = (p.parent.name for p in (root / category).glob("*/manifest.json"))
    return tuple(sorted(name for name in names if VERSION_NAME.fullmatch(name)))


def active_version(root: Path, category: str) -> str:
    """The version that `ACTIVE` points to; raises `BundleError` if there is none."""
    name = read_pointer(root, category, ACTIVE)
    if name is None:
        raise BundleError(f"Category {category} has no active bundle under {root}.")
    return name


def read_pointer(root: Path, category: str, pointer: str = ACTIVE) -> str | None:
    """The version that `ACTIVE` or `PREVIOUS` names, None where there is no such file.

    Raises `BundleError` for a file that cannot be read, or holds something else.
    """
    path = root / category / pointer
    try:
        name = path.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        # Not the same as none: a service's choice must not be overlooked by whoever may not read it.
        raise BundleError(f"{path} cannot be read ({error}). Are you the user that the service runs as?") from error
    if not VERSION_NAME.fullmatch(name):
        raise BundleError(f"{path} does not hold a version name. Write one of: {versions(root, category)}.")
    return name


def load_bundle(root: Path, category: str, version: str | None = None) -> Bundle:
    """Read and check one bundle (the active one unless `version` is given).

    Raises `BundleError` naming the file that is missing, changed or not understood.
    """
    version = version or active_version(root, category)
    folder = root / category / version
    manifest = _read_json(folder / MANIFEST)
    try:
        if manifest["format"] not in READABLE:
            raise BundleError(
                f"{folder} has bundle format {manifest['format']}; this release reads "
                f"{', '.join(map(str, READABLE))}. Retrain it or upgrade regrade."
            )
        if (manifest["category"], manifest["version"]) != (category, version):
            raise BundleError(f"{folder}/manifest.json is that of another bundle; restore the folder.")
        for name, digest in manifest["files"].items():
            _check(folder / name, digest)
        detector = _detector(manifest.get("detector"))
        for digest in (*manifest["backbones"].values(), *(detector.files.values() if detector else ())):
            _check(root / SHARED / f"{digest}.onnx", digest)
        return Bundle(
            category=category,
            version=version,
            folder=folder,
            labels=tuple(manifest["labels"]),
            defects=tuple(DefectType(d["name"], d["severity"]) for d in manifest["defects"]),
            input_side=int(manifest["input_side"]),
            backbones=dict(manifest["backbones"]),
            calibration=Calibration.from_json(_read_json(folder / "calibration.json")),
            metrics=_read_json(folder / "metrics.json"),
            card=(folder / "card.md").read_text(encoding="utf-8"),
            detector=detector,
            definition=_definition(folder, manifest),
            held_out=_held_out(folder, manifest),
            sha256=sha256((folder / MANIFEST).read_bytes()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder} has a manifest that is not understood ({error!r}).") from error


def sealed_definition(root: Path, category: str, version: str) -> Category | None:
    """What one bundle says of its category, without a look at its networks; None where it says nothing.

    Raises `BundleError` for a bundle that is not there, or whose YAML is not what its manifest names.
    """
    return _sealed(root / category / version, DEFINITION, _definition)


def sealed_held_out(root: Path, category: str, version: str) -> HeldOut | None:
    """The table of one bundle, without a look at its networks; None where it has none. Errors as of
    `sealed_definition`."""
    return _sealed(root / category / version, HELD_OUT, _held_out)


def _sealed(folder: Path, name: str, read: Callable[[Path, Mapping[str, Any]], Sealed]) -> Sealed:
    """What one file of a bundle holds, once its hash is checked."""
    manifest = _read_json(folder / MANIFEST)
    try:
        if name in manifest["files"]:
            _check(folder / name, manifest["files"][name])
        return read(folder, manifest)
    except (KeyError, TypeError) as error:
        raise BundleError(f"{folder} has a manifest that is not understood ({error!r}).") from error


def _definition(folder: Path, manifest: Mapping[str, Any]) -> Category | None:
    """The category that a checked `category.yaml` defines; raises `BundleError` where it is not that of the bundle."""
    if DEFINITION not in manifest["files"]:
        return None
    path = folder / DEFINITION
    try:
        found = read_category(path.read_bytes(), str(path))
    except DatasetError as error:
        raise BundleError(f"{error}. Restore the bundle, or upgrade regrade.") from error
    defects = {entry["name"] for entry in manifest["defects"]}
    if (found.name, found.condition_names) != (manifest["category"], tuple(manifest["labels"])) or not (
        defects <= set(found.defect_names)
    ):
        raise BundleError(
            f"{path} defines {found.name} with the conditions {', '.join(found.condition_names)}, which is not what "
            "the bundle grades. Restore the bundle or roll back."
        )
    return found


def _held_out(folder: Path, manifest: Mapping[str, Any]) -> HeldOut | None:
    """The table that a checked `held_out.json` holds; raises `BundleError` where it is of another bundle."""
    if HELD_OUT not in manifest["files"]:
        return None
    try:
        found = HeldOut.from_json(_read_json(folder / HELD_OUT))
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / HELD_OUT} is not understood ({error!r}). Restore the bundle.") from error
    if (found.version, found.labels) != (manifest["version"], tuple(manifest["labels"])):
        raise BundleError(f"{folder / HELD_OUT} is that of another bundle. Restore the bundle or roll back.")
    return found


def _detector(entry: Mapping[str, Any] | None) -> DetectorFiles | None:
    if entry is None:
        return None
    return DetectorFiles(dict(entry["files"]), int(entry["side"]), tuple(entry["classes"]))


def sha256(data: bytes) -> str:
    """SHA-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=1024)
def _digest(path: Path, _size: int, _changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _found(path: Path) -> str:
    stat = path.stat()
    # Several bundles share a backbone; it is hashed once as long as it does not change on disk.
    return _digest(path, stat.st_size, stat.st_mtime_ns)


def is_intact(path: Path, digest: str) -> bool:
    """Whether the file is there and has this SHA-256."""
    return path.is_file() and _found(path) == digest


def _check(path: Path, digest: str) -> None:
    try:
        found = _found(path)
    except OSError as error:
        raise BundleError(f"{path} is missing or cannot be read. Restore the bundle or roll back.") from error
    if found != digest:
        raise BundleError(f"{path} is not the file that its manifest names. Restore the bundle or roll back.")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} is missing or not valid JSON. Restore the bundle or roll back.") from error
    if not isinstance(data, dict):
        raise BundleError(f"{path} must hold a JSON object.")
    return data
