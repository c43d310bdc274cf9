"""Which bundle of a category is active: changed atomically, remembered for rollback, written to a log.

    bundles/
      activations.jsonl        every change, appended and synced: when, category, from, to, who, why
      packaging/ACTIVE         the version that serving loads when it starts
      packaging/PREVIOUS       the one that a rollback goes back to

Whatever the machine does in between, ACTIVE names a bundle that was checked; PREVIOUS is written before it.
"""

import fcntl
import getpass
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from regrade.models import bundle as bundles
from regrade.models.bundle import Bundle, active_version, load_bundle, versions
from regrade.models.errors import BundleError
from regrade.models.files import append_line

LOG_NAME: Final = "activations.jsonl"


@dataclass(frozen=True, slots=True)
class Activation:
    """One change of what is active. `at` is in ISO 8601, UTC; `before` is None where nothing was active."""

    at: str
    category: str
    before: str | None
    after: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One version on disk. `bundle` is None where it must not be loaded; `fault` says why."""

    category: str
    version: str
    active: bool
    previous: bool
    bundle: Bundle | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two bundles do not share: `what` is a path such as `metrics.test.macro_f1`; None: it has none."""

    what: str
    a: str | None
    b: str | None


def activate(root: Path, category: str, version: str, *, by: str | None = None, reason: str = "") -> Activation | None:
    """Make `version` active after a check of every file of it; None where it already is.

    `by` None takes the login name. Raises `BundleError` for a version that is missing or spoilt, naming those there
    are, and for a folder that cannot be written.
    """
    _known(root, category, version)
    with _locked(root):
        return _switch(root, category, version, by, reason)


def rollback(root: Path, category: str, *, by: str | None = None, reason: str = "rollback") -> Activation:
    """Make the version before the active one active; doing it twice comes back. Raises `BundleError` where there is
    none, or where it is spoilt."""
    with _locked(root):
        target = previous_version(root, category)
        if target is None:
            others = ", ".join(v for v in versions(root, category) if v != active_version(root, category))
            raise BundleError(
                f"Category {category} has no version to go back to: nothing was active before "
                f"{active_version(root, category)}. Activate one by name; there are: {others or 'no others'}."
            )
        _known(root, category, target)
        done = _switch(root, category, target, by, reason)
    if done is None:
        raise BundleError(f"{root / category / 'PREVIOUS'} names the active version. Activate one by name.")
    return done


def previous_version(root: Path, category: str) -> str | None:
    """The version that a rollback would go back to, None where there is none."""
    active = active_version(root, category)
    try:
        named = (root / category / "PREVIOUS").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    if named != active:
        return named
    # A change that was cut short between the two files left both the same; the log knows what was before.
    back = [a.before for a in history(root, category) if a.after == active and a.before != active]
    return back[-1] if back else None


def history(root: Path, category: str | None = None) -> tuple[Activation, ...]:
    """The changes that the log holds, oldest first; a line that a crash cut short is left out."""
    try:
        lines = (root / LOG_NAME).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            one = Activation(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if category in (None, one.category):
            found.append(one)
    return tuple(found)


def inventory(root: Path) -> tuple[Entry, ...]:
    """Every version of every category under `root`, the router's last; spoilt ones too, with what is wrong."""
    if not root.is_dir():
        raise BundleError(f"{root} is not a folder of bundles. Train one with `regrade train`.")
    names = {path.parent.parent.name for path in root.glob("*/*/manifest.json")}
    entries = []
    for category in sorted(names, key=lambda name: (name.startswith("_"), name)):
        active = active_version(root, category) if (root / category / "ACTIVE").exists() else None
        before = previous_version(root, category) if active else None
        for version in versions(root, category):
            found, fault = _checked(root, category, version)
            entries.append(Entry(category, version, version == active, version == before, found, fault))
    return tuple(entries)


def diff(root: Path, category: str, a: str, b: str) -> tuple[Difference, ...]:
    """What differs between two versions: labels, defect types, thresholds, files by hash, detector, and every figure.

    Both are checked first. Raises `BundleError` for one that is missing or spoilt.
    """
    left, right = (_contents(_known(root, category, version)) for version in (a, b))
    keys = [*left, *(k for k in right if k not in left)]
    return tuple(Difference(k, left.get(k), right.get(k)) for k in keys if left.get(k) != right.get(k))


def _known(root: Path, category: str, version: str) -> Bundle:
    there = versions(root, category)
    if version not in there:
        known = sorted({path.parent.parent.name for path in root.glob("*/*/manifest.json")})
        if category not in known:
            raise BundleError(f"No bundle of {category} under {root}; there are {', '.join(known) or 'none at all'}.")
        raise BundleError(f"Category {category} has no version {version}; it has {', '.join(there)}.")
    return load_bundle(root, category, version)


def _checked(root: Path, category: str, version: str) -> tuple[Bundle | None, str | None]:
    try:
        return load_bundle(root, category, version), None
    except BundleError as error:
        return None, str(error)


def _switch(root: Path, category: str, version: str, by: str | None, reason: str) -> Activation | None:
    before = active_version(root, category) if (root / category / "ACTIVE").exists() else None
    if before == version:
        load_bundle(root, category, version)
        return None
    done = Activation(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        category=category,
        before=before,
        after=version,
        by=by or _login(),
        reason=reason,
    )
    try:
        bundles.activate(root, category, version)
        append_line(root / LOG_NAME, json.dumps(asdict(done), ensure_ascii=False))
    except OSError as error:
        raise BundleError(_unwritable(root, error)) from error
    return done


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """One change at a time; the kernel ends the lock with the process."""
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise BundleError(f"{root} is not a folder of bundles. Train one with `regrade train`.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unwritable(root: Path, error: OSError) -> str:
    return (
        f"{root} cannot be changed: {error.strerror}. Copy the folder to a place of your own, and name it with "
        "--bundles here and REGRADE_BUNDLES_DIR for the service."
    )


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def _contents(bundle: Bundle) -> dict[str, str]:
    """All that a bundle says of itself, flat, in words."""
    manifest = json.loads((bundle.folder / "manifest.json").read_text(encoding="utf-8"))
    parts = {
        **{k: v for k, v in manifest.items() if k not in ("category", "version")},
        "calibration": asdict(bundle.calibration),
        "metrics": bundle.metrics,
    }
    return dict(_flat(parts))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and {"value", "low", "high"} <= set(value):
        yield path, _estimate(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        named = all(isinstance(v, Mapping) and "name" in v for v in value)
        words = (" ".join(map(str, v.values())) if named else str(v) for v in value)
        yield path, ", ".join(words) or "–"
    elif isinstance(value, float):
        yield path, f"{value:.4g}"
    else:
        yield path, "–" if value is None else str(value)


def _estimate(value: Mapping[str, Any]) -> str:
    if value["value"] is None:
        return "–"
    low, high = ("–" if value[k] is None else f"{value[k]:.3f}" for k in ("low", "high"))
    return f"{value['value']:.3f} [{low}, {high}]" + (f", n {value['n']}" if "n" in value else "")
