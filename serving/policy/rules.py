"""When a rule of the policy applies to an item, under uncertainty about its condition."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from regrade.models.category.rules import Because, When
from regrade.models.pieces.types import Piece
from regrade.models.types import CONDITIONS
from regrade.serving.policy.schema import Terms


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule may ask about an item. `value` is in the policy's currency; `posterior` sums to 1;
    `identity` is the verdict on its codes, None where nobody has read them; `pieces` what was found of its pieces, None
    where none are expected, with those that are `missing`."""

    category: str
    value: float
    posterior: Mapping[str, float]
    seller: str | None = None
    sku: str | None = None
    defects: frozenset[str] = frozenset()
    identity: str | None = None
    pieces: str | None = None
    missing: tuple[Piece, ...] = ()


def applies(when: When, case: Case) -> bool:
    """Whether all that `when` asks holds for `case`."""
    if when.category_in is not None and case.category not in when.category_in:
        return False
    if when.seller_in is not None and case.seller not in when.seller_in:
        return False
    if when.sku_in is not None and not any(fnmatchcase(case.sku or "", p) for p in when.sku_in):
        return False
    if when.defect_in is not None and case.defects.isdisjoint(when.defect_in):
        return False
    if when.identity_is is not None and case.identity not in when.identity_is:
        return False
    if when.pieces_are is not None and case.pieces not in when.pieces_are:
        return False
    if when.value_below is not None and not case.value < when.value_below:
        return False
    if when.value_above is not None and not case.value > when.value_above:
        return False
    if when.condition_in is not None:
        chance = sum(case.posterior.get(c, 0.0) for c in set(when.condition_in))
        return chance > when.probability_above
    return True


def closed_actions(terms: Terms, case: Case) -> dict[str, Because]:
    """The actions that a `never` rule closes for `case`, and the words of the first rule that does."""
    closed: dict[str, Because] = {}
    for rule in terms.never:
        if rule.action not in closed and applies(rule.when, case):
            closed[rule.action] = rule.because
    return closed


def if_known(case: Case, condition: str) -> Case:
    """The same item, once its condition is known to be `condition`."""
    return replace(case, posterior={c: float(c == condition) for c in CONDITIONS})
