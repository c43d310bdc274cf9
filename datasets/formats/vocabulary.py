"""What a name in somebody's annotations means in one of our categories."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from regrade.datasets.category import Category
from regrade.datasets.manifest import UNUSABLE
from regrade.datasets.report import UNDECIDED
from regrade.models.errors import DatasetError

Kind = Literal["condition", "item type", "defect type", "vote", "nothing"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A name of the category, and what kind of name it is; `nothing` is to be left out."""

    kind: Kind
    name: str


class Vocabulary:
    """The names of a category, and those that somebody else has for them.

    `renamed` maps a foreign name to ours, or to the empty string for one to be left out.
    """

    def __init__(self, category: Category, renamed: Mapping[str, str]) -> None:
        self.category = category
        self._renamed = renamed
        self._meanings: dict[str, Meaning] = {}
        for kind, names in self._named():
            for name in names:
                if name in self._meanings:
                    other = self._meanings[name].kind
                    raise DatasetError(f"category {category.name}: '{name}' is both {other} and {kind}; rename one")
                self._meanings[name] = Meaning(kind, name)
        self._meanings[UNUSABLE] = Meaning("vote", UNUSABLE)
        self._meanings[UNDECIDED] = Meaning("nothing", UNDECIDED)

    def _named(self) -> tuple[tuple[Kind, tuple[str, ...]], ...]:
        category = self.category
        return (
            ("condition", category.condition_names),
            ("item type", category.item_types),
            ("defect type", category.defect_names),
        )

    def meaning(self, label: str, where: str) -> Meaning:
        """What `label` means; capitals and blanks do not matter. Raises `DatasetError` for an unknown one."""
        name = self._renamed.get(label, label)
        if not name:
            return Meaning("nothing", "")
        found = self._meanings.get(name) or self._meanings.get("-".join(name.lower().split()))
        if found is None:
            legal = "; ".join(f"{kind}s: {', '.join(names)}" for kind, names in self._named())
            raise DatasetError(
                f"{where}: unknown label '{label}' in {self.category.name}; {legal}. "
                f"Say which it is with --rename '{label}=NAME', or leave it out with --rename '{label}='"
            )
        return found

    def require(self, kind: Kind, name: str, where: str) -> str:
        """Our name for `name`, which must be one of this kind."""
        meaning = self.meaning(name, where)
        if meaning.kind != kind:
            legal = next(names for k, names in self._named() if k == kind)
            raise DatasetError(f"{where}: '{name}' is no {kind} of {self.category.name}; legal: {', '.join(legal)}")
        return meaning.name

    def worst(self, conditions: list[str]) -> str | None:
        """The worst of several conditions, which is what the photo as a whole shows; None of none."""
        return max(conditions, key=self.category.condition_names.index, default=None)
