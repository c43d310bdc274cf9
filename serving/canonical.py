"""JSON in one agreed form, so that a hash or a signature over it can be checked by anyone.

The form is that of RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 code units, no spaces,
numbers as ECMAScript writes doubles. Whole numbers beyond 2**53 are therefore written as the nearest double.
"""

import json
import math
from typing import Any


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 form of `value` (None, bool, int, float, str, lists and str-keyed dicts), as UTF-8.

    Raises `ValueError` for NaN, infinities, numbers beyond a double, and lone surrogates.
    """
    return _write(value).encode("utf-8")


def _write(value: Any) -> str:
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_write(entry) for entry in value) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_write(name)}:{_write(value[name])}" for name in names) + "}"
    raise ValueError(f"{type(value).__name__} has no JSON form")


def _number(value: int | float) -> str:
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("a number beyond the range of a double") from error
    if not math.isfinite(number):
        raise ValueError("NaN and infinities have no JSON form")
    if number == 0:
        return "0"  # ECMAScript writes negative zero without its sign.
    sign = "-" if number < 0 else ""
    # repr gives the shortest digits that read back as the same double, as ECMAScript asks; only where the
    # point goes differs.
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = f"e{point - 1:+d}"
    return f"{sign}{digits[0]}{'.' + digits[1:] if count > 1 else ''}{power}"
