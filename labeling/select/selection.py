"""What `regrade labels select` picks: unsure, unlike each other, and unlike what is labelled already."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from regrade.datasets.hygiene.cosine_search import Progress, quietly
from regrade.datasets.hygiene.duplicates import centred, find_pairs
from regrade.datasets.hygiene.embeddings import PhotoEmbeddings
from regrade.datasets.manifest import Record
from regrade.labeling.select.acquisition import (
    METHODS,
    Places,
    Pool,
    entropy,
    equal_shares,
    margin,
    of_places,
    with_quotas,
)
from regrade.labeling.select.candidates import Candidate, Opinion
from regrade.labeling.select.words import named, words
from regrade.models.errors import DatasetError
from regrade.models.types import CONDITIONS

METHOD: Final = "doubtful-and-far"
"""What `benchmarks/active_learning.py` speaks for."""
BAD_PHOTO = "fail the quality gate"
LABELLED = "show what is labelled already"
COPY = "are copies of another candidate"

Quotas = Mapping[tuple[str, str], int]
"""(category, condition) → how many photos at most are picked whose likeliest condition this is."""


@dataclass(frozen=True, slots=True)
class SelectedPhoto:
    """A photo to label next. `margin` and `entropy` (nats) are of the calibrated probabilities; `likeness` is the
    cosine, in [−1, 1], to the most similar photo that is labelled or was picked before it, of which `like` is the id;
    both are None where there is none."""

    rank: int
    candidate: Candidate
    opinion: Opinion
    margin: float
    entropy: float
    likeness: float | None
    like: str | None

    def why(self, lang: str) -> str:
        """Why it was chosen, in a sentence in `lang`."""
        order = np.argsort(-np.array(self.opinion.probabilities), kind="stable")[:2]
        (one, p), (two, q) = ((named(CONDITIONS[i], lang), f"{self.opinion.probabilities[i]:.0%}") for i in order)
        doubt = "cannot-tell" if self.margin < 0.2 else "not-sure" if self.margin < 0.6 else "says"
        said = words(doubt, lang, one=one, p=p, two=two, q=q)
        if self.likeness is None:
            return words("nothing-labelled", lang, said=said)
        return words("most-like", lang, said=said, like=self.like, cosine=f"{self.likeness:.2f}")

    @property
    def reason(self) -> str:
        """`why` in English, as part of a table."""
        text = self.why("en").removesuffix(".")
        return text[:1].lower() + text[1:]


@dataclass(frozen=True, slots=True)
class Selection:
    """What was picked, in the order of picking, out of `candidates`, and how many were passed over and why."""

    choices: tuple[SelectedPhoto, ...]
    candidates: int
    passed_over: Mapping[str, int]


def choose(
    pool: Pool,
    categories: Sequence[str],
    count: int,
    rng: np.random.Generator,
    quotas: Quotas | None = None,
    method: str = METHOD,
) -> Places:
    """`count` of the pool, whose photos are of `categories` (n,): as many of each, and the categories by turns."""
    places = {name: np.flatnonzero(np.array(categories) == name) for name in sorted(set(categories))}
    shares = equal_shares([len(mine) for mine in places.values()], count)
    queues = []
    for (name, mine), share in zip(places.items(), shares, strict=True):
        part = Pool(pool.probabilities[mine], of_places(pool.features, mine), pool.covered)
        own = {CONDITIONS.index(condition): n for (where, condition), n in (quotas or {}).items() if where == name}
        queues.append(mine[with_quotas(METHODS[method], part, share, own, rng)])
    # By turns, so that whoever stops early has seen every category.
    turns = max((len(queue) for queue in queues), default=0)
    order = [queue[turn] for turn in range(turns) for queue in queues if turn < len(queue)]
    return np.array(order, dtype=np.intp)


def select(
    candidates: Sequence[Candidate],
    opinions: Sequence[Opinion],
    labelled: Sequence[Record],
    views: PhotoEmbeddings,
    budget: int,
    quotas: Quotas,
    seed: int,
    progress: Progress = quietly,
) -> Selection:
    """Up to `budget` of the candidates, the categories by turns; `views` are of the candidates and then the labelled.

    The same input and seed give the same choices. Raises `DatasetError` where nothing is left to choose from.
    """
    keep, passed_over = _kept(candidates, opinions, labelled, views, progress)
    if not keep:
        reasons = ", ".join(f"{n} {why}" for why, n in passed_over.items())
        raise DatasetError(f"none of {len(candidates)} photos is left to choose from: {reasons}")
    features = centred(views.embeddings)
    covered = features[len(candidates) :]
    pool = Pool(np.array([opinions[i].probabilities for i in keep]), of_places(features, keep), covered)
    places = choose(pool, [opinions[i].category for i in keep], budget, np.random.default_rng(seed), quotas)
    order = [keep[place] for place in places]
    picked = features[order]
    choices = []
    for rank, i in enumerate(order):
        p = np.array([opinions[i].probabilities])
        likeness, like = None, None
        cosines = np.concatenate([picked[:rank] @ features[i], covered @ features[i]])
        if len(cosines):
            nearest = int(cosines.argmax())
            likeness = float(cosines[nearest])
            like = candidates[order[nearest]].id if nearest < rank else labelled[nearest - rank].id
        doubt, spread = float(margin(p)[0]), float(entropy(p)[0])
        choices.append(SelectedPhoto(rank + 1, candidates[i], opinions[i], doubt, spread, likeness, like))
    return Selection(tuple(choices), len(candidates), passed_over)


def _kept(
    candidates: Sequence[Candidate],
    opinions: Sequence[Opinion],
    labelled: Sequence[Record],
    views: PhotoEmbeddings,
    progress: Progress,
) -> tuple[list[int], dict[str, int]]:
    """The candidates worth a look, and how many are not, by reason."""
    count = len(candidates)
    groups = {record.group for record in labelled}
    out = {i: BAD_PHOTO for i in range(count) if opinions[i].issues}
    out |= {i: LABELLED for i, one in enumerate(candidates) if one.group in groups and i not in out}
    pairs = find_pairs(views.prints, views.embeddings, progress)
    for pair in pairs:
        if pair.a < count <= pair.b:
            out.setdefault(pair.a, LABELLED)
    for pair in pairs:
        if pair.b < count and pair.a not in out:
            out.setdefault(pair.b, COPY)
    return [i for i in range(count) if i not in out], dict(sorted(Counter(out.values()).items()))


def parse_quotas(texts: Sequence[str], categories: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], int]:
    """`["damaged=20", "toys/used=5"]` by category and condition; one without a category holds in each of them.

    `categories` maps a category to its conditions. Raises `DatasetError` for an unknown name or no number.
    """
    found: dict[tuple[str, str], int] = {}
    # Those with a category come last, and so override.
    for text in sorted(texts, key=lambda text: "/" in text):
        name, _, number = text.partition("=")
        category, slash, condition = name.rpartition("/")
        where = [category] if slash else list(categories)
        legal = sorted({c for one in where for c in categories.get(one, ())}, key=CONDITIONS.index)
        if not number.isdecimal() or condition not in legal:
            raise DatasetError(
                f"--quota {text}: write CONDITION=N or CATEGORY/CONDITION=N; categories: {', '.join(categories)}; "
                f"conditions: {', '.join(legal or CONDITIONS)}"
            )
        found |= {(one, condition): int(number) for one in where if condition in categories[one]}
    return found
