"""Category definitions: one YAML file a category, in `datasets/categories/` or a folder of your own.

A new category is one new file and labelled photos, never code. `Category` is the schema; a key that it does
not know is refused, so that a misspelled one cannot pass for a default. (The module is not called
`categories`, because the folder of that name beside it would hide it from mypy.)
"""

from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from regrade.datasets.manifest import SEVERITIES
from regrade.datasets.validation import INCONSISTENT, dataset_error, one_of
from regrade.models.errors import DatasetError
from regrade.models.types import CONDITIONS

SHIPPED = Path(__file__).parent / "categories"

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]
_Line = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Words(_Part):
    """One text in the languages of the product."""

    en: _Line
    zh_cn: _Line = Field(alias="zh-CN")


class ConditionRubric(_Part):
    """What a photo must show for an item to be graded `name`."""

    name: Annotated[str, AfterValidator(one_of("condition", CONDITIONS))]
    rubric: Words


class DefectType(_Part):
    """A defect that labellers may name: its usual severity, and the best condition it leaves possible."""

    name: _Name
    severity: Annotated[str, AfterValidator(one_of("severity", SEVERITIES))]
    implies: Annotated[str, AfterValidator(one_of("condition", CONDITIONS))]


class View(_Part):
    """A photo that a station must take, with a hint to the inspector."""

    name: _Name
    hint: Words


class Money(_Part):
    """An amount in major units of a currency (ISO 4217 code)."""

    amount: Annotated[float, Field(ge=0)]
    currency: _Currency


class PolicyDefaults(_Part):
    """What a policy assumes of the category until a seller's own figures say otherwise."""

    default_value: Money
    """Taken for an item whose value was not declared."""
    review_cost: Money
    """One look by a QA lead."""


class Synthesis(_Part):
    """What is drawn onto photos for training: recipe → weight, for damage and for edits that are none.

    Legal names are those of `regrade.datasets.synth.catalogue`, which refuses others when it draws: reading a
    category must not load what draws.
    """

    damage: dict[_Name, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    harmless: dict[_Name, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _several(what: str) -> Any:
    return Field(min_length=1, description=f"at least one {what}")


class Category(_Part):
    """A category of goods: what it holds, how it is judged, and what a station must photograph."""

    name: _Name
    title: Words
    item_types: Annotated[tuple[_Name, ...], BeforeValidator(_tuple)] = _several("item type")
    conditions: Annotated[tuple[ConditionRubric, ...], BeforeValidator(_tuple)] = Field(min_length=2)
    """From best to worst."""
    defect_types: Annotated[tuple[DefectType, ...], BeforeValidator(_tuple)] = _several("defect type")
    views: Annotated[tuple[View, ...], BeforeValidator(_tuple)] = _several("view")
    policy: PolicyDefaults
    synthesis: Synthesis | None = None
    """None: nothing is drawn, and the category is trained on real photos alone."""

    @property
    def condition_names(self) -> tuple[str, ...]:
        """From best to worst."""
        return tuple(c.name for c in self.conditions)

    @property
    def defect_names(self) -> tuple[str, ...]:
        return tuple(d.name for d in self.defect_types)

    @model_validator(mode="after")
    def _consistent(self) -> "Category":
        names = self.condition_names
        in_order = tuple(c for c in CONDITIONS if c in names)
        if names != in_order:
            raise _inconsistent(
                f"conditions: must stand once each and from best to worst ({', '.join(in_order)}), "
                f"got {', '.join(names)}"
            )
        for field, values in (
            ("item_types", self.item_types),
            ("defect_types", self.defect_names),
            ("views", tuple(v.name for v in self.views)),
        ):
            twice = sorted({v for v in values if values.count(v) > 1})
            if twice:
                raise _inconsistent(f"{field}: named more than once: {', '.join(twice)}")
        for index, defect in enumerate(self.defect_types):
            if defect.implies not in names:
                raise _inconsistent(
                    f"defect_types[{index}].implies: '{defect.implies}' is no condition of this category; "
                    f"legal values: {', '.join(names)}"
                )
        return self


def _inconsistent(fault: str) -> PydanticCustomError:
    return PydanticCustomError(INCONSISTENT, "{fault}", {"fault": fault})


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice, where plain YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key}' is given more than once", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_category(path: Path) -> Category:
    """The category defined in a YAML file.

    Raises `DatasetError` naming file, field path and legal values where the file is wrong, and where the file
    is not named after its category.
    """
    try:
        with path.open(encoding="utf-8") as file:
            document = yaml.load(file, Loader=_StrictLoader)
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such category file") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except yaml.YAMLError as error:
        raise DatasetError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    try:
        category = Category.model_validate(document)
    except ValidationError as error:
        fields = tuple(f.alias or name for name, f in Category.model_fields.items())
        raise dataset_error(str(path), error, fields) from None
    if path.stem != category.name:
        raise DatasetError(f"{path}: name: must be that of the file, '{path.stem}', got '{category.name}'")
    return category


def load_categories(folder: Path | None = None) -> dict[str, Category]:
    """All categories defined in `folder` (None = those shipped), by name, sorted.

    Raises `DatasetError` where the folder holds none or a file is wrong.
    """
    folder = SHIPPED if folder is None else folder
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise DatasetError(f"{folder}: holds no category; a category is a file <name>.yaml")
    categories = (load_category(path) for path in paths)
    return {category.name: category for category in categories}
