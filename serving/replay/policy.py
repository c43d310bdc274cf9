"""What a new policy would have changed, counted over past items."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from regrade.models.category.rules import Because
from regrade.models.errors import PolicyError
from regrade.serving.policy.terms import Policy
from regrade.serving.replay.outcome import Outcome, replay
from regrade.serving.storage.records import Inspection

LARGEST = 10
"""Items listed of those that change most in money."""
EXAMPLES = 5
"""Items named for each thing that is counted apart."""


@dataclass(slots=True)
class Part:
    """All items, or those of one category or seller. Amounts are in cents of the new policy's currency, and leave out
    the `unpriced` items, whose recorded amounts cannot be converted into it.

    `review_before` and `review_after` count items of which the model's grade alone needed a human then, and would now.
    """

    items: int = 0
    changed: int = 0
    review_before: int = 0
    review_after: int = 0
    newly: int = 0
    no_longer: int = 0
    unpriced: int = 0
    recorded: int = 0
    repriced: int = 0
    recovery: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one item."""
        before, after = bool(outcome.old_review), bool(outcome.new_review)
        self.items += 1
        self.changed += outcome.old != outcome.new
        self.review_before += before
        self.review_after += after
        self.newly += after and not before
        self.no_longer += before and not after
        if outcome.recorded is None:
            self.unpriced += 1
        else:
            self.recorded += outcome.recorded
            self.repriced += outcome.repriced
            self.recovery += outcome.recovery

    @property
    def difference(self) -> int:
        """What the new policy expects beyond what was recorded."""
        return self.recovery - self.recorded

    @property
    def by_figures(self) -> int:
        """How much of the difference comes of other figures for the actions that were taken."""
        return self.repriced - self.recorded

    @property
    def by_actions(self) -> int:
        """How much of it comes of other actions, both by the new figures."""
        return self.recovery - self.repriced


@dataclass(slots=True)
class Group:
    """Items that have something in common, and the first few of them."""

    items: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, inspection_id: str) -> None:
        """Count one item."""
        self.items += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(inspection_id)


@dataclass(slots=True)
class PolicyReplay:
    """Counts over past items under `policy`. `add` them, oldest first.

    `actions[old][new]` counts items; `newly_because` and `no_longer_because` count items by the reasons for a review,
    of which an item may have several; `days` holds the reviews needed then and now by day (UTC); `violations` the items
    whose standing action the new policy forbids, by action and the rule's words; `undecidable` those on which the
    policy cannot decide, by why. `erased` items count for nothing: their value is not known any more. `finish` fills
    `largest`.
    """

    policy: Policy
    total: Part = field(default_factory=Part)
    ungraded: int = 0
    erased: int = 0
    by_human: int = 0
    decided_under: Counter[str] = field(default_factory=Counter)
    actions: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    newly_because: Counter[str] = field(default_factory=Counter)
    no_longer_because: Counter[str] = field(default_factory=Counter)
    days: dict[date, list[int]] = field(default_factory=dict)
    by_category: defaultdict[str, Part] = field(default_factory=lambda: defaultdict(Part))
    by_seller: defaultdict[str, Part] = field(default_factory=lambda: defaultdict(Part))
    violations: defaultdict[tuple[str, str], Group] = field(default_factory=lambda: defaultdict(Group))
    words: dict[tuple[str, str], Because] = field(default_factory=dict)
    undecidable: defaultdict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    largest: list[Outcome] = field(default_factory=list)
    _heap: list[tuple[int, str, Outcome]] = field(default_factory=list)

    def add_all(self, past: Iterable[Inspection]) -> "PolicyReplay":
        """Count all of `past`, and finish."""
        for inspection in past:
            self.add(inspection)
        return self.finish()

    def add(self, inspection: Inspection) -> None:
        """Count one inspection."""
        if inspection.erased is not None:
            self.erased += 1
            return
        try:
            outcome = replay(self.policy, inspection)
        except PolicyError as error:
            self.undecidable[str(error)].add(inspection.id)
            return
        if outcome is None:
            self.ungraded += 1
            return
        self.total.add(outcome)
        self.by_category[outcome.category].add(outcome)
        self.by_seller[outcome.seller or ""].add(outcome)
        self.by_human += outcome.by_human
        self.decided_under[outcome.policy] += 1
        self.actions[outcome.old][outcome.new] += 1
        self._add_review(outcome)
        if outcome.forbidden is not None:
            key = (outcome.old, outcome.forbidden.en)
            self.words[key] = outcome.forbidden
            self.violations[key].add(outcome.id)
        if outcome.difference:
            # IDs differ, so that outcomes themselves are never compared.
            entry = (abs(outcome.difference), outcome.id, outcome)
            (heapq.heappush if len(self._heap) < LARGEST else heapq.heappushpop)(self._heap, entry)

    def _add_review(self, outcome: Outcome) -> None:
        before, after = bool(outcome.old_review), bool(outcome.new_review)
        day = self.days.setdefault(outcome.at.date(), [0, 0])
        day[0] += before
        day[1] += after
        if after and not before:
            self.newly_because.update(set(outcome.new_review))
        if before and not after:
            self.no_longer_because.update(set(outcome.old_review))

    def finish(self) -> "PolicyReplay":
        """Put the largest changes in order."""
        self.largest = [outcome for _, _, outcome in sorted(self._heap, key=lambda entry: (-entry[0], entry[1]))]
        return self
