"""The labels of all drafts looked at together: whoever has to rename them wants to know them all at once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from regrade.datasets.formats.draft import Draft
from regrade.datasets.formats.vocabulary import Vocabulary
from regrade.models.errors import DatasetError


def photo_labels(draft: Draft) -> Iterator[str]:
    """What is said of the photo as a whole: its condition where one is stated, else every vote and label."""
    if draft.stated.condition is not None:
        yield draft.stated.condition
        return
    yield from draft.stated.votes or ()
    for labels in draft.labels:
        yield from labels


def all_labels(draft: Draft) -> Iterator[str]:
    """Every label of the photo and of its boxes."""
    yield from (label for labels in draft.labels for label in labels)
    yield from (box.label for box in draft.boxes)
    yield from (*(draft.stated.votes or ()), *draft.stated.defect_codes)
    if draft.stated.condition is not None:
        yield draft.stated.condition


def refuse_unknown_labels(file: Path, drafts: Iterable[tuple[Draft, Vocabulary]]) -> None:
    """Raise a `DatasetError` that lists every label without a meaning; a single one is refused where it stands."""
    unknown: dict[str, Counter[str]] = defaultdict(Counter)
    vocabularies: dict[str, Vocabulary] = {}
    for draft, vocabulary in drafts:
        vocabularies[vocabulary.category.name] = vocabulary
        unknown[vocabulary.category.name].update(one for one in all_labels(draft) if not vocabulary.knows(one))
    unknown = {name: counts for name, counts in unknown.items() if counts}
    if sum(map(len, unknown.values())) < 2:
        return
    listed = "; ".join(
        f"in {name}: " + ", ".join(f"{vocabularies[name].shown(label)} ({n}×)" for label, n in counts.most_common())
        for name, counts in sorted(unknown.items())
    )
    legal = " ".join(f"Names of {name} are {vocabularies[name].legal}." for name in sorted(unknown))
    raise DatasetError(
        f"{file}: unknown labels {listed}. {legal} Say of each which it is with --rename 'LABEL=NAME', or leave it out "
        "with --rename 'LABEL='"
    )


def without_emptied(
    drafts: Iterable[Draft], vocabulary_of: Callable[[Draft], Vocabulary]
) -> tuple[list[Draft], Counter[str]]:
    """The drafts without the photos of which nothing is said but labels that were renamed to nothing, and how many
    photos each of these labels took away. Of the others such labels are taken off."""
    kept, taken = [], Counter[str]()
    for draft in drafts:
        vocabulary = vocabulary_of(draft)
        said = list(photo_labels(draft))
        if said and all(map(vocabulary.is_emptied, said)):
            taken[said[0]] += 1
        else:
            kept.append(_cleaned(draft, vocabulary))
    return kept, taken


def _cleaned(draft: Draft, vocabulary: Vocabulary) -> Draft:
    stated = draft.stated

    def left(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if not vocabulary.is_emptied(name))

    votes = None if stated.votes is None else left(stated.votes)
    return replace(draft, stated=replace(stated, votes=votes, defect_codes=left(stated.defect_codes)))
