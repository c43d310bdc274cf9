"""The catalogue: complete, the same in both languages, and no reason to fail a request."""

import ast
import json
import re
import string
from pathlib import Path
from typing import Any

import pytest

import regrade.serving
from regrade.models.types import CONDITIONS
from regrade.serving.base import i18n
from regrade.serving.base.dispositions import ACTIONS, Reason
from regrade.serving.base.i18n import LANGUAGES, TextError, catalogue, pick, render, text

SOURCES = sorted(Path(str(regrade.serving.__file__)).parent.rglob("*.py"))


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "STRICT", True)


def fields(template: str) -> set[tuple[str, str]]:
    return {(name, spec or "") for _, name, spec, _ in string.Formatter().parse(template) if name is not None}


def test_all_languages_have_the_same_keys() -> None:
    english, chinese = (set(catalogue(lang)) for lang in LANGUAGES)
    assert english == chinese


def test_all_languages_fill_in_the_same_fields() -> None:
    for key, template in catalogue("en").items():
        assert fields(template) == fields(catalogue("zh-CN")[key]), key


def test_chinese_texts_are_chinese() -> None:
    # Kinds of codes have no other name in Chinese.
    said = {key: value for key, value in catalogue("zh-CN").items() if not key.startswith("code.")}
    latin = [k for k, v in said.items() if not re.search("[\u4e00-\u9fff]", v)]
    assert [k for k in latin if re.search("[A-Za-z]", re.sub("{[^}]*}", "", catalogue("zh-CN")[k]))] == []


def test_no_key_is_written_twice() -> None:
    for lang in LANGUAGES:
        written = (Path(i18n.__file__).parents[1] / "locales" / f"{lang}.json").read_text(encoding="utf-8")
        keys = [key for key, _ in json.loads(written, object_pairs_hook=list)]
        assert len(keys) == len(set(keys)) == len(catalogue(lang))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_condition_action_and_advice_has_a_name(lang: str, strict: Any) -> None:
    advice = ("blurry", "too_dark", "too_bright", "too_small", "no_item")
    keys = [f"condition.{c}" for c in CONDITIONS] + [f"action.{a}" for a in ACTIONS]
    for key in [*keys, *(f"advice.{issue}" for issue in advice)]:
        assert text(key, lang)


def test_every_text_and_reason_that_the_source_names_exists() -> None:
    """Calls of `text("…")` and `Reason("…")` anywhere in the serving room."""
    missing = []
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            key = node.args[0].value
            key = {"text": key, "Message": key, "Reason": f"reason.{key}"}.get(called) if isinstance(key, str) else None
            if key is not None and "." in key and " " not in key and key not in catalogue("en"):
                missing.append((source.name, node.lineno, key))
    assert missing == []


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        (None, "en"), ("", "en"), ("*", "en"), ("fr", "en"), ("en-GB,en;q=0.8", "en"),
        ("zh", "zh-CN"), ("zh-CN", "zh-CN"), ("ZH-cn", "zh-CN"), ("zh-SG", "zh-CN"), ("zh-Hans", "zh-CN"),
        ("zh-Hans-HK", "zh-CN"), ("zh-CN-x-private", "zh-CN"),
        ("zh-TW", "en"), ("zh-Hant", "en"), ("zh-Hant-CN", "en"), ("zh-HK", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"), ("en;q=0.4, zh;q=0.5", "zh-CN"), ("zh;q=0.4, en;q=0.5", "en"),
        ("fr-FR, zh-CN;q=0.5", "zh-CN"), ("zh-TW, zh;q=0.9", "zh-CN"), ("zh;q=0, en", "en"), ("zh;q=0", "en"),
        ("zh ; q=0.7 , *;q=0.1", "zh-CN"), ("*, zh;q=0.5", "en"), ("zh;q=high", "en"), ("zh;q=2", "en"),
        (";;q=,,,=;", "en"), ("zh;q=nan", "en"),
    ],
)  # fmt: skip
def test_the_language_is_picked_by_what_the_reader_prefers(header: str, lang: str) -> None:
    assert pick(header) == lang


def test_fields_are_written_by_their_kind(strict: Any) -> None:
    reason = Reason(
        "converted",
        {"declared_amount": 1000, "declared_currency": "CNY", "amount": 140, "currency": "USD", "date": "1 May"},
    )
    assert render(reason, "en") == "The declared CN¥1,000.00 is $140.00 at the policy's rate of 1 May."
    assert render(reason, "zh-CN") == "申报价值 ¥1,000.00，按策略 1 May 的汇率折合 US$140.00。"


def test_a_parameter_may_have_words_of_its_own_in_each_language(strict: Any) -> None:
    reason = Reason("rule", {"because": "we ask", "because@zh-CN": "按要求"})
    assert render(reason, "en") == "A rule of the policy asks for a person: we ask."
    assert render(reason, "zh-CN") == "策略规则要求人工复核：按要求。"
    assert "we ask" in render(Reason("rule", {"because": "we ask"}), "zh-CN")


def test_a_category_without_a_name_in_the_catalogue_is_written_as_it_is(strict: Any) -> None:
    assert "no figures for toys" in render(Reason("other_economics", {"category": "toys"}), "en")


def test_words_that_look_like_a_template_are_left_alone(strict: Any) -> None:
    rendered = render(Reason("rule", {"because": "use {amount:money} {0}"}), "en")
    assert rendered == "A rule of the policy asks for a person: use {amount:money} {0}."


def test_missing_texts_and_parameters_raise_in_tests(strict: Any) -> None:
    with pytest.raises(TextError, match=r"en\.json has no text 'advice\.wet'"):
        text("advice.wet", "en")
    with pytest.raises(TextError, match="needs the parameter 'because'"):
        render(Reason("rule"), "en")
    with pytest.raises(TextError, match=r"no text 'condition\.torn'"):
        render(Reason("confidence_short", {"probability": 1, "condition": "torn"}), "en")


def test_missing_texts_and_parameters_never_fail_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    assert text("advice.wet", "zh-CN") == "advice.wet"
    assert render(Reason("rule"), "en") == "A rule of the policy asks for a person: {because}."
    assert render(Reason("unheard_of"), "en") == "Reason.unheard_of"
    assert text("condition.used", "fr") == "used"


def test_a_text_that_only_english_has_is_given_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"en": {"a.b": "only {n}"}, "zh-CN": {}}
    monkeypatch.setattr(i18n, "catalogue", lambda lang: texts[lang])
    assert text("a.b", "zh-CN", n=3) == "only 3"
