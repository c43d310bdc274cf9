"""Rubric files to the rubrics in force: over what categories say of themselves, each seller's completed from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from regrade.models.category.read import read_category
from regrade.models.category.schema import Category
from regrade.models.errors import DatasetError
from regrade.serving.base.errors import RubricError
from regrade.serving.policy.faults import FieldPlace, describe
from regrade.serving.policy.source import Source, Step, dotted, read_source
from regrade.serving.rubric.definitions import rubric_data
from regrade.serving.rubric.schema import RubricFile
from regrade.serving.rubric.sense import misfits
from regrade.serving.rubric.types import Rubric, Rubrics, identity

NO_CATEGORIES: Mapping[str, Category] = {}

_Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class _Written:
    """A rubric as it was written: in a file, or (with neither path nor source) in the definition of its category."""

    data: Mapping[str, Any]
    path: Path | None = None
    source: Source | None = None

    @property
    def origin(self) -> str:
        return f"the definition of {self.data.get('category')}" if self.path is None else str(self.path)

    def line(self, path: Sequence[Step]) -> int | None:
        return None if self.source is None else self.source.line(path)


@dataclass(frozen=True, slots=True)
class RubricFiles:
    """The rubrics of a site as they were written: what comes into force with them depends on the categories."""

    by_place: Mapping[_Key, _Written]

    def waiting(self, categories: Mapping[str, Category]) -> list[str]:
        """The files of sellers' rubrics with nothing to build on: no bundle of their category is active."""
        there = {name for name, seller in self.by_place if seller is None} | categories.keys()
        return sorted(one.origin for (name, seller), one in self.by_place.items() if seller and name not in there)

    def in_force(self, categories: Mapping[str, Category] = NO_CATEGORIES) -> Rubrics:
        """The rubrics by which items of `categories` are judged: what they say of themselves, in whose place stands a
        file of the site for the same one, and those of sellers.

        Raises `RubricError` with every fault of the first that has any, and where a seller's rubric extends another
        version than the one in force. A seller's rubric of a category that is not among them waits until it is.
        """
        own: dict[_Key, _Written] = {
            (name, None): _Written(rubric_data(one)) for name, one in categories.items() if one.version
        }
        sources: dict[_Key, _Written] = {**own, **self.by_place}
        house = {key: _house(written, categories) for key, written in sources.items() if key[1] is None}
        sellers = {
            key: _sellers(written, house, sources, categories)
            for key, written in sources.items()
            if key[1] is not None and (key[0], None) in house
        }
        order = sorted({**house, **sellers}.items(), key=lambda pair: (pair[0][1] is not None, pair[1].label))
        return Rubrics(dict(order))


def read_rubrics(rubric_dir: Path | None = None, over: Sequence[Path] = ()) -> RubricFiles:
    """The rubric files in `rubric_dir`, in whose place stand those of `over`. Raises `RubricError`."""
    layers = [*([rubric_files(rubric_dir)] if rubric_dir is not None else []), over]
    sources: dict[_Key, _Written] = {}
    for layer in layers:
        sources |= _layer(layer)
    return RubricFiles(sources)


def load_rubrics(
    rubric_dir: Path | None = None,
    over: Sequence[Path] = (),
    categories: Mapping[str, Category] = NO_CATEGORIES,
) -> Rubrics:
    """The rubrics in force for `categories`; see `read_rubrics` and `RubricFiles.in_force`."""
    return read_rubrics(rubric_dir, over).in_force(categories)


def load_rubric(
    path: Path, rubric_dir: Path | None = None, categories: Mapping[str, Category] = NO_CATEGORIES
) -> Rubric:
    """The rubric in one file, among those in force otherwise; in the definition of a category, if that is what the file
    is. Raises `RubricError`."""
    written = _read(path)
    if "category" not in written.data and "conditions" in written.data and "name" in written.data:
        return _of_definition(path)
    key = _key(written)
    if key[1] is None:
        return _house(written, categories)
    rubrics = load_rubrics(rubric_dir, [path], categories)
    if key not in rubrics.by_place:
        legal = ", ".join(rubrics.categories) or "none"
        fault = f"there is no rubric of {key[0]!r} to build on. Legal values: {legal}."
        raise _error(written, [_told(written, ("category",), fault)])
    return rubrics.by_place[key]


