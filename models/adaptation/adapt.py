"""A head adapted to decided photos, recalibrated, and judged on the newest ones, which it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.adaptation.choice import FEW_GROUPS, Choice, Prior, choose
from regrade.models.adaptation.head_file import Linear
from regrade.models.adaptation.judgement import Judgement, judge
from regrade.models.adaptation.learning import Learning, learning
from regrade.models.adaptation.promises import promised, temperature
from regrade.models.adaptation.votes import Mask, Photos, Votes
from regrade.models.calibration import Calibration, softmax
from regrade.models.promise.held_out import HeldOut, held_out

Floats = NDArray[np.float64]
NEWEST: Final = 0.2
"""Share of the groups, the newest, by which the head is judged, and to which it is never fitted."""
JUDGED: Final = 10
"""Groups that it takes to judge at all."""
LEAST: Final = FEW_GROUPS + JUDGED


class TooFewError(ValueError):
    """There are fewer decided groups than it takes; `groups` says how many, `least` how many it takes."""

    def __init__(self, groups: int, least: int) -> None:
        super().__init__(f"{groups} of {least} decided items")
        self.groups, self.least = groups, least


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """What came out. `judgement` is against the active head by `judged_by` votes (`blind` ones where there are enough,
    else `all`); `fitted_until` is the age of the newest photo fitted on, seconds since 1970."""

    head: Linear
    calibration: Calibration
    choice: Choice
    judgement: Judgement
    judged_by: str
    learning: Learning
    fitted_groups: int
    judged_groups: int
    blind_groups: int
    fitted_until: float
    looks: HeldOut
    """The blind looks alone, at what nothing was fitted on when it was looked at; its version is yet to be given."""

    def to_json(self) -> dict[str, Any]:
        """For metrics."""
        random = [round(float(one), 3) for one in self.choice.chosen.random]
        return {
            "strength": None if self.choice.kept else self.choice.chosen.strength,
            "cross_validated_gain": {"nats": round(self.choice.gain, 4), "error": round(self.choice.gain_error, 4)},
            "random_rates": random,
            "fitted_groups": self.fitted_groups,
            "judged_groups": self.judged_groups,
            "blind_groups": self.blind_groups,
            "judged_by": self.judged_by,
            "judgement": self.judgement.to_json(),
            "learning": self.learning.to_json(),
        }


def adapt(
    photos: Photos,
    votes: Votes,
    prior: Prior,
    calibration: Calibration,
    active: Prior,
    labels: Sequence[str],
    money: Floats | None = None,
    since: float = float("-inf"),
) -> Adapted:
    """Adapt the head of `prior`, whose constants are `calibration`, to `votes` on `photos`, and judge it against the
    `active` one on photos newer than `since`, by which that one was fitted. `labels` are the conditions, in the order
    of all columns; `money` is as of `judge`.

    Raises `TooFewError`.
    """
    newest = _newest(photos, votes, since)
    older = ~newest
    choice = choose(_at(photos, older), _renumbered(votes, older), prior)
    fitted, fitted_votes = _at(photos, older), _renumbered(votes, older)
    unseen = choice.chosen.logits
    warmth = 1.0 if choice.kept else temperature(unseen, fitted_votes.shares, fitted.weight)
    # Folded into the head's own temperature, as what divides its logits.
    adapted = replace(calibration, temperature=prior.temperature * warmth)
    if not choice.kept:
        adapted = promised(adapted, softmax(unseen / warmth), fitted, fitted_votes)
    shown, cast = _at(photos, newest), _renumbered(votes, newest)
    judged_by, shares = _shares(shown, cast)
    rows = shares.sum(axis=1) > 0
    new = softmax(choice.head.logits(shown.features) / adapted.temperature)
    old = softmax(active.base(shown))
    judgement = judge(new[rows], old[rows], shares[rows], shown.groups[rows], money)
    blind = np.unique(photos.groups[votes.blind_alone.photo])
    looks = held_out(
        "",
        labels,
        np.concatenate([softmax(unseen / warmth), new]),
        np.concatenate([fitted_votes.blind_alone.shares, cast.blind_alone.shares]),
        np.concatenate([fitted.groups, shown.groups]),
        origin="blind looks of the site",
        blind=True,
    )
    return Adapted(
        choice.head,
        adapted,
        choice,
        judgement,
        judged_by,
        learning(fitted, fitted_votes, prior, choice, votes),
        len(np.unique(fitted.groups)),
        len(np.unique(shown.groups[rows])),
        len(blind),
        float(fitted.age.max()),
        looks,
    )


def _newest(photos: Photos, votes: Votes, since: float) -> Mask:
    """The photos (n,) of the newest groups, each by its newest vote."""
    voted = np.zeros(len(photos), dtype=bool)
    voted[votes.photo] = True
    names, member = np.unique(photos.groups, return_inverse=True)
    age, known = np.full(len(names), -np.inf), np.zeros(len(names), dtype=bool)
    np.maximum.at(age, member, photos.age)
    np.logical_or.at(known, member, voted)
    if known.sum() < LEAST:
        raise TooFewError(int(known.sum()), LEAST)
    fresh = np.flatnonzero(known & (age > since))
    if len(fresh) < JUDGED:
        raise TooFewError(int(known.sum()), int(known.sum()) + JUDGED - len(fresh))
    count = min(len(fresh), max(JUDGED, round(NEWEST * int(known.sum()))))
    chosen = fresh[np.argsort(age[fresh], kind="stable")][-count:]
    out: Mask = np.isin(member, chosen)
    return out


def _shares(photos: Photos, votes: Votes) -> tuple[str, Floats]:
    """By which votes is judged, and their shares (n, k)."""
    blind = votes.blind_alone
    if len(np.unique(photos.groups[blind.photo])) >= JUDGED:
        return "blind", blind.shares
    return "all", votes.shares


def _at(photos: Photos, rows: Mask) -> Photos:
    return Photos(photos.features[rows], photos.groups[rows], photos.age[rows], photos.weight[rows])


def _renumbered(votes: Votes, rows: Mask) -> Votes:
    """The votes on the photos of the mask `rows`, with these numbered from 0."""
    place = np.cumsum(rows) - 1
    kept = votes.on(rows)
    return replace(kept, photo=place[kept.photo].astype(np.intp), photos=int(rows.sum()))


def money_of(labels: Sequence[str], recoveries: Any) -> Floats:
    """What each action brings in by condition, (k, a), from `recoveries`, condition → action → amount."""
    actions = list(recoveries[labels[0]])
    return np.array([[float(recoveries[label][action]) for action in actions] for label in labels])
