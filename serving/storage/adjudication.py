"""Which human decision stands, when another look is owed, and when a condition is settled. The rule is here alone.

An item is looked at first because the model asked (`unsure`) or by lot, to check a grade that the model was sure of
(`sample`, blind). Then:

- A `second` reviewer, blind, is drawn by lot, whatever the first found.
- A `third`, blind, breaks the tie where the second's condition is not the first's, or where a `sample` is not graded
  as the model graded it.
- The condition is settled by the majority of the three, and by the third where there is none: the majority of all
  humans where three have decided; else the third's own word, which sides with the sample or with the model.

What stands meanwhile, and so what becomes of the item on the bench:

- `unsure`: the first decision stands at once; a second that disagrees changes nothing until the third has decided.
- `sample`: one that agrees with the model leaves the item as it was graded. One that disagrees stands at once,
  until the third has decided.

Decisions that were undone count for nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from regrade.serving.storage.reviews import Kind, Review

Votes = Mapping[Kind, Review]


def votes_of(reviews: Iterable[Review]) -> dict[Kind, Review]:
    """The decisions that count, by the kind of the look; `reviews` are oldest first."""
    return {review.kind: review for review in reviews if review.undone_at is None}


def first_of(votes: Votes) -> Review | None:
    """The first look's decision."""
    return votes.get("unsure") or votes.get("sample")


def owed(model_condition: str | None, votes: Votes, *, second_drawn: bool) -> set[Kind]:
    """Which looks must follow the first, decided already or not. None while the first is not decided."""
    first, second = first_of(votes), votes.get("second")
    if first is None:
        return set()
    looks: set[Kind] = {"second"} if second_drawn else set()
    split = second is not None and second.condition != first.condition
    if split or (first.kind == "sample" and first.condition != model_condition):
        looks.add("third")
    return looks


def settled(model_condition: str | None, votes: Votes) -> str | None:
    """The adjudicated condition; None while nobody has decided, or a tie is not yet broken."""
    first, third = first_of(votes), votes.get("third")
    if first is None:
        return None
    if third is None:
        tied = "third" in owed(model_condition, votes, second_drawn=False)
        return None if tied else first.condition
    condition, count = Counter(vote.condition for vote in votes.values()).most_common(1)[0]
    return condition if count > 1 else third.condition


def standing(model_condition: str | None, reviews: Iterable[Review]) -> Review | None:
    """The human decision that stands in place of the model's; None where the model's does. `reviews`: oldest first."""
    votes = votes_of(reviews)
    first, third = first_of(votes), votes.get("third")
    if first is None:
        return next(reversed(votes.values()), None)
    chosen = third if third is not None and third.condition == settled(model_condition, votes) else first
    confirmed = first.kind == "sample" and first.condition == model_condition
    return None if confirmed and chosen.condition == model_condition else chosen
