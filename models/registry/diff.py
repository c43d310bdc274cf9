"""What differs between two versions of a category: scores, thresholds, labels, files."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from regrade.models.registry.bundle import MANIFEST, Bundle


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two bundles do not share: `what` is a path such as `metrics.test.macro_f1`; None: it has none."""

    what: str
    a: str | None
    b: str | None


def differences(a: Bundle, b: Bundle) -> tuple[Difference, ...]:
    """What differs between two bundles: labels, defect types, thresholds, files by hash, detector, and every figure."""
    left, right = _contents(a), _contents(b)
    keys = [*left, *(k for k in right if k not in left)]
    return tuple(Difference(k, left.get(k), right.get(k)) for k in keys if left.get(k) != right.get(k))


def _contents(bundle: Bundle) -> dict[str, str]:
    """All that a bundle says of itself, flat, in words."""
    manifest = json.loads((bundle.folder / MANIFEST).read_text(encoding="utf-8"))
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
