"""One past item under a new policy: what was done with it, and what would be."""

from dataclasses import dataclass
from datetime import datetime

from regrade.models.category.rules import Because
from regrade.models.errors import PolicyError
from regrade.serving.base.dispositions import Disposition, Money
from regrade.serving.policy.rules import Case, closed_actions
from regrade.serving.policy.stored import case_of_stored, decide_stored
from regrade.serving.policy.terms import Policy, economics_for
from regrade.serving.policy.value import expected_recovery
from regrade.serving.storage.records import Inspection, StoredPhoto


@dataclass(frozen=True, slots=True)
class Outcome:
    """Amounts are in cents of the new policy's currency, each rounded as the service rounds it.

    `old` is the action that stands: the last reviewer's, else the policy's of then; `new` the one under the new policy.
    An action that a reviewer chose over the policy's stays, unless the new policy forbids it.
    `recorded` is what `old` was expected to recover by the figures of then; None where the new policy has no exchange
    rate for them. `repriced` is the same action by the new figures, `recovery` the new action by the new figures.
    `old_review` and `new_review` are the codes of the reasons for which a human has to look; none where none has to.
    `forbidden` is why the new policy forbids `old`; None where it does not.
    """

    id: str
    at: datetime
    category: str
    seller: str | None
    policy: str
    by_human: bool
    old: str
    new: str
    recorded: int | None
    repriced: int
    recovery: int
    old_review: tuple[str, ...]
    new_review: tuple[str, ...]
    forbidden: Because | None
    photo: StoredPhoto | None

    @property
    def difference(self) -> int:
        """What the new policy expects beyond what was recorded; 0 where the two cannot be compared."""
        return 0 if self.recorded is None else self.recovery - self.recorded


def replay(policy: Policy, inspection: Inspection) -> Outcome | None:
    """The outcome of `inspection` under `policy`; None where nothing was graded.

    What the model saw and what people decided stays as it is stored. Raises `PolicyError` where the policy cannot
    decide on it, for one thing for want of an exchange rate.
    """
    result, was = inspection.result, inspection.decision
    if was is None or result.grade is None or result.category is None:
        return None
    seller, review = inspection.item.get("seller"), inspection.review
    alone = decide_stored(policy, inspection)
    condition = None if review is None else review.condition
    now, before = alone.disposition, was.disposition
    if review is not None:
        before = review.disposition
        now = decide_stored(policy, inspection, condition).disposition
    values = _values(now)
    forbidden = None
    if before.action not in values:
        case = case_of_stored(policy, inspection, condition)
        forbidden = closed_actions(policy.terms(seller), case)[before.action]
        values[before.action] = _cents(_worth(policy, case, before.action))
    stays = review is not None and review.disposition_source == "reviewer" and forbidden is None
    new = before.action if stays else now.action
    return Outcome(
        id=inspection.id,
        at=inspection.created_at,
        category=result.category.name,
        seller=seller,
        policy=before.policy,
        by_human=review is not None,
        old=before.action,
        new=new,
        recorded=_recorded(policy, before.expected_recovery),
        repriced=values[before.action],
        recovery=values[new],
        old_review=tuple(reason.code for reason in was.review),
        new_review=tuple(reason.code for reason in alone.review),
        forbidden=forbidden,
        photo=inspection.photos[0] if inspection.photos else None,
    )


def _values(disposition: Disposition) -> dict[str, int]:
    """What every permitted action recovers, in cents."""
    values = {option.action: _cents(option.expected_recovery.amount) for option in disposition.alternatives}
    return {disposition.action: _cents(disposition.expected_recovery.amount), **values}


def _worth(policy: Policy, case: Case, action: str) -> float:
    economics, _ = economics_for(policy.terms(case.seller), case)
    return expected_recovery(economics, case.posterior, action, case.value)


def _recorded(policy: Policy, money: Money) -> int | None:
    # Not Policy.convert: that is for declared values, and a recovery may be negative.
    try:
        return _cents(money.amount * policy.rate(money.currency))
    except PolicyError:
        return None


def _cents(amount: float) -> int:
    return round(amount * 100)
