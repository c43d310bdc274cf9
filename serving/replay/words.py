"""The words that a replay's summary and report share."""

import math
from collections.abc import Iterator, Mapping

from regrade.models.category.rules import Because
from regrade.serving.base.i18n import catalogue, text
from regrade.serving.base.money import format_money, format_percent
from regrade.serving.replay.rubric import RubricChange
from regrade.serving.rubric.changes import Change


def amount(cents: int, currency: str, lang: str) -> str:
    """An amount of money."""
    return format_money(cents / 100, currency, lang)


def signed(cents: int, currency: str, lang: str) -> str:
    """A difference of money, with its sign."""
    return f"{'+' if cents > 0 else ''}{amount(cents, currency, lang)}"


def versions(counts: Mapping[str, int], unnamed: str = "") -> str:
    """Labels with how often each occurs: `default@1 (30), default@2 (4)`."""
    return ", ".join(f"{label or unnamed} ({count})" for label, count in sorted(counts.items()))


def because(words: Because, lang: str) -> str:
    """The words of a policy's author, in `lang` where there are any."""
    return words.zh_cn if lang == "zh-CN" and words.zh_cn is not None else words.en


def reason_name(code: str, lang: str) -> str:
    """A short name for a reason for which a human must look."""
    key = f"desk.reason_{code}"
    return text(key, lang) if key in catalogue(lang) else code


def grade_name(name: str, lang: str) -> str:
    """A grade name, or that there is none."""
    return name or text("replay.no_grade", lang)


def change_words(change: Change, lang: str) -> str:
    """A changed field."""
    return f"{change.field}: {text(f'replay.change.{change.how}', lang)}"


def doubt_words(part: RubricChange, lang: str) -> Iterator[str]:
    """What a changed text means for decisions already made, in full sentences."""
    if not part.conditions:
        yield text("replay.text_unchanged", lang)
        return
    named = ", ".join(text(f"condition.{name}", lang) for name in part.conditions)
    yield text("replay.text_changed", lang, conditions=named)
    doubtful = part.doubtful.total()
    if not doubtful:
        yield text("replay.no_doubt", lang)
        return
    yield text("replay.doubt", lang, decisions=doubtful, sample=len(part.sample))
    if part.at_most:
        # Rounded up: a bound that is understated is none.
        bound = format_percent(math.ceil(part.at_most * 1000) / 1000)
        yield text("replay.doubt_bound", lang, sample=len(part.sample), share=bound)
