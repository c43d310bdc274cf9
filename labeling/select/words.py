"""What this room says to people in pages of its own, in both languages. The command line speaks English alone."""

from collections.abc import Mapping
from typing import Final

_EN: Final[Mapping[str, str]] = {
    "title": "What to label next",
    "count": "{picked} of {candidates} photos of {title}, most useful first.",
    "method": "Picked are photos of which the grader is unsure and that are unlike all that is labelled and unlike "
    "each other (method: {method}). The bars are the grader's calibrated probabilities for this photo alone.",
    "private": "This file holds photos; do not publish it.",
    "passed-over": "Passed over: {count} that {why}.",
    "bad-photo": "fail the quality gate",
    "labelled": "show what is labelled already",
    "copy": "are copies of another candidate",
    "cannot-tell": "The grader cannot tell {one} ({p}) from {two} ({q})",
    "not-sure": "The grader is not sure whether it is {one} ({p}) or {two} ({q})",
    "says": "The grader says {one} ({p}) rather than {two} ({q})",
    "nothing-labelled": "{said}; nothing is labelled yet.",
    "most-like": "{said}; most like {like} (cosine {cosine}).",
    "unopened": "unopened",
    "opened": "opened",
    "used": "used",
    "damaged": "damaged",
}
_ZH: Final[Mapping[str, str]] = {
    "title": "下一批待标注照片",
    "count": "从 {title} 的 {candidates} 张照片中选出 {picked} 张，最值得标注的排在最前。",
    "method": "选出的都是模型拿不准、与已标注照片不相似且彼此也不相似的照片（方法：{method}）。"
    "条形为模型对该张照片校准后的概率。",
    "private": "本文件含有照片，请勿公开。",
    "passed-over": "略过 {count} 张：{why}。",
    "bad-photo": "未通过照片质量检查",
    "labelled": "内容与已标注照片相同",
    "copy": "与另一张候选照片重复",
    "cannot-tell": "模型分不清{one}（{p}）与{two}（{q}）",
    "not-sure": "模型不确定是{one}（{p}）还是{two}（{q}）",
    "says": "模型判为{one}（{p}），其次为{two}（{q}）",
    "nothing-labelled": "{said}；目前还没有任何标注。",
    "most-like": "{said}；与 {like} 最相似（余弦相似度 {cosine}）。",
    "unopened": "未拆封",
    "opened": "已拆封",
    "used": "有使用痕迹",
    "damaged": "破损",
}
CATALOGUES: Final[Mapping[str, Mapping[str, str]]] = {"en": _EN, "zh-CN": _ZH}


def words(key: str, lang: str, **given: object) -> str:
    """The text `key` in `lang`, a key of `CATALOGUES`. Raises `KeyError` for an unknown one."""
    return CATALOGUES[lang][key].format(**given)


def named(name: str, lang: str) -> str:
    """A condition in `lang`."""
    return CATALOGUES[lang].get(name, name)
