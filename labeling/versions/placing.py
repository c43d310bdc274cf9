"""Which group and split the photos of a decided item get, so that no photo ever changes its split.

Items are placed one after the other, in the order in which they were first decided; a later one never moves an earlier
one. Everything that links two items (the same return, the same file, a copy of it) is a fact of these two alone,
which no later decision can undo. So the same items are placed alike in every export, however many came since. What an
existing dataset says of a photo goes before all, and then what earlier exports said (see `ledger`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from regrade.datasets.manifest import Record
from regrade.datasets.splitting import Shares, whole_groups
from regrade.labeling.versions.ledger import Ledger, Split
from regrade.labeling.versions.pseudonyms import LabelKey


@dataclass(frozen=True, slots=True)
class SplitAssignment:
    group: str
    split: str


def _split(place: SplitAssignment) -> Split:
    # A manifest has no other splits.
    return cast(Split, place.split)


@dataclass(slots=True)
class SplitAssignments:
    """Places by photo hash and by group. `alike` maps a photo's hash to those of its copies."""

    key: LabelKey
    shares: Shares
    alike: Mapping[str, Iterable[str]] = field(default_factory=dict)
    photos: dict[str, SplitAssignment] = field(default_factory=dict)
    _groups: dict[str, SplitAssignment] = field(default_factory=dict)
    """By the group that an item would have by itself."""

    def keep(self, records: Sequence[Record]) -> None:
        """Take over what an existing dataset says. A group that it has in several splits counts as in the earliest."""
        whole = whole_groups([r.group for r in records], [r.split for r in records])
        for record, split in zip(records, whole, strict=True):
            self.photos[record.sha256] = SplitAssignment(record.group, record.split)
            self._groups[record.group] = SplitAssignment(record.group, split)

    def remember(self, ledger: Ledger) -> None:
        """Take over what earlier exports said, but for what `keep` took over before."""
        for mine, theirs in ((self.photos, ledger.photos), (self._groups, ledger.groups)):
            for name, (group, split) in theirs.items():
                mine.setdefault(name, SplitAssignment(group, split))

    def ledger(self) -> Ledger:
        """All places there are, for the exports to come."""
        return Ledger(
            {name: (place.group, _split(place)) for name, place in self.photos.items()},
            {name: (place.group, _split(place)) for name, place in self._groups.items()},
        )

    def place(self, own_group: str, photos: Sequence[str]) -> bool:
        """Place the `photos` of an item that would be a group `own_group` by itself.

        False where the item ties together photos of different splits: its photos that were not placed before then
        have no place, since in any split they would leak.
        """
        linked = [self._groups[own_group]] if own_group in self._groups else []
        for photo in photos:
            near = (photo, *sorted(self.alike.get(photo, ())))
            linked += [self.photos[one] for one in near if one in self.photos]
        if len({place.split for place in linked}) > 1:
            return False
        chosen = linked[0] if linked else SplitAssignment(own_group, self.key.split(own_group, self.shares))
        self._groups.setdefault(own_group, chosen)
        for photo in photos:
            self.photos.setdefault(photo, chosen)
        return True
