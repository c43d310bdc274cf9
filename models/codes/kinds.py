"""What the text of a code is: a GTIN (EAN, UPC; GS1 General Specifications, 7.9), an IMEI (3GPP TS 23.003, 6.2.1), a
serial number, or none of that, such as what parcels carry."""

import re
from typing import Final

from regrade.models.codes.types import Code

RETAIL: Final = frozenset({"ean_13", "ean_8", "upc_a", "upc_e"})
_AI_GTIN: Final = re.compile(r"\(0[12]\)([0-9]{14})")
_AI_SERIAL: Final = re.compile(r"\(21\)([^()]{1,20})")
_LINK: Final = re.compile(r"^https?://[^?#]*/01/([0-9]{8,14})(?:/[^?#]*?21/([^/?#]{1,20}))?", re.IGNORECASE)
"""A GS1 Digital Link."""
_LABELLED: Final = re.compile(
    r"^(?:S/?N|SERIAL(?: ?(?:NO|NUMBER))?|IMEI[12]?)\s*[.:#]+\s*([^\s:]{4,64})$", re.IGNORECASE
)
_IMEI_STARTS: Final = ("01", "35", "86", "99", "44", "45", "49", "50", "51", "52", "53", "54", "91", "98")
"""Of bodies that give numbers of models out, among what else has fifteen digits."""
_OF_PARCELS: Final = re.compile(
    r"1Z[0-9A-Z]{16}|[A-Z]{2}[0-9]{9}[A-Z]{2}|[0-9]{20,34}|(?:420[0-9]{5,9})?9[0-9]{21,25}|TB[AC][0-9]{12}|JJ?D[0-9]{10,20}"
    r"|JD[0-9A-Z]{10,20}|X00[0-9A-Z]{7}|LPN[0-9A-Z]{8,14}"
)
"""Numbers of parcels, and the labels that warehouses stick on goods."""
_OWN_USE: Final = ("002", "004", *(f"0{n}" for n in range(20, 30)))
"""GS1 prefixes of numbers that shops give out for themselves, as they stand in a GTIN-14."""


def gtin_of(text: str) -> str | None:
    """`text` as a GTIN-14, where it is one of 8, 12, 13 or 14 digits whose check digit holds."""
    if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", text, re.ASCII):
        return None
    whole = text.rjust(14, "0")
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(whole))
    return whole if total % 10 == 0 and int(whole) else None


def is_imei(text: str) -> bool:
    """Whether `text` is fifteen digits of a known body, with a check digit (Luhn) that holds."""
    if not re.fullmatch(r"[0-9]{15}", text, re.ASCII) or not text.startswith(_IMEI_STARTS):
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(text))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def serial_of(text: str) -> str:
    """`text` as serial numbers are compared: without spaces and dashes, in capitals."""
    return re.sub(r"[\s-]", "", text).upper()


def gtin_in(code: Code) -> str | None:
    """The GTIN-14 that a code says: one of a retail code, a GS1 element string or Digital Link, or of a scanner, which
    does not tell what it has scanned. Digits in any other code are nothing: numbers of parcels hold a check digit one
    time in ten."""
    found = _AI_GTIN.search(code.text) or _LINK.match(code.text)
    if found is not None:
        return gtin_of(found[1])
    if code.format in RETAIL or code.source == "scanner":
        return gtin_of(code.text)
    return None


def for_own_use(gtin: str) -> bool:
    """Whether a shop gave a GTIN-14 to itself: it says nothing elsewhere."""
    return gtin.startswith(_OWN_USE)


def serial_in(code: Code) -> str | None:
    """The serial number that a code says, as such: labelled `S/N:`, or by GS1."""
    found = _AI_SERIAL.search(code.text)
    link = _LINK.match(code.text)
    labelled = _LABELLED.match(code.text.strip())
    text = found[1] if found else link[2] if link else labelled[1] if labelled else None
    return None if text is None else serial_of(text)


def looks_like_serial(text: str, expected: str) -> bool:
    """Whether `text` may be the serial number of another copy, where that of the right one is `expected`; both as
    `serial_of` gives them. IMEI stand beside IMEI. What is of the same length and letters as it is one, unless parcels
    are called so; of digits alone, the first two must be the same: a model's numbers begin alike."""
    if is_imei(expected):
        return is_imei(text)
    if len(text) != len(expected) or not text.isascii() or not text.isalnum() or _OF_PARCELS.fullmatch(text):
        return False
    if expected.isdigit():
        return text.isdigit() and text[:2] == expected[:2]
    return text.isalpha() == expected.isalpha() and not text.isdigit()
