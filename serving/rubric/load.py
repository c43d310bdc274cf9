"""Rubric files to the rubrics in force: each seller's completed from the house's, and refused if it is wrong."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from regrade.models.types import CONDITIONS
from regrade.serving.base.errors import RubricError
from regrade.serving.policy.faults import Place, describe
from regrade.serving.policy.source import Source, Step, dotted
from regrade.serving.rubric import grades
from regrade.serving.rubric.schema import RubricFile
from regrade.serving.rubric.types import Rubric, Rubrics, example_photos, identity

SHIPPED = Path(__file__).resolve().parent.parent / "rubrics"
"""The rubrics that ship with the product, one file a category."""

_Key = tuple[str, str | None]


def load_rubrics(rubric_dir: Path | None = None, over: Sequence[Path] = ()) -> Rubrics:
    """The rubrics in force: the shipped ones, in whose place stand those in `rubric_dir` and then those of `over`.

    One takes another's place when it is for the same category and seller. Raises `RubricError` with every fault of the
    first file that has any, and where a seller's rubric extends another version than the house's in force.
    """
    layers = [rubric_files(SHIPPED), *([rubric_files(rubric_dir)] if rubric_dir is not None else []), over]
    sources: dict[_Key, _Written] = {}
    for layer in layers:
        sources |= _layer(layer)
    house = {key: _house(written) for key, written in sources.items() if key[1] is None}
    sellers = {key: _sellers(written, house, sources) for key, written in sources.items() if key[1] is not None}
    order = sorted({**house, **sellers}.items(), key=lambda pair: (pair[0][1] is not None, pair[1].label))
    return Rubrics(dict(order))


def load_rubric(path: Path, rubric_dir: Path | None = None) -> Rubric:
    """The rubric in one file, among those in force otherwise. Raises `RubricError`."""
    written = _read(path)
    key = _key(written)
    if key[1] is None:
        return _house(written)
    return load_rubrics(rubric_dir, [path]).by_place[key]


def rubric_files(folder: Path) -> list[Path]:
    """The rubric files in `folder`, by name. Raises `RubricError` where there is no such folder."""
    if not folder.is_dir():
        raise RubricError(f"There is no folder {folder} to read rubrics from. Set REGRADE_RUBRIC_DIR to one.")
    return sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))


@dataclass(frozen=True, slots=True)
class _Written:
    path: Path
    source: Source


def _read(path: Path) -> _Written:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RubricError(f"Cannot read the rubric {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise RubricError(f"The rubric {path} is not UTF-8 text.") from error
    return _Written(path, Source(text, str(path), "rubric", RubricError))


def _key(written: _Written) -> _Key:
    """Category and seller as written; wrong ones are told when the file is read whole."""
    data = written.source.data
    seller = data.get("seller")
    return str(data.get("category")), None if seller is None else str(seller)


def _layer(paths: Iterable[Path]) -> dict[_Key, _Written]:
    found: dict[_Key, _Written] = {}
    for path in paths:
        written = _read(path)
        key = _key(written)
        if key in found:
            raise RubricError(
                f"{path} and {found[key].path} are both the rubric {identity(*key)}; keep one of the two in the folder."
            )
        found[key] = written
    return found


def _house(written: _Written) -> Rubric:
    extends = written.source.data.get("extends")
    if extends is not None:
        raise _error(written, [_told(written, ("extends",), "only a seller's rubric extends another; add `seller`.")])
    return _rubric(written, written.source.data, {})


def _sellers(written: _Written, house: Mapping[_Key, Rubric], sources: Mapping[_Key, _Written]) -> Rubric:
    own = written.source.data
    base_key = (str(own.get("category")), None)
    if base_key not in house:
        legal = ", ".join(sorted(category for category, _ in house))
        raise _error(written, [_told(written, ("category",), f"{base_key[0]!r} is not legal. Legal values: {legal}.")])
    base, extends = house[base_key], own.get("extends")
    if extends is None:
        fault = f"missing; a seller's rubric names the version of the house that it builds on, such as {base.label}."
        raise _error(written, [_told(written, ("extends",), fault)])
    if extends != base.label:
        fault = (
            f"{extends!r} is not in force, {base.label} is ({base.file}). Read what differs between the two, set "
            f"extends to {base.label}, and raise version: the text that reviewers see changes."
        )
        raise _error(written, [_told(written, ("extends",), fault)])
    return _rubric(written, _complete(sources[base_key].source.data, own), {"clarifications": len(base.clarifications)})


def _complete(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` with what it leaves out taken from `base`.

    Texts are taken whole, never one language of two; clarifications are added to those of the house, all else that is
    written takes its place.
    """
    merged = {**base, **own}
    conditions = own.get("conditions")
    if isinstance(conditions, dict):
        merged["conditions"] = dict(base["conditions"])
        for name, written in conditions.items():
            old = base["conditions"].get(name)
            both = isinstance(old, dict) and isinstance(written, dict)
            merged["conditions"][name] = {**old, **written} if both else written
    if isinstance(own.get("clarifications"), list):
        merged["clarifications"] = [*(base.get("clarifications") or []), *own["clarifications"]]
    return merged


def _rubric(written: _Written, data: Mapping[str, Any], before: Mapping[str, int]) -> Rubric:
    """The rubric of complete `data`; `before` counts the entries of a list that come from another file."""

    def place(path: Sequence[Step]) -> Place:
        own = list(path)
        if len(own) > 1 and isinstance(own[1], int):
            own[1] -= before.get(str(own[0]), 0)
        return Place(tuple(own), written.source.line(own))

    try:
        file = RubricFile.model_validate(data)
    except ValidationError as error:
        raise _error(written, describe(RubricFile, error, place)) from error
    faults = [_told(written, place(path).path, words) for path, words in _sense(file)]
    if faults:
        raise _error(written, faults)
    return Rubric(
        category=file.category,
        seller=file.seller,
        version=file.version,
        extends=file.extends,
        conditions={name: getattr(file.conditions, name) for name in CONDITIONS},
        clarifications=tuple(file.clarifications),
        defects={defect.code: defect for defect in file.defects},
        grades=tuple(file.grades),
        file=written.path,
    )


def _sense(file: RubricFile) -> list[tuple[tuple[Step, ...], str]]:
    """What no single field shows to be wrong: photos that do not exist, a code twice, grades with gaps."""
    found: list[tuple[tuple[Step, ...], str]] = []
    photos = example_photos()
    for name in CONDITIONS:
        for index, example in enumerate(getattr(file.conditions, name).examples):
            if example not in photos:
                words = f"there is no photo {example!r}. Legal values: {', '.join(photos)}."
                found.append((("conditions", name, "examples", index), words))
    codes = [defect.code for defect in file.defects]
    for index, code in enumerate(codes):
        if code in codes[:index]:
            found.append((("defects", index, "code"), f"{code} stands above already; keep one of the two."))
    if file.grades:
        for rule, words in grades.faults(file.grades):
            found.append((("grades",) if rule is None else ("grades", rule), f"{words}."))
    return found


def _told(written: _Written, path: Sequence[Step], words: str) -> str:
    line = written.source.line(path)
    return f"{f'line {line}: ' if line else ''}{dotted(path)}: {words}"


def _error(written: _Written, faults: Sequence[str]) -> RubricError:
    head = f"The rubric {written.path} has {len(faults)} fault{'s' if len(faults) > 1 else ''}:"
    return RubricError("\n".join([head, *(f"  {fault}" for fault in faults)]))
