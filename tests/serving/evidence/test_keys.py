"""Keys: which are trusted, in which forms they are read, and what is not taken for a signature."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from regrade.serving.base.errors import DataDirError
from regrade.serving.evidence import KeyRing, Signer
from regrade.serving.evidence.keys import KeyFormatError, SignatureError, UnknownKeyError, read_keys


def test_the_signing_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = Signer.load(tmp_path / "keys").public()
    assert Signer.load(tmp_path / "keys").public() == first
    assert (tmp_path / "keys" / "evidence-ed25519.pem").stat().st_mode & 0o777 == 0o600


def test_a_damaged_signing_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "evidence-ed25519.pem").write_text("nothing")
    with pytest.raises(DataDirError, match="Restore it from a backup"):
        Signer.load(tmp_path)


def test_a_stock_jws_library_checks_what_is_signed() -> None:
    signer = Signer.generate()
    found = JWS()
    found.deserialize(signer.sign(b"said"), JWK.from_json(json.dumps(signer.public_key.jwk)))
    assert found.payload == b"said"
    assert found.jose_header["alg"] == "EdDSA"


def test_a_signature_of_a_stock_jws_library_is_checked() -> None:
    made = JWK.generate(kty="OKP", crv="Ed25519")
    (key,) = read_keys(made.export_public())
    jws = JWS(b"said")
    jws.add_signature(made, alg="EdDSA", protected=json.dumps({"alg": "EdDSA", "kid": key.key_id}))
    assert KeyRing([key]).check(jws.serialize(compact=True)) == (key.key_id, b"said")


def test_a_former_key_is_known_after_another_took_its_place(tmp_path: Path) -> None:
    former = Signer.load(tmp_path)
    signed = former.sign(b"said")
    current = Signer.renew(tmp_path)
    assert current.key_id != former.key_id == KeyRing.load(tmp_path).check(signed)[0]
    assert Signer.load(tmp_path).key_id == current.key_id
    assert set(current.known) == {former.key_id, current.key_id}


def test_a_lost_private_key_is_said_and_its_signatures_stay_valid(tmp_path: Path, caplog: Any) -> None:
    signed = Signer.load(tmp_path).sign(b"said")
    (tmp_path / "evidence-ed25519.pem").unlink()
    assert Signer.load(tmp_path).known.check(signed)[1] == b"said"
    assert "is signed with a new key" in caplog.text


@pytest.mark.parametrize("form", ["pem", "base64", "base64url", "jwk", "jwks", "published"])
def test_a_public_key_is_read_in_every_form_that_is_given_out(form: str) -> None:
    key = Signer.generate().public_key
    forms = {
        "pem": key.pem,
        "base64": f" {key.base64}\n",
        "base64url": base64.urlsafe_b64encode(key.raw).decode().rstrip("="),
        "jwk": json.dumps(key.jwk),
        "jwks": json.dumps({"keys": [key.jwk]}),
        "published": json.dumps({**key.public(), "former": []}),
    }
    assert [one.key_id for one in read_keys(forms[form])] == [key.key_id]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "AAAA",
        "{}",
        "{",
        "[]",
        '{"kty": "oct", "k": "AAAA"}',
        '{"keys": 1}',
        "-----BEGIN PUBLIC KEY-----\n",
        "é",
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(KeyFormatError, match="no Ed25519 public key"):
        read_keys(text)


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(UnknownKeyError) as told:
        KeyRing([]).check((signer := Signer.generate()).sign(b"said"))
    assert told.value.key_id == signer.key_id


def test_the_name_of_a_key_cannot_write_to_a_terminal() -> None:
    assert UnknownKeyError("\x1b[2J").key_id == "?"


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "e30.e30.e30"])
def test_what_is_no_jws_is_refused(text: str) -> None:
    with pytest.raises((SignatureError, UnknownKeyError)):
        KeyRing([Signer.generate().public_key]).check(text)


def test_no_character_of_a_jws_can_be_another() -> None:
    """Not even one whose bits are left over: decoders overlook them."""
    signer = Signer.generate()
    jws = signer.sign(b"said")
    for place, one in enumerate(jws):
        with pytest.raises((SignatureError, UnknownKeyError)):
            signer.known.check(jws[:place] + ("A" if one != "A" else "B") + jws[place + 1 :])


@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_another_algorithm_is_refused(alg: str) -> None:
    """The public key must not do as a secret for HMAC (RFC 8725, 2.1)."""
    signer = Signer.generate()
    head, *rest = signer.sign(b"said").split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "==")) | {"alg": alg}
    forged = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    with pytest.raises(SignatureError):
        signer.known.check(".".join([forged, *rest]))
