"""What items are judged and decided by at one moment: what the active bundles say of their categories, and over it the
policy and the rubrics of the site.

All of it changes together, by one reference: whoever works on a request takes it once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from regrade.models.category.schema import Category
from regrade.models.promise.held_out import HeldOut
from regrade.models.registry.store import BundleStore
from regrade.models.types import DEFECT_TYPES
from regrade.serving.base.i18n import LANGUAGES, Language, catalogue
from regrade.serving.policy.categories import without_bundle
from regrade.serving.policy.load import NO_TABLES, Policy, PolicyDocument, read_policy
from regrade.serving.rubric.load import RubricFiles, read_rubrics
from regrade.serving.rubric.types import Rubrics


@dataclass(frozen=True)
class InForce:
    """The categories that grade, by name, and the policy and rubrics for them."""

    categories: Mapping[str, Category]
    policy: Policy
    rubrics: Rubrics

    @property
    def defects(self) -> tuple[str, ...]:
        """All defects that may be recorded: those that every category knows, and those of the categories."""
        return tuple(dict.fromkeys((*DEFECT_TYPES, *(d for one in self.categories.values() for d in one.defect_names))))

    def language(self, lang: str) -> Language:
        """`lang` with the names that the categories have for themselves and their defects."""
        return self._languages[lang]

    @cached_property
    def _languages(self) -> Mapping[str, Language]:
        return {lang: Language(lang, names(self.categories, lang)) for lang in LANGUAGES}


Rules = Callable[[], InForce]
"""What is in force now."""


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The policy and the rubrics of a site, as they were written."""

    policy: PolicyDocument
    rubrics: RubricFiles

    @classmethod
    def read(cls, policy_file: Path | None = None, rubric_dir: Path | None = None) -> "SiteRules":
        """Raises `PolicyError` or `RubricError` for a file that is wrong in itself."""
        return cls(read_policy(policy_file), read_rubrics(rubric_dir))

    def waiting(self, categories: Mapping[str, Category]) -> list[str]:
        """What the site has written of categories that no bundle is active of, each by its place."""
        blocks = without_bundle(self.policy.file, categories)
        return [*(f"{self.policy.source.name}: {path}" for path in blocks), *self.rubrics.waiting(categories)]

    def in_force(self, categories: Mapping[str, Category], held_out: Mapping[str, HeldOut] = NO_TABLES) -> InForce:
        """What is in force while `categories` grade, whose bundles carry the tables `held_out`.

        Raises `PolicyError` or `RubricError` where they do not go together with what the site has written.
        """
        return InForce(categories, self.policy.in_force(categories, held_out), self.rubrics.in_force(categories))


def in_force(store: BundleStore, policy_file: Path | None = None, rubric_dir: Path | None = None) -> InForce:
    """What is in force with the active bundles of `store`. Raises `BundleError`, `PolicyError` or `RubricError`."""
    return SiteRules.read(policy_file, rubric_dir).in_force(store.definitions(), store.held_out())


def names(categories: Mapping[str, Category], lang: str) -> Mapping[str, str]:
    """Catalogue keys of categories, views, and defects that no catalogue has, to their words in `lang`.

    A defect that the product knows keeps its name; of two categories that call one of their own differently, the first
    counts. `defect.<category>/<code>` is what that category calls it.
    """
    found: dict[str, str] = {}
    for category in categories.values():
        if category.version:
            found[f"category.{category.name}"] = _in_a_sentence(category.title.to(lang), category.name)
        for view in category.views:
            hint = view.hint.to(lang)
            found[f"view.{category.name}/{view.name}"] = f"{view.title.to(lang)}: {hint}" if view.title else hint
        for defect in category.defect_types:
            if defect.title is None:
                continue
            title = defect.title.to(lang)
            found[f"defect.{category.name}/{defect.name}"] = title
            if f"defect.{defect.name}" not in catalogue(LANGUAGES[0]):
                found.setdefault(f"defect.{defect.name}", title)
    return found


def _in_a_sentence(title: str, name: str) -> str:
    """A title that is only the name with a capital, as it stands within a sentence."""
    plain = name.replace("_", " ").replace("-", " ")
    return plain if title.lower() == plain else title
