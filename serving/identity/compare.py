"""Codes that were read against those that are expected.

Labels of parcels, of the return itself and of whatever else lies about must not make an item a wrong one: it is a
mismatch only where a code of a kind that is expected was read (a GTIN where GTINs are, a serial number where serial
numbers are) and none of that kind agrees.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from regrade.models.codes.identity import ExpectedCodes, Identity, Kind, ReadCode, Verdict
from regrade.models.codes.kinds import (
    RETAIL,
    for_own_use,
    gtin_in,
    gtin_of,
    looks_like_serial,
    serial_in,
    serial_of,
)
from regrade.models.codes.types import Code, bounded
from regrade.serving.identity.papers import Papers

MOST: Final = 48
"""Codes of an item that are kept."""
_SCANNED: Final = 24
"""Codes of a scanner that are read; a station sends a handful."""


def scanned(answers: object) -> list[Code]:
    """The codes that a station's scanner has read, as it sends them: texts in `answers.codes`. Whatever else stands
    there is the station's own business."""
    told = answers.get("codes") if isinstance(answers, Mapping) else None
    texts = [one for one in told if isinstance(one, str) and one.strip()] if isinstance(told, list) else []
    return [_scanned(text.strip()) for text in texts[:_SCANNED]]


def tells(codes: Iterable[Code], expected: ExpectedCodes) -> bool:
    """Whether one of `codes` is of a kind that is expected, so that no closer look is needed."""
    rules = _Rules(expected, frozenset())
    return any(rules.judged(code)[1] is not None for code in codes)


def identify(
    item: Mapping[str, Any],
    expected: ExpectedCodes,
    codes: Iterable[Code],
    papers: Papers,
    unread: Sequence[int] = (),
) -> Identity:
    """What the `codes` read in an item's photos, and those that its station has scanned, say of it; `unread` are photos
    of which none could be read. Blocks where a GTIN is another one than expected: it is looked up."""
    names = frozenset(serial_of(str(item[name])) for name in ("rma", "sku") if item.get(name))
    rules = _Rules(expected, names)
    found: list[ReadCode] = []
    for code in dict.fromkeys([*codes, *scanned(item.get("answers"))]):
        kind, agrees = rules.judged(code)
        found.append(ReadCode(**asdict(code) | {"polygon": code.polygon}, kind=kind, agrees=agrees))
    found.sort(key=lambda one: (one.agrees is None, one.agrees is True))
    kept = tuple(found[:MOST])
    return Identity(_verdict(expected, kept), expected, kept, _looks_like(kept, papers, item), tuple(unread))


def _verdict(expected: ExpectedCodes, codes: Sequence[ReadCode]) -> Verdict:
    if not expected:
        return "not_expected"
    by_kind = [{code.agrees for code in codes if code.kind == kind} - {None} for kind in ("gtin", "serial")]
    if any(said == {False} for said in by_kind):
        return "mismatch"
    return "match" if any(True in said for said in by_kind) else "nothing_read"


def _looks_like(codes: Sequence[ReadCode], papers: Papers, item: Mapping[str, Any]) -> tuple[str, ...]:
    others = [gtin for one in codes if one.kind == "gtin" and one.agrees is False and (gtin := gtin_in(one))]
    if not others:
        return ()
    return tuple(dict.fromkeys(papers.skus_of_gtins(others, item.get("seller")).values()))


@dataclass(frozen=True, slots=True)
class _Rules:
    """What codes are compared with. `names`: texts that are the return's own, and no serial number."""

    expected: ExpectedCodes
    names: frozenset[str]

    def judged(self, code: Code) -> tuple[Kind, bool | None]:
        """What a code is compared as, and whether it agrees; None where it says nothing of the item."""
        kind, agrees = self._as_the_item_s(code)
        # A piece's own code speaks for nothing else; one that the item itself should show may stand on a piece too.
        return ("other", None) if agrees is False and stands_in(code, self.expected.apart) else (kind, agrees)

    def _as_the_item_s(self, code: Code) -> tuple[Kind, bool | None]:
        serial = self._serial(code)
        if serial is not None and self.expected.serials:
            return "serial", serial
        gtin = gtin_in(code)
        if gtin is not None:
            return "gtin", self._gtin(gtin)
        # A carton's code (ITF-14) may be that of the item: it can agree, and never speaks against it.
        if code.format == "itf" and gtin_of(code.text) in self.expected.gtins:
            return "gtin", True
        return "other", None

    def _gtin(self, gtin: str) -> bool | None:
        if not self.expected.gtins:
            return None
        if gtin in self.expected.gtins:
            return True
        return None if for_own_use(gtin) else False

    def _serial(self, code: Code) -> bool | None:
        text, told = serial_of(code.text), serial_in(code)
        wanted = {serial_of(one) for one in self.expected.serials}
        if text in wanted or told in wanted:
            return True
        if told is not None:
            return False
        if text in self.names or code.format in RETAIL:
            return None
        return False if any(looks_like_serial(text, one) for one in wanted) else None


def stands_in(code: Code, texts: Iterable[str]) -> bool:
    """Whether a code that was read is one of `texts`: as the same GTIN, or but for letters' size and signs the same."""
    read, gtin = {serial_of(code.text), serial_in(code)}, gtin_in(code)
    return any(serial_of(one) in read or (gtin is not None and gtin_of(one) == gtin) for one in texts)


def _scanned(text: str) -> Code:
    shown, cut = bounded(text)
    return Code(shown, "scanner", cut=cut)
