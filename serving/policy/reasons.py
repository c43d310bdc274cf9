"""The reasons that a decision gives, each a code with the figures that its sentence needs."""

import datetime
from collections.abc import Mapping, Sequence

from regrade.models.category.economics import COST_PARTS, Economics
from regrade.models.category.rules import Because
from regrade.models.pieces.types import Piece, in_short
from regrade.models.types import CategoryCall, Grade
from regrade.serving.base.dispositions import Money, Reason


def recovers(
    condition: str,
    probability: float | None,
    ranked: Sequence[str],
    recoveries: Mapping[str, float],
    currency: str,
) -> Reason:
    """What the best of `ranked` recovers, and how much more that is than the next.

    `probability` is that of the likeliest `condition`, or None where a human has fixed it.
    """
    best = ranked[0]
    amount = recoveries[best]
    params: dict[str, str | float] = {"condition": condition, "action": best, "currency": currency}
    params["amount" if amount >= 0 else "loss"] = abs(amount)
    if probability is not None:
        params["probability"] = probability
    if len(ranked) > 1:
        params |= {"next": ranked[1], "margin": amount - recoveries[ranked[1]]}
    who = "human" if probability is None else "model"
    verb = "recovers" if amount >= 0 else "loses"
    than = "" if len(ranked) == 1 else "_more" if amount >= 0 else "_less"
    return Reason(f"{who}_{verb}{than}", params)


def _because(words: Because) -> dict[str, str | float]:
    params: dict[str, str | float] = {"because": words.en}
    if words.zh_cn is not None:
        params["because@zh-CN"] = words.zh_cn
    return params


def ruled_out(action: str, words: Because, amount: float, currency: str) -> Reason:
    """An action that would have recovered more, had no rule forbidden it."""
    return Reason("ruled_out", {"action": action, "amount": amount, "currency": currency, **_because(words)})


def rule(words: Because) -> Reason:
    """A rule of the policy asks for a human."""
    return Reason("rule", _because(words))


def return_to_origin(economics: Economics, posterior: Mapping[str, float], value: float, currency: str) -> Reason:
    """What sending the item back would bring in, as it is, and what freight, customs and duty take of it."""
    costs = economics.costs.return_to_origin
    parts = {name: costs.part(name).at(value) for name in COST_PARTS}
    cost = sum(parts.values())
    net = sum(p * economics.recovery(c, "return_to_origin", value) for c, p in posterior.items())
    gross = net + cost
    params: dict[str, str | float] = {
        "gross": gross,
        "cost": cost,
        "net" if net >= 0 else "loss": abs(net),
        "freight": parts["freight"],
        "customs": parts["customs"],
        "duty": parts["duty"],
        "rest": parts["handling"] + parts["parts"] + parts["fees"],
        "currency": currency,
    }
    return Reason("return_to_origin_nets" if net >= 0 else "return_to_origin_loses", params)


def pieces_missing(missing: Sequence[Piece], amount: float, currency: str) -> Reason:
    """What is not there, and what that takes off what the action brings in."""
    told = {"pieces": in_short(missing)}
    if amount > 0:
        return Reason("pieces_missing_cost", {**told, "amount": amount, "currency": currency})
    return Reason("pieces_missing", told)


def default_value(category: str, value: float, currency: str) -> Reason:
    """Nobody declared a value."""
    return Reason("default_value", {"category": category, "amount": value, "currency": currency})


def converted(declared: Money, value: float, currency: str, date: datetime.date) -> Reason:
    """The value was declared in another currency. `declared_amount` is in `declared_currency`."""
    params: dict[str, str | float] = {
        "declared_amount": declared.amount,
        "declared_currency": declared.currency,
        "amount": value,
        "currency": currency,
        "date": date.isoformat(),
    }
    return Reason("converted", params)


def other_economics(category: str) -> Reason:
    """The policy has no figures for the category."""
    return Reason("other_economics", {"category": category})


def information(worth: float, cost: float, currency: str) -> Reason:
    """More is at stake than a review costs."""
    return Reason("value_at_risk", {"worth": worth, "cost": cost, "currency": currency})


def category_unsure(call: CategoryCall, needed: float) -> Reason:
    """Nobody declared a category and the model is not sure of its own."""
    return Reason("category_unsure", {"category": call.name, "probability": call.confidence, "needed": needed})


def category_mismatch(call: CategoryCall) -> Reason:
    """The photos look like another category than the one declared."""
    return Reason(
        "category_mismatch",
        {"category": call.name, "guess": call.best_guess, "probability": call.confidence},
    )


def no_guarantee(category: str) -> Reason:
    """The bundle had too few calibration items to promise anything for this category."""
    return Reason("no_guarantee", {"category": category})


def confidence_short(category: str, grade: Grade, needed: float) -> Reason:
    """The grade is less sure than the category needs."""
    return Reason(
        "confidence_short",
        {
            "category": category,
            "condition": grade.condition,
            "probability": grade.confidence,
            "needed": needed,
        },
    )


def relist_unsure(probability: float, needed: float) -> Reason:
    """Relisting as new needs a surer unopened than this."""
    return Reason("relist_unsure", {"probability": probability, "needed": needed})
