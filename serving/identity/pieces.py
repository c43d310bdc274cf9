"""Pieces of an item of which codes were read: what the catalogue says stands on them is all that tells of any.

No network here knows a charger from a strap, so a piece without a code is never guessed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from regrade.models.codes.types import Code
from regrade.models.pieces.types import ExpectedPiece, SeenPiece
from regrade.serving.identity.compare import scanned, stands_in


def seen_pieces(
    expected: Sequence[ExpectedPiece], codes: Iterable[Code], item: Mapping[str, Any]
) -> tuple[SeenPiece, ...]:
    """Which of the `expected` pieces the `codes` in an item's photos, and those that its station has scanned, tell of.

    A code may be seen again in the next photo: so many are there as one photo shows at once, and no more are said than
    are expected.
    """
    read = list(dict.fromkeys([*codes, *scanned(item.get("answers"))]))
    found: list[SeenPiece] = []
    for piece in expected:
        own = [code for code in read if stands_in(code, piece.codes)]
        if own:
            at: dict[int | None, Counter[str]] = defaultdict(Counter)
            for code in own:
                at[code.photo][code.text] += 1
            most = max(sum(texts.values()) for texts in at.values())
            texts = tuple(dict.fromkeys(code.text for code in own))
            photos = tuple(sorted({code.photo for code in own if code.photo is not None}))
            found.append(SeenPiece(piece.name, min(most, piece.quantity), texts, photos))
    return tuple(found)
