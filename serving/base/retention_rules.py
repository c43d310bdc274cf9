"""The retention setting: for how long an item of which status is kept. Needs nothing: every command reads settings."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

STATUSES: Final = ("graded", "needs_review", "reviewed", "retake")
"""All that there are, see `regrade.serving.storage.records.Status`."""
LONGEST: Final = 36_500
"""Days: a hundred years."""

_RULE: Final = re.compile(r"\s*([a-z_]+)\s*=\s*([0-9]{1,5})d\s*")
Rules = Mapping[str, timedelta]
"""Status to the age from which items of it are erased; what is not in it is kept."""


def parse_rules(written: str) -> Rules:
    """The rules in a text such as `reviewed=365d,graded=180d,retake=30d`; none in an empty one.

    Raises `ValueError` that says what is wrong.
    """
    rules: dict[str, timedelta] = {}
    for part in written.split(",") if written.strip() else ():
        found = _RULE.fullmatch(part)
        if found is None or found[1] not in STATUSES:
            raise ValueError(
                f"{part.strip()!r} is no rule of retention. Write such as reviewed=365d,graded=180d,retake=30d: days "
                f"for each status ({', '.join(STATUSES)}) to be erased; what is not named is kept."
            )
        status, days = found[1], int(found[2])
        if status in rules:
            raise ValueError(f"There are two rules for {status}. Write one.")
        if not 1 <= days <= LONGEST:
            raise ValueError(f"{part.strip()}: write 1 to {LONGEST} days, or leave {status} out to keep it.")
        rules[status] = timedelta(days=days)
    return rules


def written(rules: Rules) -> str:
    """The text that `parse_rules` reads as these."""
    return ",".join(f"{status}={age.days}d" for status, age in rules.items())
