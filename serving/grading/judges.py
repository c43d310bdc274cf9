"""What judges an item from its photos to its disposition."""

from dataclasses import dataclass

from regrade.models.grader import Grader
from regrade.serving.rubric.in_force import InForce


@dataclass(frozen=True, slots=True)
class Judges:
    """A grader, and what its bundles put in force."""

    grader: Grader
    in_force: InForce
