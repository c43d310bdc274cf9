"""A category of goods: what it holds, how it is judged, what a station must photograph, and what its items are worth.

Only `name` and `conditions` must be written. What is left out is derived: the title from the name, one item type of the
category's own name, no views, defects, scale or drawn damage, and the economics of a policy's `other`.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from regrade.models.category import scale
from regrade.models.category.fields import AsTuple, Line, Model, Name, Title, Words, inconsistent, named
from regrade.models.category.money import CategoryPolicy
from regrade.models.category.rules import Rule
from regrade.models.category.scale import Grades
from regrade.models.category.validation import one_of
from regrade.models.types import CONDITIONS, DEFECT_TYPES

DEFECT_SEVERITIES = ("minor", "major")
RESERVED = ("all", "other")
"""No names of categories: `regrade train all` trains every one, and `other` is a policy's word for those it lacks."""

_Condition = Annotated[str, AfterValidator(one_of("condition", CONDITIONS))]


class ConditionRubric(Model):
    """A condition that items of the category can have.

    `rubric` says what a photo must show for it; `examples` are names of photos that show it, of those of the product.
    """

    name: _Condition
    rubric: Words | None = None
    examples: Annotated[tuple[Line, ...], AsTuple] = ()


class DefectType(Model):
    """A defect that labellers and reviewers may name: its usual severity, and the best condition it leaves possible.

    `title` is its short name for people, `rubric` what counts as one.
    """

    name: Name
    title: Title | None = None
    rubric: Words | None = None
    severity: Annotated[str, AfterValidator(one_of("severity", DEFECT_SEVERITIES))] = "minor"
    implies: _Condition


class View(Model):
    """A photo that a station must take, with a hint to the inspector."""

    name: Name
    title: Title | None = None
    hint: Words


class ItemOutline(Model):
    """How items stand on photos, which tells drawn damage where the item is.

    `least_share` of the photo below which an outline that was found is not believed. `rigid`: items fill the convex
    outline of what is found, for what it leaves out inside is print, glare or glass. `centred`: nobody takes a close-up
    of its surface alone; items stand in the middle. `cardboard`: shaded ends of a brown surface belong to it.
    `display`: light is mirrored in the item's display and not all over it.
    """

    least_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    rigid: bool = False
    centred: bool = False
    cardboard: bool = False
    display: bool = False


