"""Writes bundles, wholly or not at all: new ones, copies from one folder to another, and which is active."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from regrade.models.errors import BundleError
from regrade.models.files import is_private, sync_folder, write_atomically
from regrade.models.promise.held_out import FILE as HELD_OUT
from regrade.models.registry.bundle import (
    ACTIVE,
    FORMAT,
    MANIFEST,
    PREVIOUS,
    SHARED,
    VERSION_NAME,
    Bundle,
    DefectType,
    is_intact,
    load_bundle,
    sha256,
)


@dataclass(frozen=True, slots=True)
class NewDetector:
    """A detector to write: ONNX bytes by precision, input side in pixels, classes in the order of its outputs."""

    files: Mapping[str, bytes]
    side: int
    classes: tuple[str, ...]

    @classmethod
    def of(cls, bundle: Bundle) -> "NewDetector | None":
        """That of `bundle`, to be written with another; None where it has none."""
        if bundle.detector is None:
            return None
        paths = {precision: bundle.detector_path(precision) for precision in bundle.detector.files}
        files = {precision: path.read_bytes() for precision, path in paths.items() if path is not None}
        return cls(files, bundle.detector.side, bundle.detector.classes)


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

    `files` must hold head.onnx, calibration.json, metrics.json and card.md, and category.yaml unless it is the router;
    `backbones` maps a precision to the ONNX bytes. Raises `BundleError` if the version exists: bundles are immutable.
    """
    folder = root / category / version
    if not VERSION_NAME.fullmatch(version):
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
    return _appear(folder, {**files, MANIFEST: _manifest_bytes(manifest)})


def install_bundle(source: Path, target: Path, category: str, version: str) -> Path:
    """Copy a bundle with its networks from one root to another, wholly or not at all; returns its folder.

    The copy is as private as `target`. Raises `BundleError` if it is spoilt, or if `target` has the version already.
    """
    bundle = load_bundle(source, category, version)
    folder = target / category / version
    if folder.exists():
        raise BundleError(f"Bundle {category}/{version} exists and is immutable. Give a new --version.")
    private = target.is_dir() and is_private(target)
    for digest in bundle.networks:
        shared = target / SHARED / f"{digest}.onnx"
        if not is_intact(shared, digest):
            write_atomically(shared, (source / SHARED / shared.name).read_bytes(), private=private)
    return _appear(folder, {path.name: path.read_bytes() for path in sorted(bundle.folder.iterdir())}, private=private)


def reissue(bundle: Bundle, version: str, networks: Mapping[str, bytes], files: Mapping[str, bytes]) -> Path:
    """Write `bundle` again beside itself as `version`, wholly or not at all, with other networks in place of those of
    the SHA-256 in `networks`, and with `files` in place of its own; returns its folder.

    Raises `BundleError` if the version exists.
    """
    folder = bundle.folder.with_name(version)
    if folder.exists():
        raise BundleError(f"Bundle {bundle.category}/{version} exists and is immutable. Give a new --version.")
    text = (bundle.folder / MANIFEST).read_text(encoding="utf-8")
    for digest, data in networks.items():
        text = text.replace(digest, _share(folder.parents[1], {"": data})[""])
    manifest = json.loads(text)
    files = dict(files)
    if bundle.held_out is not None:
        # What promises rest on says which bundle looked.
        files.setdefault(HELD_OUT, bundle.held_out.file_of(version))
    written = {name: files.get(name) or (bundle.folder / name).read_bytes() for name in manifest["files"]}
    manifest |= {"version": version, "files": {name: sha256(data) for name, data in written.items()}}
    return _appear(folder, written | {MANIFEST: _manifest_bytes(manifest)})


def complete(folder: Path, files: Mapping[str, bytes]) -> None:
    """Add `files` to a bundle that was just written, and that nobody has loaded yet."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for name, data in files.items():
        write_atomically(folder / name, data)
    digests = manifest["files"] | {name: sha256(data) for name, data in files.items()}
    write_atomically(folder / MANIFEST, _manifest_bytes(manifest | {"files": dict(sorted(digests.items()))}))


def _manifest_bytes(manifest: Mapping[str, object]) -> bytes:
    return (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()


def _appear(folder: Path, files: Mapping[str, bytes], *, private: bool = False) -> Path:
    """Make `folder` with `files`, wholly or not at all; what an interrupted call has left is cleared first."""
    staging = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    for name, data in files.items():
        write_atomically(staging / name, data, private=private)
    staging.rename(folder)
    sync_folder(folder.parent)
    return folder


def copy_once(source: Path, target: Path, category: str, version: str) -> None:
    """Copy a bundle from one root to another unless `target` has that version. Raises `BundleError` if it is spoilt."""
    if not (target / category / version).exists():
        install_bundle(source, target, category, version)


def bytes_to_copy(source: Path, target: Path, category: str, version: str) -> int:
    """How much `copy_once` would write; 0 for a bundle that cannot be copied."""
    if (target / category / version).exists():
        return 0
    try:
        bundle = load_bundle(source, category, version)
    except BundleError:
        return 0
    networks = (source / SHARED / f"{digest}.onnx" for digest in bundle.networks)
    missing = (path for path in networks if not (target / SHARED / path.name).exists())
    return sum(path.stat().st_size for path in (*bundle.folder.iterdir(), *missing))


def point(root: Path, category: str, version: str, before: str | None) -> None:
    """Write `version` to `ACTIVE`, atomically, and before that what was active `before`, if any, to `PREVIOUS`."""
    private = is_private(root)
    if before is not None:
        write_atomically(root / category / PREVIOUS, f"{before}\n".encode(), private=private)
    write_atomically(root / category / ACTIVE, f"{version}\n".encode(), private=private)


def unpoint(root: Path, category: str, before: str) -> None:
    """Take `ACTIVE` away, after what was active `before` has been written to `PREVIOUS`."""
    write_atomically(root / category / PREVIOUS, f"{before}\n".encode(), private=is_private(root))
    (root / category / ACTIVE).unlink(missing_ok=True)
    sync_folder(root / category)


def _share(root: Path, networks: Mapping[str, bytes]) -> dict[str, str]:
    """Store ONNX files under their hash, which is returned by precision."""
    digests = {precision: sha256(data) for precision, data in networks.items()}
    for precision, data in networks.items():
        write_atomically(root / SHARED / f"{digests[precision]}.onnx", data)
    return digests
