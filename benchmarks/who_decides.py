"""Who may decide on items, by the shipped models and policy: nobody needs to, whoever holds them, the desk alone.

    nice .venv/bin/python benchmarks/who_decides.py        # writes benchmarks/results/who_decides.json

Sixty photos of each category, drawn of those that no bundle was fitted on nor anything near them, of known sources and
of others; each an item of its own, its category declared, at the category's default value. Intervals are 95%, by
bootstrap over groups. Needs the bench photos and those of the other sources. Budget: half a minute.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from labelled_photos import labelled_photos, resampled_by, strangers

from regrade.models.estimates import Resamples
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
from regrade.models.registry.store import store_of
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import load_policy
from regrade.training.judge.predictions import open_grader

HERE: Final = Path(__file__).parent
WHO: Final = ("nobody", "bench", "desk")


def measure(each: int, seed: int) -> dict[str, Any]:
    """Shares by category and of all, and why the desk alone may decide, by the code of the first such reason."""
    store = store_of(None)
    grader, policy = open_grader(store), load_policy(None, store.definitions(), store.held_out())
    photos, luck = labelled_photos(), np.random.default_rng(seed)
    found: dict[str, Any] = {}
    everybody: list[tuple[str, str]] = []
    for category in grader.categories:
        _, known = strangers(photos, category, by_first_manifest=True)
        records = [*known, *(r for r in [*photos.extra, *photos.more] if r.category == category)]
        drawn = [records[i] for i in luck.permutation(len(records))[:each]]
        who, why = [], Counter[str]()
        for record in drawn:
            photo = open_photo(
                record.file.read_bytes(), limits=replace(DEFAULT_LIMITS, working_side=grader.working_side)
            )
            result = grader.conclude([grader.look(photo, category)], category)
            decision = decide(policy, result, declared_value=None, seller=None)
            who.append(decision.who)
            why.update(reason.code for reason in decision.review[:1])
        groups = resampled_by(drawn)
        everybody += list(zip(who, groups, strict=True))
        found[category] = {"photos": len(drawn), **_shares(who, groups), "first_reasons": dict(why)}
    found["all"] = {"photos": len(everybody), **_shares([w for w, _ in everybody], [g for _, g in everybody])}
    return {"bundles": dict(grader.versions), "policy": policy.label, "shares": found}


def _shares(who: Sequence[str], groups: Sequence[str]) -> dict[str, Any]:
    resamples = Resamples.of(groups)
    return {one: resamples.ratio(np.array([w == one for w in who])).to_json() for one in WHO}


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--each", type=int, default=60)
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--out", type=Path, default=HERE / "results" / "who_decides.json")
    options = made.parse_args()
    document = {"date": date.today().isoformat(), **measure(options.each, options.seed)}
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