def rubric_files(folder: Path) -> list[Path]:
    """The rubric files in `folder`, by name. Raises `RubricError` where there is no such folder."""
    if not folder.is_dir():
        raise RubricError(f"There is no folder {folder} to read rubrics from. Set REGRADE_RUBRIC_DIR to one.")
    return sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))


def _of_definition(path: Path) -> Rubric:
    try:
        category = read_category(path.read_bytes(), str(path))
    except DatasetError as error:
        raise RubricError(str(error)) from error
    return _house(_Written(rubric_data(category), path), {category.name: category})


def _read(path: Path) -> _Written:
    source = Source(read_source(path, "rubric", RubricError), str(path), "rubric", RubricError)
    return _Written(source.data, path, source)


def _key(written: _Written) -> _Key:
    """Category and seller as written; wrong ones are told when the file is read whole."""
    seller = written.data.get("seller")
    return str(written.data.get("category")), None if seller is None else str(seller)


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


def _house(written: _Written, categories: Mapping[str, Category]) -> Rubric:
    if written.data.get("extends") is not None:
        raise _error(written, [_told(written, ("extends",), "only a seller's rubric extends another; add `seller`.")])
    return _rubric(written, written.data, {}, categories)


def _sellers(
    written: _Written,
    house: Mapping[_Key, Rubric],
    sources: Mapping[_Key, _Written],
    categories: Mapping[str, Category],
) -> Rubric:
    own = written.data
    base_key = (str(own.get("category")), None)
    base, extends = house[base_key], own.get("extends")
    if extends is None:
        fault = f"missing; a seller's rubric names the version of the house that it builds on, such as {base.label}."
        raise _error(written, [_told(written, ("extends",), fault)])
    if extends != base.label:
        fault = (
            f"{extends!r} is not in force, {base.label} is ({base.origin}). Read what differs between the two, set "
            f"extends to {base.label}, and raise version: the text that reviewers see changes."
        )
        raise _error(written, [_told(written, ("extends",), fault)])
    data = _complete(sources[base_key].data, own)
    return _rubric(written, data, {"clarifications": len(base.clarifications)}, categories)


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


def _rubric(
    written: _Written, data: Mapping[str, Any], before: Mapping[str, int], categories: Mapping[str, Category]
) -> Rubric:
    """The rubric of complete `data`; `before` counts the entries of a list that come from elsewhere."""

    def place(path: Sequence[Step]) -> FieldPlace:
        own = list(path)
        if len(own) > 1 and isinstance(own[1], int):
            own[1] -= before.get(str(own[0]), 0)
        return FieldPlace(tuple(own), written.line(own))

    try:
        file = RubricFile.model_validate(data)
    except ValidationError as error:
        raise _error(written, describe(RubricFile, error, place)) from error
    faults = [_told(written, place(path).path, words) for path, words in misfits(file, categories.get(file.category))]
    if faults:
        raise _error(written, faults)
    return Rubric(
        category=file.category,
        seller=file.seller,
        version=file.version,
        extends=file.extends,
        conditions=dict(file.ordered()),
        clarifications=tuple(file.clarifications),
        defects={defect.code: defect for defect in file.defects},
        grades=file.grades,
        file=written.path,
    )


def _told(written: _Written, path: Sequence[Step], words: str) -> str:
    line = written.line(path)
    return f"{f'line {line}: ' if line else ''}{dotted(path)}: {words}"


def _error(written: _Written, faults: Sequence[str]) -> RubricError:
    head = f"The rubric {written.origin} has {len(faults)} fault{'s' if len(faults) > 1 else ''}:"
    return RubricError("\n".join([head, *(f"  {fault}" for fault in faults)]))
