"""What was looked for on an item's photos, and what its grade rests on, in words for a person."""

from collections.abc import Iterable

from regrade.serving.base.i18n import catalogue, text


def examined_words(types: Iterable[str] | None, *, found: Iterable[str], lang: str) -> str:
    """Which defect `types` were looked for on all photos, and that nothing is said of others; empty where nothing is to
    be added to what was `found`, types too. `types` is None where it was not kept."""
    types, found = None if types is None else tuple(types), tuple(dict.fromkeys(found))
    if types is None:
        return "" if found else text("examined.unknown", lang)
    named = _named("defect", types, lang)
    if not named:
        return "" if found else text("examined.nothing", lang)
    also = [one for one in found if one not in types]
    if also:  # looked for on some of the photos alone
        return text("examined.also", lang, types=named, also=_named("defect", also, lang))
    return text("examined.types" if found else "examined.none", lang, types=named)


def basis_words(basis: Iterable[str] | None, lang: str) -> str:
    """What a grade rests on; empty where it was not kept."""
    return text("examined.basis", lang, basis=_named("basis", basis, lang)) if basis else ""


def _named(kind: str, codes: Iterable[str], lang: str) -> str:
    return " · ".join(catalogue(lang).get(f"{kind}.{code}", code) for code in codes)
