"""A replay as one HTML file that needs nothing else: no script, no address outside but the links to the desk."""

import base64
import io
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from regrade.models.errors import PhotoError
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.base.errors import PhotoDamagedError, PhotosAwayError
from regrade.serving.base.i18n import name_of, text
from regrade.serving.base.settings import Settings
from regrade.serving.installation.photos import open_photos
from regrade.serving.replay.charts import bar_chart, review_chart
from regrade.serving.replay.document import item_url
from regrade.serving.replay.outcome import Outcome
from regrade.serving.replay.past import Span
from regrade.serving.replay.policy import Part, PolicyReplay
from regrade.serving.replay.rubric import DoubtfulDecision, RubricReplay
from regrade.serving.replay.words import (
    amount,
    because,
    change_words,
    doubt_words,
    grade_name,
    reason_name,
    signed,
    versions,
)
from regrade.serving.storage.photostore import PhotoStore
from regrade.serving.storage.records import StoredPhoto

THUMBNAIL: Final = 160
"""Width and height, in pixels, that a photo in a report has at most."""
ROWS: Final = 20
"""Sellers listed; the JSON has all."""

_PAGES: Final = Path(__file__).resolve().parent.parent / "pages" / "replay"


class Photos:
    """Small copies of stored photos, as data URLs. Reads the files alone: not even a cache is written."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = IntakeLimits(max_bytes=settings.max_photo_bytes, seconds=settings.photo_seconds)

    @cached_property
    def _store(self) -> PhotoStore:
        # Not before there is a photo: what is no installation stays none.
        return open_photos(self._settings)

    def url(self, photo: StoredPhoto | None) -> str | None:
        """A small JPEG of `photo`; None where it is gone or damaged."""
        if photo is None:
            return None
        try:
            data = self._store.read(photo.sha256)
            pixels = open_photo(data, photo.index, self._limits.reaching(THUMBNAIL)).rgb
        except (OSError, PhotoError, PhotoDamagedError, PhotosAwayError):
            return None
        picture = Image.fromarray(pixels)
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=80)
        return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def policy_page(
    replay: PolicyReplay, span: Span, base: str, lang: str, photos: Photos | None = None, *, simulated: bool = False
) -> str:
    """The report of a policy's replay, in `lang`; with `photos`, the first photo of each item that is listed.
    `simulated` says on it that the history is made up."""
    currency = replay.policy.currency
    sellers = _largest(replay.by_seller)
    return _render(
        "policy.html",
        lang,
        replay=replay,
        simulated=simulated,
        span=span,
        days=max(1, len(replay.days)),
        versions=versions(replay.decided_under),
        matrix=_matrix(replay.actions, [a for a in ACTIONS if _occurs(replay.actions, a)]),
        review_chart=review_chart(replay.days, text("replay.review_per_day", lang)),
        recovery_chart=bar_chart(
            [(_named(lang, "category", n), p.difference, signed(p.difference, currency, lang)) for n, p in
             _largest(replay.by_category)],
            text("replay.difference_by_category", lang),
        ),
        parts=[("replay.by_category", _largest(replay.by_category)), ("replay.by_seller", sellers[:ROWS])],
        more_sellers=max(0, len(sellers) - ROWS),
        newly_because=[(reason_name(code, lang), n) for code, n in replay.newly_because.most_common()],
        gone_because=[(reason_name(code, lang), n) for code, n in replay.no_longer_because.most_common()],
        violations=[
            (action, because(words, lang), replay.violations[action, english])
            for (action, english), words in sorted(replay.words.items(), key=lambda pair: pair[0])
        ],
        undecidable=sorted(replay.undecidable.items()),
        pictures=_pictures(photos, replay.largest),
        money=lambda cents: amount(cents, currency, lang),
        signed=lambda cents: signed(cents, currency, lang),
        link=lambda inspection_id: item_url(base, inspection_id),
    )  # fmt: skip


def rubric_page(
    replay: RubricReplay, span: Span, base: str, lang: str, photos: Photos | None = None, *, simulated: bool = False
) -> str:
    """The report of a rubric's replay, in `lang`; with `photos`, the first photo of each item to look at again."""
    parts = [part for _, part in sorted(replay.parts.items())]
    pictures = _pictures(photos, [look for part in parts for look in part.sample])
    return _render(
        "rubric.html",
        lang,
        replay=replay,
        simulated=simulated,
        span=span,
        parts=parts,
        limit=ROWS,
        sellers=lambda part: sorted(part.sellers.items(), key=lambda pair: (-pair[1].items, pair[0])),
        matrix=lambda part: _matrix(part.grades, sorted({*part.grades, *(n for r in part.grades.values() for n in r)})),
        grade_name=lambda name: grade_name(name, lang),
        change=lambda change: change_words(change, lang),
        doubts=lambda part: list(doubt_words(part, lang)),
        versions=lambda counts: versions(counts, text("replay.no_rubric", lang)),
        pictures=pictures,
        link=lambda inspection_id: item_url(base, inspection_id),
    )


def _pictures(photos: Photos | None, items: Sequence[Outcome | DoubtfulDecision]) -> dict[str, str]:
    """Small photos by the id of the item, of those whose photo is at hand."""
    found = {item.id: photos.url(item.photo) for item in items} if photos else {}
    return {name: url for name, url in found.items() if url is not None}


def _matrix(
    counts: Mapping[str, Mapping[str, int]], names: Sequence[str]
) -> tuple[Sequence[str], list[tuple[str, list[tuple[str, int, int]]]]]:
    """Column names, and by row its name and cells: name, count, and how strong to colour it (0 to 4)."""
    rows = []
    for old in names:
        total = sum(counts.get(old, {}).values())
        if total:
            cells = [(new, counts[old].get(new, 0)) for new in names]
            rows.append((old, [(new, n, -(-4 * n // total)) for new, n in cells]))
    return names, rows


def _occurs(counts: Mapping[str, Mapping[str, int]], name: str) -> bool:
    return name in counts or any(name in row for row in counts.values())


def _largest(parts: Mapping[str, Part]) -> list[tuple[str, Part]]:
    return sorted(parts.items(), key=lambda pair: (-abs(pair[1].difference), pair[0]))


def _named(lang: str, kind: str, code: str) -> str:
    return name_of(kind, code, lang)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(template: str, lang: str, **values: object) -> str:
    words = {"t": lambda key, **given: text(key, lang, **given), "named": lambda kind, code: _named(lang, kind, code)}
    return (
        _templates()
        .get_template(template)
        .render(lang=lang, moment=lambda at: f"{at:%Y-%m-%d %H:%M} UTC", **words, **values)
    )
