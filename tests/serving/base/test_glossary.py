"""One term for one thing: no text of the product says it otherwise."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from regrade.datasets.category import load_categories
from regrade.serving.base import i18n

SERVING = Path(i18n.__file__).parents[1]
PROJECT = Path(__file__).parents[3]
GLOSSARY: dict[str, Any] = yaml.safe_load((SERVING / "locales" / "glossary.yaml").read_text(encoding="utf-8"))
TERMS: list[dict[str, Any]] = GLOSSARY["terms"]


def said(lang: str) -> Iterator[tuple[str, str]]:
    """Where each text of the product stands that people read in `lang`, and the text."""
    yield from i18n.catalogue(lang).items()
    for folder in (SERVING / "policies", PROJECT / "datasets" / "categories"):
        for file in sorted(folder.glob("*.yaml")):
            yield from spoken(yaml.safe_load(file.read_text(encoding="utf-8")), file.name, lang)
    for file in sorted((SERVING / "pages").rglob("*.html")):
        markup = re.sub(r"\{[%#{].*?[%#}]\}", "", file.read_text("utf-8"), flags=re.DOTALL)
        yield from ((file.name, text) for text in re.findall(r">([^<>]+)<", markup) if text.strip())
    for file in sorted((SERVING / "pages").rglob("*.js")):
        yield from ((file.name, text) for text in re.findall(r"[\u4e00-\u9fff]+", file.read_text("utf-8")))


def spoken(value: Any, place: str, lang: str) -> Iterator[tuple[str, str]]:
    """Texts in both languages within a YAML document."""
    if isinstance(value, dict):
        if isinstance(value.get(lang), str):
            yield place, value[lang]
        for key, inner in value.items():
            yield from spoken(inner, f"{place}.{key}", lang)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from spoken(inner, f"{place}[{index}]", lang)


def has(lang: str, text: str, term: str) -> bool:
    words = re.sub(r"\{[^}]*\}", "", text)  # names of parameters are nobody's to read
    return (
        term in words if lang == "zh-CN" else re.search(rf"\b{re.escape(term)}s?\b", words, re.IGNORECASE) is not None
    )


@pytest.mark.parametrize("lang", i18n.LANGUAGES)
def test_nothing_is_called_what_the_glossary_forbids(lang: str) -> None:
    forbidden = [variant for term in TERMS for variant in term.get("never", {}).get(lang, ())]
    every = [(place, text) for place, text in said(lang) if not any(one in text for one in GLOSSARY["sealed"])]
    assert len(every) > 800
    assert [(place, variant, text) for place, text in every for variant in forbidden if has(lang, text, variant)] == []


@pytest.mark.parametrize("term", [term for term in TERMS if term.get("pair")], ids=lambda term: term["en"])
def test_a_role_that_is_named_in_english_is_named_alike_in_chinese(term: dict[str, Any]) -> None:
    english, chinese = i18n.catalogue("en"), i18n.catalogue("zh-CN")
    others = [other for other in TERMS if other.get("pair") and other is not term]
    for key, text in english.items():
        if has("en", text, term["en"]):
            assert not [o["zh-CN"] for o in others if o["zh-CN"] in chinese[key] and not has("en", text, o["en"])], key
    wrong = [key for key, text in chinese.items() if term["zh-CN"] in text and not _speaks_of(english[key], term)]
    assert wrong == []


def _speaks_of(text: str, term: dict[str, Any]) -> bool:
    # "A second one looks too" and "somebody else" speak of a reviewer without the word.
    return has("en", text, term["en"]) or (term["en"] == "reviewer" and not has("en", text, "QA lead"))


def test_what_the_glossary_says_is_said() -> None:
    said_so = {"action.return_to_origin": "退运回国", "defect.crush": "压瘪变形", "station.key": "工位登录码"}
    for key, wanted in said_so.items():
        assert i18n.catalogue("zh-CN")[key] == wanted
    for term in TERMS:
        assert set(term) <= {"en", "zh-CN", "pair", "why", "never"}


def test_no_term_is_another_s_forbidden_variant() -> None:
    for lang in i18n.LANGUAGES:
        forbidden = {variant for term in TERMS for variant in term.get("never", {}).get(lang, ())}
        assert forbidden.isdisjoint(term[lang] for term in TERMS)


def test_what_is_sealed_is_still_in_the_shipped_categories() -> None:
    texts = json.dumps([one.model_dump(mode="json") for one in load_categories().values()], ensure_ascii=False)
    assert [one for one in GLOSSARY["sealed"] if one not in texts] == []
