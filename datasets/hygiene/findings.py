"""What is unclean in a dataset: leaks between splits, copies, doubtful labels, photos that belong elsewhere."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from regrade.datasets.hygiene.cosine_search import Progress, quietly
from regrade.datasets.hygiene.duplicates import DuplicatePair, find_pairs
from regrade.datasets.hygiene.embeddings import PhotoEmbeddings
from regrade.datasets.hygiene.fixes import Fix, Suggestion
from regrade.datasets.hygiene.label_errors import LabelDoubt, label_doubts, outliers
from regrade.datasets.manifest import Record
from regrade.datasets.splitting import connected, joined_groups, whole_groups

_SHOWN_PAIRS = 6


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to decide on. `rows` are indices of photos to look at side by side; `sure` means that the fixes need
    no second look. `likeness` is that of each row's pair, where the rows are pairs."""

    kind: str
    category: str
    title: str
    advice: str
    rows: tuple[tuple[int, ...], ...]
    fixes: tuple[Fix, ...]
    sure: bool = False
    likeness: tuple[DuplicatePair | None, ...] = ()
    doubt: LabelDoubt | None = None


@dataclass(frozen=True, slots=True)
class HygieneTally:
    """Counts of one category. Pairs are those of `duplicates`; across groups and splits counts pairs of any kind."""

    photos: int
    same_file: int
    copies: int
    same_thing: int
    across_groups: int
    across_splits: int
    label_doubts: int
    outliers: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Shares of photos on which labellers differed: of those with a doubtful label, and of the others. Where the first
    is not well above the second, the doubts are mostly the model's own faults. None where nobody voted twice."""

    doubtful: float | None
    others: float | None


@dataclass(frozen=True, slots=True)
class Hygiene:
    """All issues, worst kind first; `rare` are classes of a category with too few groups to judge their labels."""

    records: tuple[Record, ...]
    issues: tuple[Issue, ...]
    tallies: Mapping[str, HygieneTally]
    rare: Mapping[str, tuple[str, ...]]
    disagreement: Mapping[str, Disagreement]

    @property
    def fixes(self) -> list[Fix]:
        """Every proposed fix, in the order of the issues; chosen are those that need no second look."""
        return [replace(fix, chosen=issue.sure) for issue in self.issues for fix in issue.fixes]


def inspect(records: Sequence[Record], views: PhotoEmbeddings, seed: int = 0, progress: Progress = quietly) -> Hygiene:
    """Look for everything. `views` are those of `records`, in order."""
    pairs = find_pairs(views.prints, views.embeddings, progress)
    issues = [*_groups(records, pairs), *_copies(records, pairs)]
    rare: dict[str, tuple[str, ...]] = {}
    for category in progress(sorted({r.category for r in records}), "Judging labels"):
        mine = [i for i, r in enumerate(records) if r.category == category]
        rows, groups = views.embeddings[mine], [records[i].group for i in mine]
        doubts, rare[category] = label_doubts(rows, [records[i].condition for i in mine], groups, seed)
        issues += [_label(records, replace(doubt, index=mine[doubt.index])) for doubt in doubts]
        issues += [_outlier(records, mine[o.index], o.deviations) for o in outliers(rows, groups)]
    order = {kind: n for n, kind in enumerate(("leak", "group", "copy", "label", "outlier"))}
    issues.sort(key=lambda issue: order[issue.kind])
    disagreement = {category: _disagreement(records, issues, category) for category in rare}
    return Hygiene(tuple(records), tuple(issues), _tallies(records, pairs, issues), rare, disagreement)


def _disagreement(records: Sequence[Record], issues: Sequence[Issue], category: str) -> Disagreement:
    doubtful = {i.doubt.index for i in issues if i.doubt is not None and i.category == category}
    voted = {i for i, r in enumerate(records) if r.category == category and r.condition and len(r.votes) > 1}

    def share(photos: set[int]) -> float | None:
        return sum(len(set(records[i].votes)) > 1 for i in photos) / len(photos) if photos else None

    return Disagreement(share(voted & doubtful), share(voted - doubtful))


