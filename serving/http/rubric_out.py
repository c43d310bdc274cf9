"""A rubric over the wire, in one language."""

from typing import Literal

from pydantic import BaseModel, Field

from regrade.models.category.schema import View
from regrade.serving.base.i18n import name_of
from regrade.serving.http.schemas import MoneyOut
from regrade.serving.policy.load import Policy
from regrade.serving.policy.terms import economics_of
from regrade.serving.rubric.grades import grade_words
from regrade.serving.rubric.in_force import InForce
from regrade.serving.rubric.types import Rubric


class ExampleOut(BaseModel):
    name: str
    url: str = Field(description="A JPEG, for any key.")


class ConditionRubricOut(BaseModel):
    condition: str
    grade: str | None = Field(description="What the scale calls an item of it that has no defect.")
    text: str
    examples: list[ExampleOut]


class DefectRubricOut(BaseModel):
    code: str
    title: str
    text: str
    severity: Literal["minor", "major"] = Field(description="How bad it usually is.")


class GradeRuleOut(BaseModel):
    grade: str
    condition_in: list[str] | None = Field(description="All that is given must hold; null asks nothing.")
    severity_in: list[str] | None = Field(description="Of the worst defect: `none`, `minor` or `major`.")
    defect_in: list[str] | None = Field(description="At least one of these was recorded.")


class ViewOut(BaseModel):
    """A photo that the station asks for."""

    name: str
    title: str | None
    hint: str


class EconomicsOut(BaseModel):
    """What the policy in force assumes of the category; `show` of the command line has the rest."""

    policy: str
    default_value: MoneyOut = Field(description="Taken for an item whose value was not declared.")
    review_cost: MoneyOut
    own: bool = Field(description="False: neither policy nor category has figures, and those for other goods stand in.")


class RubricOut(BaseModel):
    label: str = Field(description="What decisions refer to.", examples=["toys@1", "acme/toys@2"])
    category: str
    title: str = Field(description="What the category is called.")
    seller: str | None = Field(description="Whose own it is; null for the house's.")
    version: int
    bundle: str | None = Field(description="The version of the bundle that grades the category.")
    item_types: list[str]
    conditions: list[ConditionRubricOut] = Field(description="From best to worst; those that the category has.")
    clarifications: list[str]
    defects: list[DefectRubricOut] = Field(description="What to record, most severe first.")
    grades: list[GradeRuleOut] = Field(description="The scale's own grade names; the first rule that holds counts.")
    views: list[ViewOut] = Field(description="What the station asks to be photographed.")
    economics: EconomicsOut | None = Field(description="null for sellers.")


def rubric_out(rubric: Rubric, in_force: InForce, bundle: str | None, lang: str, root_path: str = "") -> RubricOut:
    """`rubric` in `lang` with what else is in force for its category, from a service under `root_path`."""
    category = in_force.categories.get(rubric.category)
    usual = {} if category is None else {one.name: one.severity for one in category.defect_types}
    return RubricOut(
        label=rubric.label,
        category=rubric.category,
        title=name_of("category", rubric.category, lang) if category is None else category.title.to(lang),
        seller=rubric.seller,
        version=rubric.version,
        bundle=bundle,
        item_types=[] if category is None else list(category.item_types),
        conditions=[
            ConditionRubricOut(
                condition=name,
                grade=_grade(rubric, name, lang),
                text=entry.text.to(lang),
                examples=[ExampleOut(name=e, url=f"{root_path}/v1/rubrics/examples/{e}") for e in entry.examples],
            )
            for name, entry in rubric.conditions.items()
        ],
        clarifications=[words.to(lang) for words in rubric.clarifications],
        defects=[
            DefectRubricOut(
                code=code,
                title=name_of("defect", f"{rubric.category}/{code}", lang),
                text=words.to(lang),
                severity=usual.get(code, "major"),
            )
            for code, words in rubric.defects.items()
        ],
        grades=[
            GradeRuleOut.model_validate(rule.model_dump() | {"grade": rule.grade.to(lang)}) for rule in rubric.grades
        ],
        views=[] if category is None else [_view(view, lang) for view in category.views],
        economics=_economics(in_force.policy, rubric),
    )


def _grade(rubric: Rubric, condition: str, lang: str) -> str | None:
    words = grade_words(rubric, condition, ())
    return None if words is None else words.to(lang)


def _view(view: View, lang: str) -> ViewOut:
    return ViewOut(name=view.name, title=view.title.to(lang) if view.title else None, hint=view.hint.to(lang))


def _economics(policy: Policy, rubric: Rubric) -> EconomicsOut:
    terms = policy.terms(rubric.seller)
    economics, own = economics_of(terms, rubric.category)
    cost = terms.review_cost(economics)
    return EconomicsOut(
        policy=policy.label,
        default_value=MoneyOut(amount=economics.default_value, currency=policy.currency),
        review_cost=MoneyOut(amount=cost, currency=policy.currency),
        own=own,
    )
