"""What is personal can be taken out of a statement, and the rest still be checked; by somebody else's code, too."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

from regrade.serving.evidence import Personal, Signer
from regrade.serving.evidence.sealed import digest_of, nested, seal, unseal
from regrade.serving.evidence.steps import Signed

names = st.text(min_size=1, max_size=5).filter(lambda name: name not in ("_sd", "_sd_alg", "..."))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def personal(value: Any) -> Any:
    """`value` with every text in it personal that stands in an object."""
    if isinstance(value, list):
        return [personal(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {name: Personal(entry) if isinstance(entry, str) else personal(entry) for name, entry in value.items()}


@given(st.dictionaries(names, values, max_size=4))
def test_what_was_sealed_opens_as_it_was(body: dict[str, Any]) -> None:
    claims, disclosures = seal(personal(body))
    opened = unseal(json.loads(json.dumps(claims)), [one.text for one in disclosures])
    assert (opened.value, opened.withheld, opened.unfit) == (json.loads(json.dumps(body)), (), ())


@given(st.dictionaries(names, values, max_size=4))
def test_a_stock_sd_jwt_library_reads_the_same(body: dict[str, Any]) -> None:
    signer = Signer.generate()
    claims, disclosures = seal(personal(body))
    signed = Signed(signer.sign(json.dumps(claims).encode()), tuple(one.text for one in disclosures))
    key = JWK.from_json(json.dumps(signer.public_key.jwk))
    read = SDJWTVerifier(signed.text, lambda issuer, header: key).get_verified_payload()
    assert read == json.loads(json.dumps(body))


def test_nothing_personal_is_in_what_is_signed() -> None:
    claims, (disclosure,) = seal({"item": {"rma": Personal("RMA-1"), "category": "footwear"}})
    assert claims == {"item": {"category": "footwear", "_sd": [disclosure.digest]}, "_sd_alg": "sha-256"}
    assert disclosure.path == "item.rma"


def test_equal_values_have_different_digests() -> None:
    """Or one could be told from another, or guessed."""
    (first,), (second,) = (seal({"rma": Personal("RMA-1")})[1] for _ in range(2))
    assert first.digest != second.digest


def test_what_was_taken_out_is_told() -> None:
    claims, (disclosure,) = seal({"rma": Personal("RMA-1"), "kind": "graded"})
    opened = unseal(claims, [])
    assert (opened.value, opened.withheld) == ({"kind": "graded"}, (disclosure.digest,))


def test_what_was_not_signed_is_not_put_in() -> None:
    claims, (disclosure,) = seal({"rma": Personal("RMA-1")})
    (other,) = seal({"rma": Personal("RMA-2")})[1]
    opened = unseal(claims, [disclosure.text, other.text])
    assert opened.value == {"rma": "RMA-1"}
    assert opened.unfit == ("a value that nothing was signed for",)


@pytest.mark.parametrize("text", ["", "!", "W10", "WzEsMiwzXQ"])
def test_a_disclosure_that_cannot_be_read_is_told(text: str) -> None:
    opened = unseal({"_sd": [digest_of(text)]}, [text])
    assert (opened.value, opened.unfit) == ({}, ("a value that cannot be read",))


def test_a_name_is_not_disclosed_over_one_that_is_there() -> None:
    claims, (disclosure,) = seal({"rma": Personal("RMA-1")})
    opened = unseal({**claims, "rma": "RMA-2"}, [disclosure.text])
    assert (opened.value, opened.unfit) == ({"rma": "RMA-2"}, ("a value that cannot be read",))


def test_deep_nesting_is_told_without_going_deep() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    assert nested(value)
    assert not nested({"a": [{"b": 1}], "c": "x"})
