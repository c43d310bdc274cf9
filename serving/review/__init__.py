"""The review desk: what humans owe a look, who looks, what they decide, and how good they and the model are.

`Desk` is the whole of it; the other names are what its methods take and give.

| module | what is in it |
|---|---|
| `sampling` | which items are looked at blind, by a lot that nobody can foresee |
| `tasks`, `filters` | claims, leases and their ends; what fits and what a reviewer may have |
| `disclosures` | who was shown what was found of which item, and so is given no blind look at it |
| `decisions`, `undo` | what follows from a decision, and from taking it back |
| `asks` | what is asked of the station or of another reviewer instead of a decision |
| `queue`, `stats`, `looks` | the queue page; figures; raw rows for statistics |
| `lookup` | one item on its own: found by its label, and all that is known of it |
| `audit` | who did what, when |

Which decision stands is in `regrade.serving.storage.adjudication`, who must not know what in
`regrade.serving.inspections.visibility`.
"""

from regrade.serving.review.desk import Desk
from regrade.serving.review.sampling import FirstLooks, Lottery
from regrade.serving.review.types import (
    Asked,
    Asking,
    AutoGraded,
    Claim,
    Counts,
    Decided,
    DecisionRow,
    Dossier,
    Filters,
    Queue,
    QueuePage,
    Row,
    Stats,
    Task,
    Verdict,
)

__all__ = [
    "Asked",
    "Asking",
    "AutoGraded",
    "Claim",
    "Counts",
    "Decided",
    "DecisionRow",
    "Desk",
    "Dossier",
    "Filters",
    "FirstLooks",
    "Lottery",
    "Queue",
    "QueuePage",
    "Row",
    "Stats",
    "Task",
    "Verdict",
]
