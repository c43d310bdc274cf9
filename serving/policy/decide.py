"""From a graded item to a suggested disposition, and whether a human must look at it first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regrade.models.category.economics import NO_LACK, Economics
from regrade.models.category.rules import Because
from regrade.models.errors import PolicyError
from regrade.models.pieces.types import Pieces
from regrade.models.types import CONDITIONS, CategoryCall, Grade, ItemResult
from regrade.serving.base.dispositions import ACTIONS, Decision, Disposition, Money, Option, Reason
from regrade.serving.policy import reasons
from regrade.serving.policy.alone import asked_for, may_go_alone
from regrade.serving.policy.bench import desk_alone
from regrade.serving.policy.promise.beyond import beyond_promise, no_promise
from regrade.serving.policy.promise.promised import Promised, limits_of, promised
from regrade.serving.policy.promise.stake import Stake, stake_of
from regrade.serving.policy.rules import Case, closed_actions
from regrade.serving.policy.schema import Terms
from regrade.serving.policy.terms import Policy, economics_for, economics_of
from regrade.serving.policy.value import expected_recovery


@dataclass(frozen=True, slots=True)
class _Item:
    """An item with all that is needed to decide on it, in the policy's currency."""

    policy: Policy
    terms: Terms
    economics: Economics
    own_economics: bool
    category: CategoryCall
    grade: Grade
    case: Case
    promised: Promised | None
    """None where the policy promises no money, or the bundle that graded the item carries no table for it."""


def decide(
    policy: Policy,
    result: ItemResult,
    *,
    declared_value: Money | None,
    seller: str | None,
    sku: str | None = None,
    human_condition: str | None = None,
    identity: str | None = None,
    pieces: Pieces | None = None,
) -> Decision:
    """The disposition with the highest expected net recovery that the policy's rules permit.

    `result.grade` and `result.category` must not be None: an item to be retaken cannot be decided on.
    `human_condition` is the condition that a reviewer has fixed: it is then certain, and no review is asked
    for. `identity` is the verdict on the item's codes, None where nobody has read them; `pieces` are what belongs
    to it and what of that is there, None where nothing is expected. Raises `PolicyError` for a currency without an
    exchange rate, a negative value or an unknown condition, and `ValueError` for an item that was not graded.
    """
    if result.grade is None or result.category is None:
        raise ValueError("an item that was not graded has no disposition: let its photos be retaken first")
    case = case_of(
        policy,
        result,
        declared_value=declared_value,
        seller=seller,
        sku=sku,
        human_condition=human_condition,
        identity=identity,
        pieces=pieces,
    )
    terms, value = policy.terms(seller), case.value
    economics, own = economics_for(terms, case)
    asked = human_condition is None and _by_table(policy, result)
    promise = promised(policy, case.category, seller, value) if asked else None
    if promise is not None and promise.threshold is None and terms.promise.where_unproven == "condition":
        promise = None
    item = _Item(policy, terms, economics, own, result.category, result.grade, case, promise)
    closed = closed_actions(terms, case)
    recoveries = {a: expected_recovery(economics, case.posterior, a, value) for a in ACTIONS}
    ranked = sorted((a for a in ACTIONS if a not in closed), key=lambda a: -recoveries[a])
    if not ranked:
        raise PolicyError(f"The policy {policy.label} rules out every action for this item; check its rules.")
    best = ranked[0]
    disposition = Disposition(
        action=best,
        expected_recovery=_money(recoveries[best], policy.currency),
        reasons=_why(item, ranked, recoveries, closed, declared_value, human_condition),
        alternatives=tuple(Option(a, _money(recoveries[a], policy.currency)) for a in ranked[1:]),
        policy=policy.label,
    )
    if human_condition is not None:
        return Decision(disposition, (), "nobody")
    review = _review(item, ranked)
    alone = desk_alone(terms, value, policy.currency, review)
    return Decision(disposition, review, "nobody" if not review else "bench" if alone is None else "desk")


def _by_table(policy: Policy, result: ItemResult) -> bool:
    """Whether the bundle whose table is in force is the one that graded the item: no other's posterior means the same.
    An item that does not say who graded it is taken at the table's word."""
    assert result.category is not None
    table = policy.held_out.get(result.category.name)
    return table is not None and result.models.get(result.category.name, table.version) == table.version


def case_of(
    policy: Policy,
    result: ItemResult,
    *,
    declared_value: Money | None,
    seller: str | None,
    sku: str | None = None,
    human_condition: str | None = None,
    identity: str | None = None,
    pieces: Pieces | None = None,
) -> Case:
    """What the rules of `policy` ask about an item; arguments and errors as of `decide`."""
    if result.grade is None or result.category is None:
        raise ValueError("an item that was not graded has no disposition: let its photos be retaken first")
    economics, _ = economics_of(policy.terms(seller), result.category.name)
    return Case(
        category=result.category.name,
        value=economics.default_value if declared_value is None else policy.convert(declared_value).amount,
        posterior=_posterior(result.grade, human_condition),
        seller=seller,
        sku=sku,
        defects=frozenset(defect.type for defect in result.defects),
        identity=identity,
        pieces=None if pieces is None else pieces.state,
        missing=() if pieces is None else pieces.missing,
    )


