"""Does the score survive changes that leave the item alone? If not, the model reads something else than the item.

For every edit of `edits.EDITS` the photos are graded again, and macro-F1 and damage AUROC compared with those of the
same photos unedited, by a paired bootstrap over groups. Photos whose item fills the frame, or does not stand clear of
its background, are left out of the edits that cut it out. A cut-out still looks like one; the control (the item before
its own background, blurred) shows what of a loss is due to that.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regrade.models.estimates import Estimate, Resamples
from regrade.models.grader import Grader
from regrade.training.data.edits import EDITS, Editor
from regrade.training.judge.prediction_cache import PredictionCache
from regrade.training.judge.predictions import Predictions, predict
from regrade.training.metrics.classification import damage_auroc, difference, macro_f1


@dataclass(frozen=True, slots=True)
class Survival:
    """What an edit does to the scores of `n` photos: the scores unedited, and by how much they change.

    `regraded` is the share of photos whose condition changes, right or wrong.
    """

    name: str
    title: str
    n: int
    macro_f1: Estimate
    macro_f1_change: Estimate
    damage_auroc: Estimate
    damage_auroc_change: Estimate
    regraded: Estimate


def survival(name: str, title: str, plain: Predictions, edited: Predictions, *, resamples: int, seed: int) -> Survival:
    """Compare the scores of the same labelled photos unedited and edited. Raises ValueError for other photos."""
    if plain.ids != edited.ids:
        raise ValueError("the unedited and the edited predictions are of different photos")
    plain, edited = plain.labelled, edited.labelled
    drawn = Resamples.of(plain.groups, resamples=resamples, seed=seed)
    before, after, truth = plain.probabilities, edited.probabilities, plain.truth
    scores = {
        key: (drawn.estimate(s.weighted(before, truth, drawn.weights)), difference(s, after, before, truth, drawn))
        for key, s in (("macro_f1", macro_f1), ("damage_auroc", damage_auroc))
    }
    return Survival(
        name,
        title,
        len(plain),
        *scores["macro_f1"],
        *scores["damage_auroc"],
        drawn.ratio(before.argmax(axis=1) != after.argmax(axis=1)),
    )


def check_shortcuts(
    grader: Grader,
    plain: Predictions,
    *,
    cache_of: Callable[[str], PredictionCache | None] = lambda _: None,
    watch: Callable[[str, int], Callable[[], None]] = lambda _what, _steps: lambda: None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Survival]:
    """Grade the labelled photos of `plain` anew under every edit.

    `cache_of` gives the cache for an edit's name; `watch` is told of a piece of work and its steps, and returns what to
    call after each.
    """
    plain = plain.labelled
    editor = Editor(plain.records, seed, grader.definitions[plain.category].outline)
    tick = watch(f"{plain.category}: cutting out items", len(plain))
    clear = []
    for record in plain.records:
        clear.append(editor.can_cut_out(record))
        tick()
    cut_out = plain.take(np.flatnonzero(clear))
    tick = watch(f"{plain.category}: edited photos", sum(len(cut_out if e.cuts_out else plain) for e in EDITS))
    table = []
    for edit in EDITS:
        chosen = cut_out if edit.cuts_out else plain
        if not len(chosen):
            continue
        edited = predict(
            grader,
            chosen.records,
            plain.category,
            edit=editor.editing(edit),
            cache=cache_of(edit.name),
            tick=tick,
        )
        table.append(survival(edit.name, edit.title, chosen, edited, resamples=resamples, seed=seed))
    return table
