"""Which items are looked at blind: by lot, under a secret key, so that nobody can foresee or steer a draw."""

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from regrade.serving.policy.load import Policy
from regrade.serving.storage.keyfile import load_key
from regrade.serving.storage.records import FirstLook, Inspection
from regrade.serving.storage.reviews import Kind

Lot = Kind | Literal["first", "shadow", "canary"]


class Lottery:
    """Draws by HMAC-SHA-256 (RFC 2104) of the kind of look and the inspection's id, which the service itself makes.

    The same inspection is always drawn alike: undoing and repeating a decision is no second draw.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def load(cls, directory: Path) -> "Lottery":
        """The lottery with the secret kept in `directory`, made there on first use.

        Raises `DataDirError` for a damaged one.
        """
        return cls(load_key(directory / "sampling.key"))

    def drawn(self, inspection_id: str, kind: Lot, share: float) -> bool:
        """Whether the inspection is drawn for a look of `kind`, of which `share` in [0, 1] are. `first`: that
        the inspector decides before the model's word is shown; `shadow`: that a candidate looks at it anew; `canary`:
        of a station, that a candidate grades there."""
        digest = hmac.digest(self._secret, f"{kind}:{inspection_id}".encode(), hashlib.sha256)
        return int.from_bytes(digest[:8]) < share * 2**64


class FirstLooks:
    """What a human owes a new inspection: the look that the model asks for, or by lot a blind one."""

    def __init__(self, policy: Callable[[], Policy], lottery: Lottery) -> None:
        self._policy = policy
        self._lottery = lottery

    def __call__(self, inspection: Inspection) -> FirstLook:
        """The look owed to `inspection`, which is not yet stored."""
        policy = self._policy()
        value = declared_value(policy, inspection)
        if inspection.status == "needs_review":
            reasons = inspection.decision.review if inspection.decision else ()
            return FirstLook("unsure", None, reasons[0].code if reasons else None, value)
        if inspection.status != "graded":
            return FirstLook(None, None, None, value)
        share = policy.terms(inspection.item.get("seller")).quality_control.sample_share
        drawn = self._lottery.drawn(inspection.id, "sample", share)
        return FirstLook("sample" if drawn else None, share, None, value)


def declared_value(policy: Policy, inspection: Inspection) -> float | None:
    """What the item was declared to be worth, in the policy's currency."""
    declared = inspection.declared_value
    return None if declared is None else policy.convert(declared).amount
