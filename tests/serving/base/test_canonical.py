import json
import math
import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrade.serving.base.canonical import canonical_json

pytestmark = pytest.mark.slow

RFC_8785_3_2_3 = (
    '{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
    '"string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/", "literals": [null, true, false]}'
)


def test_the_example_of_the_rfc() -> None:
    assert canonical_json(json.loads(RFC_8785_3_2_3)).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


# RFC 8785, appendix B: IEEE 754 bits and their ECMAScript form.
APPENDIX_B = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize("bits", APPENDIX_B)
def test_numbers_are_written_as_in_the_rfc(bits: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json(number).decode() == APPENDIX_B[bits]


def test_members_are_sorted_by_utf_16() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    text = canonical_json(dict.fromkeys(names, 0)).decode()
    assert list(json.loads(text)) == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


def test_any_double_reads_back_as_itself() -> None:
    source = random.Random(1)
    for _ in range(5000):
        (number,) = struct.unpack(">d", source.randbytes(8))
        if math.isfinite(number):
            assert float(json.loads(canonical_json(number))) == number


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, "\ud800", b"x", {1, 2}])
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeEncodeError is one too
        canonical_json(value)


def as_first_written(value: Any) -> str:
    """The form as the first releases wrote it by themselves: digests of bodies, by which repeated requests are known,
    and signatures were made over it."""
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(as_first_written(entry) for entry in value) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{as_first_written(name)}:{as_first_written(value[name])}" for name in names) + "}"
    return number_as_first_written(float(value))


def number_as_first_written(number: float) -> str:
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[0]}{'.' + digits[1:] if len(digits) > 1 else ''}e{point - 1:+d}"


NUMBERS = st.integers() | st.integers(-(10**308), 10**308) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=1000)
@given(VALUES)
def test_digests_of_earlier_releases_stay_as_they_were(value: Any) -> None:
    assert canonical_json(value) == as_first_written(value).encode()


@given(VALUES)
def test_reading_and_writing_it_again_changes_nothing(value: Any) -> None:
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


@pytest.mark.parametrize("value", [2**53 - 1, 2**53, 2**53 + 1, -(2**63), 10**21, 10**22, {"a": [2**60, 1, True]}])
def test_whole_numbers_beyond_a_double_are_the_nearest_double(value: Any) -> None:
    assert canonical_json(value) == as_first_written(value).encode()