def _groups(records: Sequence[Record], pairs: Sequence[DuplicatePair]) -> Iterator[Issue]:
    """Groups that show the same and are not one: leaks where they are in several splits."""
    old = [r.group for r in records]
    new = joined_groups([r.id for r in records], old, [(p.a, p.b) for p in pairs])
    splits = whole_groups(new, [r.split for r in records])
    members: dict[str, list[int]] = defaultdict(list)
    for i, group in enumerate(new):
        members[group].append(i)
    crossing: dict[str, list[DuplicatePair]] = defaultdict(list)
    for pair in pairs:
        if old[pair.a] != old[pair.b] or records[pair.a].split != records[pair.b].split:
            crossing[new[pair.a]].append(pair)
    for group, photos in members.items():
        groups = sorted({old[i] for i in photos})
        parted = Counter(records[i].split for i in photos)
        if len(groups) == 1 and len(parted) == 1:
            continue
        found = sorted(crossing[group], key=lambda p: (records[p.a].split == records[p.b].split, -p.likeness))
        rows: tuple[tuple[int, ...], ...] = tuple((p.a, p.b) for p in found[:_SHOWN_PAIRS])
        likeness: tuple[DuplicatePair | None, ...] = tuple(found[:_SHOWN_PAIRS])
        if not found:
            first = {records[i].split: i for i in reversed(photos)}
            rows, likeness = (tuple(first.values()),), (None,)
        leak = len(parted) > 1
        kinds = Counter(p.kind for p in found)
        what = ", ".join(f"{count} × {kind}" for kind, count in kinds.items()) or "the group itself is parted"
        where = " and ".join(f"{count} in {split}" for split, count in parted.items())
        title = f"{'Leak' if leak else 'Same in several groups'}: {what}"
        kind = "leak" if leak else "group"
        fixes = tuple(
            Fix(records[i].id, kind, Suggestion(group=group, split=splits[i]), f"{title}; {where}")
            for i in photos
            if (old[i], records[i].split) != (group, splits[i])
        )
        moved = sum(records[i].split != splits[i] for i in photos)
        named = ", ".join(groups[:6]) + (f" and {len(groups) - 6} more" if len(groups) > 6 else "")
        advice = (
            f"Make one group '{group}' of {named} ({where})"
            + (f", all in {splits[photos[0]]}: {_photos(moved)} to move" if leak else "")
            + ". Do so if both photos show the same item or the same shot."
        )
        sure = all(p.kind != "same thing" for p in found)
        yield Issue(kind, records[photos[0]].category, title, advice, rows, fixes, sure, likeness)


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"


def _copies(records: Sequence[Record], pairs: Sequence[DuplicatePair]) -> Iterator[Issue]:
    """Photos that are there more than once: all but the largest may go."""
    alike = [(p.a, p.b) for p in pairs if p.kind != "same thing"]
    members: dict[int, list[int]] = defaultdict(list)
    for i, root in enumerate(connected(len(records), alike)):
        members[root].append(i)
    by_pair = {(p.a, p.b): p for p in pairs}
    for photos in members.values():
        if len(photos) < 2:
            continue

        def worth(i: int) -> tuple[int, int, int]:
            return records[i].width * records[i].height, len(records[i].votes) + len(records[i].defects), -i

        kept, *others = sorted(photos, key=worth, reverse=True)
        conditions = sorted({records[i].condition or "undecided" for i in photos})
        doubt = len(conditions) > 1
        said = f" They are labelled {' and '.join(conditions)}: decide which is right before." if doubt else ""
        same = all(records[i].sha256 == records[kept].sha256 for i in others)
        title = f"{'The same file' if same else 'Copies of a photo'}: {len(photos)} times"
        fixes = tuple(
            Fix(records[i].id, "copy", Suggestion(remove=True), f"{title}; kept: {records[kept].id}") for i in others
        )
        pair = by_pair.get((min(kept, others[0]), max(kept, others[0])))
        advice = f"Keep {records[kept].id}, the largest, and drop the others.{said}"
        yield Issue("copy", records[kept].category, title, advice, ((kept, *others),), fixes, not doubt, (pair,))


def _label(records: Sequence[Record], doubt: LabelDoubt) -> Issue:
    record = records[doubt.index]
    chance = f"p({doubt.given}) = {doubt.probabilities[doubt.given]:.2f}"
    reason = f"{chance}, p({doubt.suggested}) = {doubt.probabilities[doubt.suggested]:.2f}, out of fold"
    fix = Fix(record.id, "label", Suggestion(condition=doubt.suggested), reason)
    title = f"{doubt.given} → {doubt.suggested}?"
    return Issue("label", record.category, title, "", ((doubt.index,),), (fix,), doubt=doubt)


def _outlier(records: Sequence[Record], index: int, deviations: float) -> Issue:
    record = records[index]
    title = f"Unlike the rest, by {deviations:.1f} deviations"
    fix = Fix(record.id, "outlier", Suggestion(remove=True), title)
    return Issue("outlier", record.category, title, "", ((index,),), (fix,))


def _tallies(
    records: Sequence[Record], pairs: Sequence[DuplicatePair], issues: Sequence[Issue]
) -> dict[str, HygieneTally]:
    tallies = {}
    for category in sorted({r.category for r in records}):
        mine = [p for p in pairs if records[p.a].category == category]
        kinds = Counter(p.kind for p in mine)
        found = Counter(issue.kind for issue in issues if issue.category == category)
        tallies[category] = HygieneTally(
            photos=sum(r.category == category for r in records),
            same_file=kinds["same file"],
            copies=kinds["copy"],
            same_thing=kinds["same thing"],
            across_groups=sum(records[p.a].group != records[p.b].group for p in mine),
            across_splits=sum(records[p.a].split != records[p.b].split for p in mine),
            label_doubts=found["label"],
            outliers=found["outlier"],
        )
    return tallies
