"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failing"]


@dataclass(frozen=True, slots=True)
class Check:
    """`failing` where grading or storing does not work, or not as it should."""

    name: str
    state: State
    detail: str
