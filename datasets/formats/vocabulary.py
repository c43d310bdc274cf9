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

    @property
    def legal(self) -> str:
        """All names of the category by kind, for a message."""
        return "; ".join(f"{kind}s: {', '.join(names)}" for kind, names in self._named())

    def is_emptied(self, label: str) -> bool:
        """Whether `label` was renamed to nothing."""
        return not self._renamed.get(label, label)

    def knows(self, label: str) -> bool:
        """Whether `label` means something here, be it that it was renamed to nothing."""
        return self.is_emptied(label) or self._find(label) is not None

    def shown(self, label: str) -> str:
        """`label` in quotes, with what it was renamed to, for a message."""
        name = self._renamed.get(label, label)
        return f"'{label}'" if name == label else f"'{label}' (renamed to '{name}')"

    def _find(self, label: str) -> Meaning | None:
        name = self._renamed.get(label, label)
        return self._meanings.get(name) or self._meanings.get("-".join(name.lower().split()))

    def meaning(self, label: str, where: str) -> Meaning:
        """What `label` means; capitals and blanks do not matter. Raises `DatasetError` for an unknown one."""
        if self.is_emptied(label):
            return Meaning("nothing", "")
        found = self._find(label)
        if found is None:
            raise DatasetError(
                f"{where}: unknown label {self.shown(label)} in {self.category.name}; {self.legal}. "
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