class Synthesis(Model):
    """What is drawn onto photos for training: recipe → weight, for damage and for edits that are none.

    Legal names are those of `regrade.datasets.synth.catalogue`, which refuses others when it draws: reading a
    category must not load what draws.
    """

    item: ItemOutline = ItemOutline()
    damage: dict[Name, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    harmless: dict[Name, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)


class Category(Model):
    """A category of goods. Raises on construction where a field is wrong, or two do not fit each other."""

    name: Name
    title: Title
    version: Annotated[int, Field(ge=1, le=99_999)] = 1
    """Of what reviewers judge by: conditions, clarifications, defects, grades. Goes up whenever one of them changes."""
    item_types: Annotated[tuple[Name, ...], AsTuple] = Field(min_length=1, description="at least one item type")
    conditions: Annotated[tuple[ConditionRubric, ...], AsTuple] = Field(min_length=2)
    """From best to worst."""
    clarifications: Annotated[tuple[Words, ...], AsTuple] = ()
    """Borderline cases, and how they were settled."""
    defect_types: Annotated[tuple[DefectType, ...], AsTuple] = ()
    """Most severe first."""
    grades: Grades = ()
    """The category's own scale."""
    views: Annotated[tuple[View, ...], AsTuple] = ()
    policy: CategoryPolicy | None = None
    synthesis: Synthesis | None = None
    """None: nothing is drawn, and the category is trained on real photos alone."""

    @property
    def condition_names(self) -> tuple[str, ...]:
        """From best to worst."""
        return tuple(c.name for c in self.conditions)

    @property
    def defect_names(self) -> tuple[str, ...]:
        return tuple(d.name for d in self.defect_types)

    @property
    def has_rubric(self) -> bool:
        """Whether it says what its conditions look like; all are described, or none."""
        return self.conditions[0].rubric is not None

    @property
    def outline(self) -> ItemOutline:
        """How its items stand on photos."""
        return ItemOutline() if self.synthesis is None else self.synthesis.item

    @model_validator(mode="before")
    @classmethod
    def _derived(cls, data: Any) -> Any:
        """The data with what was left out, and short forms written in full."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        name = data.get("name")
        if isinstance(name, str):
            data.setdefault("title", name.replace("_", " ").replace("-", " ").capitalize())
            data.setdefault("item_types", [name])
        for field in ("conditions", "defect_types"):
            if isinstance(data.get(field), list):
                data[field] = [named(entry) for entry in data[field]]
        if isinstance(data.get("defect_types"), list):
            listed = data.get("conditions")
            names = [c.get("name") for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
            data["defect_types"] = [_with_implied(entry, names) for entry in data["defect_types"]]
        return data

    @model_validator(mode="after")
    def _consistent(self) -> "Category":
        for fault in _faults(self):
            raise inconsistent(fault)
        return self


def _with_implied(entry: Any, conditions: list[Any]) -> Any:
    """A defect that does not say what it implies: the worst condition where it is major, else wear and tear."""
    if not isinstance(entry, dict) or "implies" in entry or not conditions:
        return entry
    minor = entry.get("severity", "minor") == "minor" and "used" in conditions
    return {**entry, "implies": "used" if minor else conditions[-1]}


def _faults(category: Category) -> Iterator[str]:
    """What does not fit together, in words that name the field."""
    if category.name in RESERVED:
        yield f"name: '{category.name}' has a meaning of its own; take another name"
    names = category.condition_names
    in_order = tuple(c for c in CONDITIONS if c in names)
    if names != in_order:
        yield (
            f"conditions: must stand once each and from best to worst ({', '.join(in_order)}), got {', '.join(names)}"
        )
    for field, values in (
        ("item_types", category.item_types),
        ("defect_types", category.defect_names),
        ("views", tuple(v.name for v in category.views)),
    ):
        twice = sorted({v for v in values if values.count(v) > 1})
        if twice:
            yield f"{field}: named more than once: {', '.join(twice)}"
    described = any(condition.rubric is not None for condition in category.conditions)
    for index, condition in enumerate(category.conditions):
        if described and condition.rubric is None:
            yield f"conditions[{index}].rubric: missing; write one for every condition, or for none"
    for index, defect in enumerate(category.defect_types):
        if defect.implies not in names:
            yield (
                f"defect_types[{index}].implies: '{defect.implies}' is no condition of this category; "
                f"legal values: {', '.join(names)}"
            )
    yield from _faults_of_grades(category)
    for named_condition in category.policy.rates if category.policy is not None else ():
        if named_condition not in names:
            yield f"policy.rates.{named_condition}: is no condition of this category; legal: {', '.join(names)}"
    if category.policy is not None:
        yield from _faults_of_rules("never", category.policy.never, category)
        yield from _faults_of_rules("require_review", category.policy.require_review, category)


def _faults_of_rules(field: str, rules: Sequence[Rule], category: Category) -> Iterator[str]:
    """Rules of its policy that could never hold, for what they name no item of it has."""
    defects = dict.fromkeys((*category.defect_names, *DEFECT_TYPES))
    for index, rule in enumerate(rules):
        for key, legal in (("condition_in", category.condition_names), ("defect_in", tuple(defects))):
            for given in getattr(rule.when, key) or ():
                if given not in legal:
                    yield (
                        f"policy.{field}[{index}].when.{key}: '{given}' is none of this category's; legal values: "
                        f"{', '.join(legal)}"
                    )


def _faults_of_grades(category: Category) -> Iterator[str]:
    names = category.condition_names
    for index, rule in enumerate(category.grades):
        for condition in rule.condition_in or ():
            if condition not in names:
                yield f"grades: '{condition}' is no condition of this category; name each of {', '.join(names)}"
        for defect in rule.defect_in or ():
            if defect not in category.defect_names:
                yield (
                    f"grades[{index}].defect_in: '{defect}' is none of its defect_types; legal values: "
                    f"{', '.join(category.defect_names) or 'none'}"
                )
    for at, fault in scale.faults(category.grades, names):
        yield f"{'grades' if at is None else f'grades[{at}]'}: {fault}"


def minimal(name: str, conditions: tuple[str, ...], defects: dict[str, str]) -> Category:
    """What can be said of a category of which only the conditions and the defects (name → severity) are known.

    Conditions that are none of `CONDITIONS` are left out; where fewer than two are left, all four are taken.
    """
    known = [c for c in CONDITIONS if c in conditions]
    return Category.model_construct(
        name=name,
        title=Words.model_validate({"en": name, "zh-CN": name}),
        item_types=(name,),
        conditions=tuple(ConditionRubric(name=c) for c in (known if len(known) > 1 else CONDITIONS)),
        defect_types=tuple(
            DefectType.model_construct(name=defect, severity=severity, implies=known[-1] if known else CONDITIONS[-1])
            for defect, severity in defects.items()
        ),
    )
