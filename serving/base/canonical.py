"""JSON in one agreed form, so that a hash or a signature over it can be checked by anyone.

The form is that of RFC 8785 (JSON Canonicalization Scheme). Whole numbers beyond 2**53, which the RFC leaves to the
application, are written as the nearest double.
"""

from typing import Any

import rfc8785


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 form of `value` (None, bool, int, float, str, lists and str-keyed dicts), as UTF-8.

    Raises `ValueError` for NaN, infinities, numbers beyond a double, and lone surrogates.
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.IntegerDomainError:
        return rfc8785.dumps(_as_doubles(value))


def _as_doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_doubles(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_as_doubles(entry) for entry in value]
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError("a number beyond the range of a double") from error
    return value
