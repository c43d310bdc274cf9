"""What a category says of itself, as the rubric file that it would be."""

from typing import Any

import yaml

from regrade.models.category.fields import Words
from regrade.models.category.schema import Category, ConditionRubric, DefectType
from regrade.serving.base.i18n import LANGUAGES, catalogue
from regrade.serving.rubric.types import example_photos

Raw = dict[str, Any]


def rubric_data(category: Category) -> Raw:
    """The category as a rubric file says it. A condition or defect without words of its own is called by its name;
    examples that the product has no photo of are left out."""
    return {
        "category": category.name,
        "version": category.version,
        "conditions": {one.name: _condition(one) for one in category.conditions},
        "clarifications": [_written(words) for words in category.clarifications],
        "defects": [_defect(one) for one in category.defect_types],
        "grades": tuple(rule.model_dump(by_alias=True, exclude_unset=True) for rule in category.grades),
    }


def rubric_yaml(category: Category) -> str:
    """The category as the rubric file that a site would write in its place."""
    data = rubric_data(category)
    data["grades"] = list(data["grades"])
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=116)


def _condition(one: ConditionRubric) -> Raw:
    text = _named(f"condition.{one.name}", one.name) if one.rubric is None else _written(one.rubric)
    return {"text": text, "examples": [name for name in one.examples if name in example_photos()]}


def _defect(one: DefectType) -> Raw:
    words = one.rubric or one.title
    text = _named(f"defect.{one.name}", one.name.replace("_", " ")) if words is None else _written(words)
    return {"code": one.name, **text}


def _written(words: Words) -> Raw:
    return words.model_dump(by_alias=True)


def _named(key: str, name: str) -> Raw:
    return {lang: catalogue(lang).get(key, name) for lang in LANGUAGES}
