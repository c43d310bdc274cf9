"""Bundles: what serving loads. A folder `<category>/<version>/` whose manifest holds every file's SHA-256.

    bundles/
      _router/2026.11.1/             which category is this?
      electronics/ACTIVE             the active version's name, replaced atomically; PREVIOUS beside it
      electronics/2026.11.1/         manifest.json  head.onnx  calibration.json  metrics.json  card.md
      _shared/<sha256>.onnx          backbones and detectors, by content: several bundles may name the same one

Bundles are immutable. A file whose hash is not the manifest's is never loaded. A network that several bundles
share is stored once, loaded once and run once a photo.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from regrade.models.calibration import Calibration
from regrade.models.errors import BundleError
from regrade.models.files import write_atomically

FORMAT: Final = 2
"""2 added the detector; bundles of format 1 have none and are still read."""
READABLE: Final = (1, 2)
ROUTER: Final = "_router"
SHARED: Final = "_shared"
PRECISIONS: Final = ("int8", "fp32")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")


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
    sha256: str = ""
    """That of the manifest, which holds the hashes of all files: it stands for the whole bundle."""

    @property
    def head_path(self) -> Path:
        return self.folder / "head.onnx"

    def backbone_path(self, precision: str) -> Path:
        """The shared backbone file of this precision; raises `BundleError` if the bundle has none."""
        return self._shared(self.backbones, precision, "backbone")

    def detector_path(self, precision: str) -> Path | None:
        """The shared detector file of this precision, None without a detector; raises `BundleError` if the bundle has
        one in other precisions only."""
        return None if self.detector is None else self._shared(self.detector.files, precision, "detector")

    def _shared(self, files: Mapping[str, str], precision: str, what: str) -> Path:
        if precision not in files:
            raise BundleError(
                f"Bundle {self.category}/{self.version} has no {precision} {what}; it has {', '.join(sorted(files))}."
            )
        return self.folder.parent.parent / SHARED / f"{files[precision]}.onnx"


def shipped_root() -> Path:
    """The folder of the bundles that come with the package."""
    return Path(__file__).parent / "bundles"


def installed_categories(root: Path) -> tuple[str, ...]:
    """Sorted names of the categories with an active bundle under `root`, the router left out."""
    if not root.is_dir():
        raise BundleError(f"{root} is not a folder of bundles. Train one with `regrade train all`.")
    names = (p.parent.name for p in root.glob("*/ACTIVE"))
    return tuple(sorted(n for n in names if not n.startswith("_")))


def versions(root: Path, category: str) -> tuple[str, ...]:
    """Versions of `category` on disk, oldest first by name."""
    return tuple(sorted(p.parent.name for p in (root / category).glob("*/manifest.json")))


def active_version(root: Path, category: str) -> str:
    """The version that `ACTIVE` points to; raises `BundleError` if there is none."""
    pointer = root / category / "ACTIVE"
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BundleError(f"Category {category} has no active bundle under {root}.") from error
    if not _VERSION.fullmatch(name):
        raise BundleError(f"{pointer} does not hold a version name. Write one of: {versions(root, category)}.")
    return name


def activate(root: Path, category: str, version: str) -> None:
    """Point `category` at `version`, atomically, after a check of the bundle; keeps the old one in PREVIOUS."""
    load_bundle(root, category, version)
    pointer = root / category / "ACTIVE"
    if pointer.exists():
        write_atomically(root / category / "PREVIOUS", pointer.read_bytes())
    write_atomically(pointer, f"{version}\n".encode())


def load_bundle(root: Path, category: str, version: str | None = None) -> Bundle:
    """Read and check one bundle (the active one unless `version` is given).

    Raises `BundleError` naming the file that is missing, changed or not understood.
    """
    version = version or active_version(root, category)
    folder = root / category / version
    manifest = _read_json(folder / "manifest.json")
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
            sha256=sha256((folder / "manifest.json").read_bytes()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder} has a manifest that is not understood ({error!r}).") from error


def _detector(entry: Mapping[str, Any] | None) -> DetectorFiles | None:
    if entry is None:
        return None
    return DetectorFiles(dict(entry["files"]), int(entry["side"]), tuple(entry["classes"]))


@dataclass(frozen=True, slots=True)
class NewDetector:
    """A detector to write: ONNX bytes by precision, input side in pixels, classes in the order of its outputs."""

    files: Mapping[str, bytes]
    side: int
    classes: tuple[str, ...]


def write_bundle(
    root: Path,
    category: str,
    version: str,
    *,
    files: Mapping[str, bytes],
    backbones: Mapping[str, bytes],
    labels: tuple[str, ...],
    defects: tuple[DefectType, ...],
    input_side: int,
    detector: NewDetector | None = None,
) -> Path:
    """Write a bundle so that it is there wholly or not at all; returns its folder.

    `files` must hold head.onnx, calibration.json, metrics.json and card.md; `backbones` maps a precision to the
    ONNX bytes. Raises `BundleError` if the version exists: bundles are immutable.
    """
    folder = root / category / version
    if not _VERSION.fullmatch(version):
        raise BundleError(f"{version!r} is no version name. Use letters, digits, dots and dashes: 2026.11.1.")
    if folder.exists():
        raise BundleError(f"Bundle {category}/{version} exists and is immutable. Give a new --version.")
    digests = _share(root, backbones)
    manifest = {
        "format": FORMAT,
        "category": category,
        "version": version,
        "input_side": input_side,
        "labels": list(labels),
        "defects": [{"name": d.name, "severity": d.severity} for d in defects],
        "backbones": digests,
        "detector": None
        if detector is None
        else {"side": detector.side, "classes": list(detector.classes), "files": _share(root, detector.files)},
        "files": {name: sha256(data) for name, data in sorted(files.items())},
    }
    staging = folder.with_name(f".{version}.partial")
    for name, data in files.items():
        write_atomically(staging / name, data)
    write_atomically(staging / "manifest.json", (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())
    staging.rename(folder)
    return folder


def install_bundle(source: Path, target: Path, category: str, version: str) -> Path:
    """Copy a bundle with its networks from one root to another, wholly or not at all; returns its folder.

    Raises `BundleError` if it is spoilt, or if `target` has the version already.
    """
    bundle = load_bundle(source, category, version)
    folder = target / category / version
    if folder.exists():
        raise BundleError(f"Bundle {category}/{version} exists and is immutable. Give a new --version.")
    files = (*bundle.backbones.values(), *(bundle.detector.files.values() if bundle.detector else ()))
    for digest in files:
        shared = target / SHARED / f"{digest}.onnx"
        if not shared.exists():
            write_atomically(shared, (source / SHARED / f"{digest}.onnx").read_bytes())
    staging = folder.with_name(f".{version}.partial")
    for path in sorted(bundle.folder.iterdir()):
        write_atomically(staging / path.name, path.read_bytes())
    staging.rename(folder)
    return folder


def _share(root: Path, networks: Mapping[str, bytes]) -> dict[str, str]:
    """Store ONNX files under their hash, which is returned by precision."""
    digests = {precision: sha256(data) for precision, data in networks.items()}
    for precision, data in networks.items():
        write_atomically(root / SHARED / f"{digests[precision]}.onnx", data)
    return digests


def sha256(data: bytes) -> str:
    """SHA-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=64)
def _digest(path: Path, _size: int, _changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(path: Path, digest: str) -> None:
    try:
        stat = path.stat()
        # Several bundles share a backbone; it is hashed once as long as it does not change on disk.
        found = _digest(path, stat.st_size, stat.st_mtime_ns)
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
