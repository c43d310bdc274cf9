"""Ceremonies of passkeys (WebAuthn, level 2), by py_webauthn: what a browser is asked, and whether its answer is right.

The library is loaded when it is first needed: it takes half a second, and many sites never do.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from regrade.serving.access.keys import ApiKey
from regrade.serving.access.people.challenges import LIFE, Challenges
from regrade.serving.access.people.sign_in import Passkey
from regrade.serving.base.errors import SignInError
from regrade.serving.base.i18n import Message

_TIMEOUT_MS: Final = int(LIFE * 1000)
_SIGN_IN: Final = "sign in"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pages are for a browser: `origin` such as https://grade.example.com, `host` without the port."""

    origin: str
    host: str


class Ceremonies:
    """Registration and authentication. Blocks for milliseconds; for a thread."""

    def __init__(self) -> None:
        self._challenges = Challenges()

    def to_register(self, key: ApiKey, place: Place) -> dict[str, Any]:
        """What a browser is asked to make a passkey for the person of `key`: `publicKey` of
        `navigator.credentials.create`, as JSON."""
        from webauthn import generate_registration_options, options_to_json
        from webauthn.helpers.structs import (
            AuthenticatorSelectionCriteria,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        # One that finds its holder without a name, and asks for a finger, a face or a PIN: it stands for a password.
        wanted = AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        )
        options = generate_registration_options(
            rp_id=place.host,
            rp_name="regrade",
            user_id=key.id.encode(),
            user_name=key.name,
            user_display_name=key.name,
            challenge=self._challenges.make(_registering(key)),
            timeout=_TIMEOUT_MS,
            authenticator_selection=wanted,
        )
        return _json(options_to_json(options))

    def registered(self, key: ApiKey, credential: Mapping[str, Any], place: Place) -> Passkey:
        """The passkey that a browser has made for the person of `key`. Raises `SignInError`."""
        from webauthn import verify_registration_response
        from webauthn.helpers.exceptions import WebAuthnException

        challenge = self._open_challenge(credential, _registering(key))
        try:
            made = verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=place.host,
                expected_origin=place.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError, LookupError) as error:
            raise SignInError(Message("problem.passkey_wrong")) from error
        self._use_up(challenge, _registering(key))
        return Passkey(made.credential_id, made.credential_public_key, made.sign_count)

    def to_sign_in(self, place: Place) -> dict[str, Any]:
        """What a browser is asked to prove with whatever passkey it has: `publicKey` of `navigator.credentials.get`."""
        from webauthn import generate_authentication_options, options_to_json
        from webauthn.helpers.structs import UserVerificationRequirement

        options = generate_authentication_options(
            rp_id=place.host,
            challenge=self._challenges.make(_SIGN_IN),
            timeout=_TIMEOUT_MS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _json(options_to_json(options))

    def signed_in(self, credential: Mapping[str, Any], kept: Passkey, place: Place) -> Passkey:
        """`kept` with its new count, where the browser has proven to hold it. Raises `SignInError`."""
        from webauthn import verify_authentication_response
        from webauthn.helpers.exceptions import WebAuthnException

        challenge = self._open_challenge(credential, _SIGN_IN)
        try:
            proven = verify_authentication_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=place.host,
                expected_origin=place.origin,
                credential_public_key=kept.public_key,
                credential_current_sign_count=kept.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError, LookupError) as error:
            raise SignInError(Message("problem.passkey_wrong")) from error
        self._use_up(challenge, _SIGN_IN)
        return Passkey(kept.credential, kept.public_key, proven.new_sign_count)

    def _open_challenge(self, credential: Mapping[str, Any], purpose: str) -> bytes:
        """The challenge that an answer says it is to. Raises `SignInError` for one that was not made here for this."""
        challenge = challenge_of(credential)
        if challenge is None or not self._challenges.good(challenge, purpose):
            raise SignInError(Message("problem.passkey_late"))
        return challenge

    def _use_up(self, challenge: bytes, purpose: str) -> None:
        if not self._challenges.use(challenge, purpose):
            raise SignInError(Message("problem.passkey_late"))


def challenge_of(credential: Mapping[str, Any]) -> bytes | None:
    """The challenge in the client data of a browser's answer; None where there is none to be read."""
    try:
        client = json.loads(decoded(credential["response"]["clientDataJSON"]))
        return decoded(client["challenge"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def credential_id_of(credential: Mapping[str, Any]) -> bytes | None:
    """The credential's own id in a browser's answer; None where there is none to be read."""
    try:
        return decoded(credential["rawId"])
    except (KeyError, TypeError, ValueError):
        return None


def decoded(text: str) -> bytes:
    """Bytes of base64url without padding. Raises `ValueError` or `TypeError`."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _registering(key: ApiKey) -> str:
    return f"register {key.id}"


def _json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
