"""The rubric YAML as pydantic models: what may be written in one, and what it means.

One file holds the rubric of one category, for everybody or for one seller. As in a policy, unknown fields are errors.
What the category itself says stands in the bundle that it is sealed into: `regrade.models.category`.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from regrade.models.category.fields import Condition, Model, Name, Words
from regrade.models.category.scale import Grades
from regrade.models.types import CONDITIONS


def _plain(name: str) -> str:
    if name != name.strip() or any(mark in name for mark in "/@") or not name.isprintable():
        raise ValueError(f"{name!r} is not legal; a seller is a name without '/', '@' and blanks around it")
    return name


Seller = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_plain)]
"""As the item's `seller`. A slash or an at sign would make a label such as `acme/toys@2` ambiguous."""


class ConditionText(Model):
    """What an item of one condition looks like. `examples` are names of photos that show it."""

    text: Words
    examples: list[str] = Field(default_factory=list)


class DefectText(Words):
    """A defect to record, and what counts as one."""

    code: Name


class RubricFile(Model):
    """A whole rubric file; a seller's is completed from the one that it `extends` before it is read."""

    category: Name
    version: Annotated[int, Field(ge=1, le=99_999)]
    seller: Seller | None = None
    extends: str | None = None
    conditions: Annotated[dict[Condition, ConditionText], Field(min_length=2)]
    clarifications: list[Words] = Field(default_factory=list)
    defects: list[DefectText] = Field(default_factory=list)
    grades: Grades = ()

    def ordered(self) -> list[tuple[str, ConditionText]]:
        """Its conditions, from best to worst."""
        return sorted(self.conditions.items(), key=lambda pair: CONDITIONS.index(pair[0]))
