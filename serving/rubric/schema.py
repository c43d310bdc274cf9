"""The rubric YAML as pydantic models: what may be written in one, and what it means.

One file holds the rubric of one category, for everybody or for one seller. As in a policy, unknown fields are errors.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from regrade.serving.policy.schema import Condition, Model

Category = Literal["packaging", "electronics", "footwear", "apparel"]
DefectCode = Literal[
    "tear", "hole", "crush", "wet", "stain", "crack", "scratch", "scuff", "wear", "broken", "display", "dirt", "open"
]
"""All defects that may be recorded, as in `regrade.models.types.DEFECT_TYPES`."""

Severity = Literal["none", "minor", "major"]
"""The worst severity among the recorded defects; `none` where no defect was recorded."""

SEVERITIES: tuple[Severity, ...] = ("none", "minor", "major")

Text = Annotated[str, StringConstraints(min_length=1, max_length=600, strip_whitespace=True)]
GradeName = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]


def _plain(name: str) -> str:
    if name != name.strip() or any(mark in name for mark in "/@") or not name.isprintable():
        raise ValueError(f"{name!r} is not legal; a seller is a name without '/', '@' and blanks around it")
    return name


Seller = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_plain)]
"""As the item's `seller`. A slash or an at sign would make a label such as `acme/packaging@2` ambiguous."""


class Words(Model):
    """A text in both languages of the product: reviewers read either, and must be told the same."""

    en: Text
    zh_cn: Text = Field(alias="zh-CN")

    def to(self, lang: str) -> str:
        """The text in `lang`; English for a language that there is no text in."""
        return self.zh_cn if lang == "zh-CN" else self.en


class ConditionRubric(Model):
    """What an item of one condition looks like. `examples` are names of photos that show it."""

    text: Words
    examples: list[str] = Field(default_factory=list)


class Conditions(Model):
    """All conditions, from best to worst."""

    unopened: ConditionRubric
    opened: ConditionRubric
    used: ConditionRubric
    damaged: ConditionRubric


class DefectRubric(Words):
    """A defect to record, and what counts as one."""

    code: DefectCode


class GradeRule(Model):
    """The seller's name for items of which all that is written holds. Of several rules, the first one counts.

    `severity_in` is about the worst defect recorded; `defect_in` holds when at least one of these was.
    """

    grade: GradeName
    condition_in: Annotated[list[Condition], Field(min_length=1)] | None = None
    severity_in: Annotated[list[Severity], Field(min_length=1)] | None = None
    defect_in: Annotated[list[DefectCode], Field(min_length=1)] | None = None


class RubricFile(Model):
    """A whole rubric file; a seller's is completed from the one that it `extends` before it is read."""

    category: Category
    version: Annotated[int, Field(ge=1, le=99_999)]
    seller: Seller | None = None
    extends: str | None = None
    conditions: Conditions
    clarifications: list[Words] = Field(default_factory=list)
    defects: Annotated[list[DefectRubric], Field(min_length=1)]
    grades: list[GradeRule] = Field(default_factory=list)
