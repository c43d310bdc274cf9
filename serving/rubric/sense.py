"""What no single field of a rubric shows to be wrong."""

from collections.abc import Iterator, Sequence

from regrade.models.category import scale
from regrade.models.category.schema import Category
from regrade.models.types import DEFECT_TYPES
from regrade.serving.policy.source import Step
from regrade.serving.rubric.schema import RubricFile
from regrade.serving.rubric.types import example_photos

Misfit = tuple[tuple[Step, ...], str]


def misfits(file: RubricFile, category: Category | None) -> list[Misfit]:
    """Path and words for each: photos that do not exist, a code twice, grades with gaps, and what is none of the
    category's, where that is known."""
    return [*_examples(file), *_conditions(file, category), *_defects(file, category), *_grades(file)]


def _examples(file: RubricFile) -> Iterator[Misfit]:
    photos = example_photos()
    for name, entry in file.conditions.items():
        for index, example in enumerate(entry.examples):
            if example not in photos:
                words = f"there is no photo {example!r}. Legal values: {', '.join(photos)}."
                yield ("conditions", name, "examples", index), words


def _conditions(file: RubricFile, category: Category | None) -> Iterator[Misfit]:
    known = file.conditions.keys() if category is None else category.condition_names
    for name in file.conditions:
        if name not in known:
            yield ("conditions", name), f"is no condition of {file.category}. Legal values: {', '.join(known)}."
    for wanted in known:
        if wanted not in file.conditions:
            yield ("conditions", str(wanted)), "missing; it must be set."


def _defects(file: RubricFile, category: Category | None) -> Iterator[Misfit]:
    codes = [defect.code for defect in file.defects]
    known = None if category is None else tuple(dict.fromkeys((*category.defect_names, *DEFECT_TYPES)))
    for index, code in enumerate(codes):
        if code in codes[:index]:
            yield ("defects", index, "code"), f"{code!r} is already among the defects; keep one of the two."
        if known is not None and code not in known:
            yield ("defects", index, "code"), f"{code!r} is not legal. Legal values: {', '.join(known)}."
    legal: Sequence[str] = known or tuple(dict.fromkeys((*codes, *DEFECT_TYPES)))
    for index, rule in enumerate(file.grades):
        for at, code in enumerate(rule.defect_in or ()):
            if code not in legal:
                yield ("grades", index, "defect_in", at), f"{code!r} is not legal. Legal values: {', '.join(legal)}."


def _grades(file: RubricFile) -> Iterator[Misfit]:
    conditions = [name for name, _ in file.ordered()]
    for index, rule in enumerate(file.grades):
        for at, name in enumerate(rule.condition_in or ()):
            if name not in conditions:
                words = f"is no condition of {file.category}. Legal values: {', '.join(conditions)}."
                yield ("grades", index, "condition_in", at), f"{name!r} {words}"
    for rule_at, words in scale.faults(file.grades, conditions):
        yield (("grades",) if rule_at is None else ("grades", rule_at)), f"{words}."