def _posterior(grade: Grade, human_condition: str | None) -> Mapping[str, float]:
    """The probabilities of all conditions, summing to 1."""
    if human_condition is not None:
        if human_condition not in CONDITIONS:
            raise PolicyError(f"{human_condition!r} is not a condition. Legal values: {', '.join(CONDITIONS)}.")
        return {c: float(c == human_condition) for c in CONDITIONS}
    total = sum(grade.probabilities.get(c, 0.0) for c in CONDITIONS)
    if not total > 0:
        raise ValueError("the grade has no probabilities for the known conditions")
    return {c: grade.probabilities.get(c, 0.0) / total for c in CONDITIONS}


def _why(
    item: _Item,
    ranked: Sequence[str],
    recoveries: Mapping[str, float],
    closed: Mapping[str, Because],
    declared: Money | None,
    human_condition: str | None,
) -> tuple[Reason, ...]:
    """Why this action: what it recovers, what was ruled out though it pays more, and what was assumed."""
    case, currency, best = item.case, item.policy.currency, ranked[0]
    likeliest = max(CONDITIONS, key=lambda c: case.posterior[c])
    probability = None if human_condition is not None else case.posterior[likeliest]
    found = [reasons.recovers(likeliest, probability, ranked, recoveries, currency)]
    found += [
        reasons.ruled_out(action, because, recoveries[action], currency)
        for action, because in closed.items()
        if recoveries[action] > recoveries[best]
    ]
    if case.missing:
        found.append(reasons.pieces_missing(case.missing, _lacks(item, best), currency))
    if "return_to_origin" in ranked:
        found.append(reasons.return_to_origin(item.economics, case.posterior, case.value, currency))
    if declared is None:
        found.append(reasons.default_value(case.category, case.value, currency))
    elif declared.currency != currency:
        found.append(reasons.converted(declared, case.value, currency, item.policy.fx.date))
    if not item.own_economics:
        found.append(reasons.other_economics(case.category))
    return tuple(found)


def _lacks(item: _Item, action: str) -> float:
    """What is missing takes off what `action` brings in, on average."""
    case = item.case
    whole = expected_recovery(item.economics.without(NO_LACK), case.posterior, action, case.value)
    return whole - expected_recovery(item.economics, case.posterior, action, case.value)


def _review(item: _Item, ranked: Sequence[str]) -> tuple[Reason, ...]:
    """Every reason for which a human must see the item before it moves."""
    terms, case, best = item.terms, item.case, ranked[0]
    stake = stake_of(terms, item.economics, case, ranked)
    found: list[Reason | None] = [
        _sure_of_category(item),
        None if item.own_economics else reasons.other_economics(case.category),
        _sure_of_condition(item),
        _promised(item, stake),
        may_go_alone(terms, case, best),
        *(reasons.rule(because) for because in asked_for(terms, case, best)),
        _worth_a_review(item, stake),
    ]
    return tuple(r for r in found if r is not None)


def _sure_of_category(item: _Item) -> Reason | None:
    call, review = item.category, item.terms.review
    if call.source == "predicted":
        needed = review.predicted_category_min_confidence
        return None if call.confidence >= needed else reasons.category_unsure(call, needed)
    needed = review.declared_category_min_confidence
    if call.best_guess != call.name and call.confidence < needed:
        return reasons.category_mismatch(call)
    return None


def _sure_of_condition(item: _Item) -> Reason | None:
    """The bundle's own promise holds from its threshold up, where none in money takes its place; the policy may ask for
    more, never for less."""
    grade, needed = item.grade, item.economics.min_confidence or 0.0
    if item.promised is None:
        if grade.auto_threshold is None:
            return reasons.no_guarantee(item.category.name)
        needed = max(grade.auto_threshold, needed)
    return None if grade.confidence >= needed else reasons.confidence_short(item.category.name, grade, needed)


def _promised(item: _Item, stake: Stake) -> Reason | None:
    """The promise in money frees items up to what is proven."""
    promise = item.promised
    if promise is None:
        return None
    if promise.threshold is None:
        return no_promise(item.category.name)
    limits = limits_of(item.terms, item.economics, item.case.value)
    return None if promise.frees(stake, limits) else beyond_promise(stake, promise, limits, item.policy.currency)


def _worth_a_review(item: _Item, stake: Stake) -> Reason | None:
    """Where no promise says what may be lost, no review is spared that is worth more than it costs."""
    cost = item.terms.review_cost(item.economics)
    if item.promised is not None or stake.worth <= cost:
        return None
    return reasons.information(stake.worth, cost, item.policy.currency)


def _money(amount: float, currency: str) -> Money:
    return Money(round(amount, 2) + 0.0, currency)
