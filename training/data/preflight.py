"""What a run would lack, found before its first stage and not at its last."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from regrade.datasets.category import Category
from regrade.datasets.checks import check_records
from regrade.datasets.manifest import Record, read_manifest
from regrade.datasets.photo_size import MIN_SHORT_SIDE, is_too_small, too_small_notice, without_too_small
from regrade.models.errors import RunError
from regrade.training.data.targets import FITTED_SPLITS, LEAST_FITTED, MIN_PHOTOS, rows_of
from regrade.training.run.config import ALL, RunConfig

_CONDITIONS: Final = 2
_GROUPS: Final = 3
"""Cross-fitting holds out a third of the groups at a time."""


def check_photos(config: RunConfig, categories: Mapping[str, Category]) -> None:
    """Raise `RunError` where the dataset has too few photos to train and test on, with all that is lacking at once;
    where it has none of the category, or none of a source named."""
    everything = read_manifest(config.data)
    records = [r for r in everything if config.category in (ALL, r.category)]
    if not records:
        present = ", ".join(sorted({r.category for r in everything}))
        raise RunError(
            f"{config.data} has no photo of category {config.category}; it has {present}. Name another dataset with "
            "--data."
        )
    sources = sorted({r.source for r in records})
    if unknown := [s for s in config.leave_out if s not in sources]:
        raise RunError(f"--leave-out {unknown[0]}: no photo is from there. Sources are {', '.join(sources)}.")
    names = sorted({r.category for r in records} & set(categories))
    used = usable(records, config)
    lacking = [line for name in names for line in _lacking(used, records, name, config)]
    if config.folds == "source" and (count := len({r.source for r in used if r.split in FITTED_SPLITS})) < _GROUPS:
        lacking.append(f"--folds source needs {_GROUPS} sources or more in train and val, and there are {count}")
    if config.detector:
        lacking += _detector_lacks([r for r in used if r.category in names])
    if lacking:
        raise RunError(f"{config.data} does not suffice to train {config.category}: {'; '.join(lacking)}.")


def notices(config: RunConfig, categories: Mapping[str, Category]) -> list[str]:
    """What somebody should know before hours of training: photos left out as too small, conditions that the bundle
    can never learn, and what `regrade data check` has against the labels."""
    records = [r for r in read_manifest(config.data) if r.category in categories]
    small = too_small_notice(records)
    found = [] if small is None else [f"{small}. {_kept(config)}"]
    fitted = [r for r in usable(records, config) if r.split in FITTED_SPLITS]
    for name, category in categories.items():
        missing = [c for c in category.condition_names if not _graded(fitted, name, c)]
        if missing:
            found.append(f"no photo of {name} in train or val is {' or '.join(missing)}: the bundle will not learn it")
        if (count := len(rows_of(fitted, name, FITTED_SPLITS))) < MIN_PHOTOS:
            found.append(
                f"{count} photos of {name} in train and val suffice to train, but not to promise anything: it takes "
                f"{MIN_PHOTOS}. The bundle will send every item to review"
            )
    errors = [f for f in check_records(records, categories) if f.level == "error"]
    if errors:
        found.append(
            f"regrade data check has {len(errors)} errors against the photos, the first: {errors[0].record}: "
            f"{errors[0].message}"
        )
    return found


def usable(records: Iterable[Record], config: RunConfig) -> list[Record]:
    """Those of `records` that the run may be fitted and judged on: of no source left out, and large enough."""
    left = [r for r in records if r.source not in config.leave_out]
    return left if config.keep_small else without_too_small(left)


def _kept(config: RunConfig) -> str:
    if config.keep_small:
        return "They are trained and tested on all the same, as --keep-small says."
    return "They are left out; --keep-small trains and tests on them, too."


def _graded(records: Iterable[Record], category: str, condition: str) -> bool:
    return any(r.category == category and r.condition == condition for r in records)


def _lacking(used: Sequence[Record], records: Sequence[Record], name: str, config: RunConfig) -> Iterator[str]:
    fitted = [used[i] for i in rows_of(used, name, FITTED_SPLITS)]
    if not len(rows_of(used, name, ("train",))):
        yield f"no graded photo of {name} in split train"
    if len(fitted) < LEAST_FITTED:
        yield f"{len(fitted)} graded photos of {name} in train and val, where at least {LEAST_FITTED} are needed"
    elif len(found := {r.condition for r in fitted}) < _CONDITIONS:
        yield f"all photos of {name} in train and val are {found.pop()}, and there is nothing to tell apart"
    elif (groups := len({r.group for r in fitted})) < _GROUPS:
        yield f"the photos of {name} in train and val are of {groups} groups; {_GROUPS} are needed to hold some out"
    if not len(rows_of(used, name, ("test",))):
        yield f"no graded photo of {name} in split test"
    small = sum(is_too_small(r) and r.category == name for r in records)
    if small and not config.keep_small and len(fitted) < LEAST_FITTED:
        yield f"{small} photos of {name} are left out as smaller than {MIN_SHORT_SIDE} pixels (--keep-small takes them)"


def _detector_lacks(records: Sequence[Record]) -> Iterator[str]:
    from regrade.training.data.detector_pictures import is_used

    for split in FITTED_SPLITS:
        if not any(is_used(r) for r in records if r.split == split):
            yield f"no photo in split {split} for the detector: undamaged, or with boxes (--no-detector does without)"
