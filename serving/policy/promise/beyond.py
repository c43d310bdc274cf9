"""Why an item is beyond what is promised, and so for a person to see."""

from regrade.serving.base.dispositions import ACTIONS, Reason
from regrade.serving.policy.promise.promised import Limits, Promised
from regrade.serving.policy.promise.stake import Stake


def no_promise(category: str) -> Reason:
    """Nothing that the policy promises of items that go without a human is proven for this category."""
    return Reason("no_promise", {"category": category})


def beyond_promise(stake: Stake, promise: Promised, limits: Limits, currency: str) -> Reason:
    """More is at stake than with the items that the promise is proven for: in harm, or in money."""
    assert promise.threshold is not None
    if ACTIONS.index(stake.action) not in promise.looks.in_play:
        return Reason("action_unproven", {"action": stake.action})
    if stake.harm > 0 and promise.way == "as_it_is":
        return Reason("harm_unproven", {"action": stake.action, "probability": stake.harm})
    if limits.harm is not None and stake.harm > promise.threshold * limits.harm:
        needed = promise.threshold * limits.harm
        return Reason("harm_likely", {"action": stake.action, "probability": stake.harm, "needed": needed})
    worth, cost = stake.worth, promise.threshold * limits.loss
    return Reason("loss_likely", {"worth": worth, "cost": cost, "currency": currency})
