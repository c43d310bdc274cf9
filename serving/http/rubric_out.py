"""A rubric over the wire, in one language."""

from pydantic import BaseModel, Field

from regrade.serving.rubric.types import Rubric


class ExampleOut(BaseModel):
    name: str
    url: str = Field(description="A JPEG, for any key.")


class ConditionRubricOut(BaseModel):
    condition: str
    text: str
    examples: list[ExampleOut]


class DefectRubricOut(BaseModel):
    code: str
    text: str


class GradeRuleOut(BaseModel):
    grade: str
    condition_in: list[str] | None = Field(description="All that is given must hold; null asks nothing.")
    severity_in: list[str] | None = Field(description="Of the worst defect: `none`, `minor` or `major`.")
    defect_in: list[str] | None = Field(description="At least one of these was recorded.")


class RubricOut(BaseModel):
    label: str = Field(description="What decisions refer to.", examples=["packaging@1", "acme/packaging@2"])
    category: str
    seller: str | None = Field(description="Whose own it is; null for the house's.")
    version: int
    conditions: list[ConditionRubricOut] = Field(description="From best to worst.")
    clarifications: list[str]
    defects: list[DefectRubricOut] = Field(description="What to record, most severe first.")
    grades: list[GradeRuleOut] = Field(description="The seller's own grade names; the first rule that holds counts.")


def rubric_out(rubric: Rubric, lang: str, root_path: str = "") -> RubricOut:
    """`rubric` in `lang`, from a service that is served under `root_path`."""
    return RubricOut(
        label=rubric.label,
        category=rubric.category,
        seller=rubric.seller,
        version=rubric.version,
        conditions=[
            ConditionRubricOut(
                condition=name,
                text=entry.text.to(lang),
                examples=[ExampleOut(name=e, url=f"{root_path}/v1/rubrics/examples/{e}") for e in entry.examples],
            )
            for name, entry in rubric.conditions.items()
        ],
        clarifications=[words.to(lang) for words in rubric.clarifications],
        defects=[DefectRubricOut(code=code, text=words.to(lang)) for code, words in rubric.defects.items()],
        grades=[GradeRuleOut.model_validate(rule.model_dump()) for rule in rubric.grades],
    )
