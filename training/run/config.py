"""What decides how a training run comes out, apart from the photos and the category definitions themselves."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

from regrade.datasets.options import CATEGORIES_HELP
from regrade.models.errors import RunError

if TYPE_CHECKING:
    from regrade.models.registry.store import BundleStore

ALL: Final = "all"
"""The category name that stands for every category that is both defined and photographed."""
MAY_CHANGE: Final = frozenset(
    {"data", "categories", "detector_weights", "cache", "device", "activate", "over_defaults"}
)
"""Fields that a run may be resumed with other values of: they say where things lie and how fast it goes, not what
comes out. Of the files among them the run remembers the content."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,2})?")
_PATHS: Final = ("data", "out", "categories", "detector_weights", "cache")
_STRIDE: Final = 32
FROZEN_MOST: Final = 5
"""Stages of the backbone that stay as ImageNet left them, unless a run tunes them."""


@dataclass(frozen=True, slots=True)
class TrainOption:
    """Makes a field an option of `regrade train`: what `--help` says of it, and of its default where that is no plain
    value (empty: nothing)."""

    text: str
    default: str | None = None

    def help(self, default: object) -> str:
        """The whole help text of a field with this `default`."""
        plain = {True: "yes", False: "no"}[default] if isinstance(default, bool) else str(default)
        shown = plain if self.default is None else self.default
        return f"{self.text} Default: {shown}." if shown else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """The settings of one run; refused with a `RunError` that names the option where one makes no sense.

    Fields with an `TrainOption` are options of `regrade train`, which is derived from them. `category` is a
    category's name, or "all". With `over_defaults`, `out` is the folder of bundles of a service, and the release's
    defaults stand in for what it lacks. `side` and `detector_side` are in pixels.
    """

    category: str
    data: Annotated[Path, TrainOption("Manifest or its folder.", "REGRADE_BENCH, else ../shared/data/bench")]
    categories: Annotated[Path | None, TrainOption(CATEGORIES_HELP, "")] = None
    out: Annotated[Path, TrainOption("Register in this folder of bundles, and with no service.", "")]
    version: Annotated[str, TrainOption("Version of the bundle.", "year.month.number")]
    over_defaults: bool = False
    seed: Annotated[int, TrainOption("Seed of everything drawn.")] = 0
    alpha: Annotated[float, TrainOption("Promised error of automatic grades.")] = 0.05
    delta: Annotated[float, TrainOption("Risk that the promise does not hold.")] = 0.1
    tune: Annotated[
        int | None,
        TrainOption(
            "Give the categories a backbone of their own, trained from this stage on (1 to 5; a lower one learns "
            "more and takes up to twice as long).",
            "an active backbone that has not seen the category is kept; else 5",
        ),
    ] = None
    draws: Annotated[int, TrainOption("Sets of drawn pictures; each epoch takes another.")] = 1
    folds: Annotated[
        str,
        TrainOption(
            "What the folds keep together: group, or source; figures held out are then those of sources that nothing "
            "was fitted on."
        ),
    ] = "group"
    side: int = 320
    detector_side: int = 640
    epochs: Annotated[int | None, TrainOption("Epochs of the classifier.", "by device, fewer without a GPU")] = None
    detector_epochs: Annotated[int | None, TrainOption("Epochs of the detector.", "by device")] = None
    detector_weights: Annotated[
        Path | None, TrainOption("Weights that the detector starts from.", "YOLO26n, trained on COCO")
    ] = None
    detector: Annotated[bool, TrainOption("Train a detector too.")] = True
    leave_out: Annotated[
        tuple[str, ...], TrainOption("A source whose photos no fit may see; may be given again.", "")
    ] = ()
    keep_small: Annotated[bool, TrainOption("Use photos, too, that serving would send back as too small.")] = False
    synthesis: Annotated[bool, TrainOption("Draw damage onto photos.")] = True
    device: Annotated[str, TrainOption("auto, cpu, cuda or cuda:N.")] = "auto"
    cache: Annotated[Path, TrainOption("Folder of what is computed once.")] = Path(".cache")
    activate: Annotated[bool, TrainOption("Activate a bundle that passes.")] = True

    def __post_init__(self) -> None:
        _require(_NAME.fullmatch(self.category), "category", self.category, "a category's name, or 'all'")
        _require(_VERSION.fullmatch(self.version), "version", self.version, "letters, digits, dots, dashes: 2026.11.2")
        _require(_DEVICE.fullmatch(self.device), "device", self.device, "auto, cpu, cuda or cuda:N")
        _require(0 <= self.seed < 2**32, "seed", self.seed, "0 to 4294967295")
        _require(self.tune is None or 1 <= self.tune <= FROZEN_MOST, "tune", self.tune, f"1 to {FROZEN_MOST}")
        _require(self.folds in ("group", "source"), "folds", self.folds, "group or source")
        _require(1 <= self.draws <= 100, "draws", self.draws, "1 to 100")
        for name in ("alpha", "delta"):
            value = getattr(self, name)
            _require(0.0 < value <= 0.5, name, value, "above 0 and at most 0.5")
        for name in ("side", "detector_side"):
            value = getattr(self, name)
            _require(value % _STRIDE == 0 and 64 <= value <= 1536, name, value, f"64 to 1536, divisible by {_STRIDE}")
        for name in ("epochs", "detector_epochs"):
            value = getattr(self, name)
            _require(value is None or 1 <= value <= 10_000, name, value, "1 to 10000, or left out")
        twice = sorted({s for s in self.leave_out if self.leave_out.count(s) > 1 or not s.strip()})
        _require(not twice, "leave_out", ", ".join(twice), "each source once")
        if not self.detector and (self.detector_weights is not None or self.detector_epochs is not None):
            raise RunError("--detector-weights and --detector-epochs make no sense without a detector; leave them out.")

    @property
    def frozen(self) -> int:
        """How many stages of the backbone the run leaves as ImageNet left them, where it trains one."""
        return FROZEN_MOST if self.tune is None else self.tune

    @property
    def store(self) -> "BundleStore":
        """The bundles that the run is compared with, keeps networks of, and registers what it makes among."""
        from regrade.models.registry.store import BundleStore, is_shipped, site_store

        # Runs of older releases were to register in the folder of the package, which is not written any more.
        if is_shipped(self.out):
            return site_store()
        return BundleStore(self.out, site_store().base if self.over_defaults else None)

    def to_json(self) -> dict[str, Any]:
        """All fields, paths as text and made absolute."""
        found = asdict(self)
        for name in _PATHS:
            found[name] = None if found[name] is None else str(found[name].absolute())
        return {**found, "leave_out": list(self.leave_out)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RunConfig":
        """The opposite of `to_json`. Raises `RunError` naming a field that is unknown, missing or of another type."""
        names = {f.name for f in fields(cls)}
        if unknown := sorted(set(data) - names):
            raise RunError(f"unknown setting {', '.join(unknown)}; this release knows {', '.join(sorted(names))}.")
        values: dict[str, Any] = {k: Path(v) if k in _PATHS and v is not None else v for k, v in data.items()}
        try:
            return cls(**{**values, "leave_out": tuple(data.get("leave_out", ()))})
        except TypeError as error:
            raise RunError(f"the settings of a run are not understood: {error}.") from None

    def differences(self, other: "RunConfig") -> tuple[str, ...]:
        """How `other` differs in what decides the outcome, as `option: ours, not theirs`."""
        ours, theirs = self.to_json(), other.to_json()
        return tuple(
            f"{option_name(name)}: {_shown(ours[name])}, not {_shown(theirs[name])}"
            for name in ours
            if name not in MAY_CHANGE and ours[name] != theirs[name]
        )

    def sha256(self) -> str:
        """SHA-256, in hex, of the fields that decide the outcome. One at its default is left out: a release that adds a
        setting must not undo what runs of the one before have done."""
        defaults = {f.name: list(f.default) if isinstance(f.default, tuple) else f.default for f in fields(self)}
        kept = {k: v for k, v in self.to_json().items() if k not in MAY_CHANGE and v != defaults[k]}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _require(ok: object, name: str, value: object, legal: str) -> None:
    if not ok:
        raise RunError(f"{option_name(name)}: {value!r} is not legal; give {legal}.")


def options_of_train() -> dict[str, tuple[Any, str]]:
    """Type and help text of each field that is an option, in order, by name."""
    found = {}
    defaults = {f.name: f.default for f in fields(RunConfig)}
    for name, hint in get_type_hints(RunConfig, include_extras=True).items():
        for option in getattr(hint, "__metadata__", ()):
            found[name] = (hint.__origin__, option.help(defaults[name]))
    return found


def option_name(name: str) -> str:
    """How a field is called on the command line, `--detector-epochs`; its own name where it is no option."""
    return "--" + name.replace("_", "-") if name in options_of_train() else name


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
