"""A policy YAML to a checked `Policy`: laid over what categories say of themselves, merged with sellers' overrides."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from regrade.models.category.schema import Category
from regrade.models.errors import PolicyError
from regrade.models.promise.held_out import HeldOut
from regrade.serving.policy.categories import filled_where_new, laid_over, with_categories
from regrade.serving.policy.faults import FieldPlace, describe
from regrade.serving.policy.reach import refuse_dead_ends
from regrade.serving.policy.schema import PolicyFile, Terms
from regrade.serving.policy.source import Source, Step, read_source
from regrade.serving.policy.terms import Policy

__all__ = ["DEFAULT_POLICY", "Policy", "PolicyDocument", "load_policy", "parse_policy", "read_policy"]

DEFAULT_POLICY = Path(__file__).resolve().parent.parent / "policies" / "default.yaml"
"""The policy that ships with the product."""

NO_CATEGORIES: Mapping[str, Category] = {}
NO_TABLES: Mapping[str, HeldOut] = {}

_LISTS = ("never", "require_review")
_OWN = ("name", "version", "currency", "fx", "photos", "sellers")


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy as it was written: what comes into force with it depends on the categories that there are."""

    source: Source
    file: PolicyFile
    sha256: str

    def in_force(
        self, categories: Mapping[str, Category] = NO_CATEGORIES, held_out: Mapping[str, HeldOut] = NO_TABLES
    ) -> Policy:
        """The policy by which items of `categories` are decided on, whose bundles carry the tables `held_out`.

        What the file writes of a category stands over what the category says of itself, which stands over the economics
        of `other`. Raises `PolicyError` where the two do not go together, or a seller's terms are wrong.
        """
        source, file = self.source, self.file
        written = {key: value for key, value in source.data.items() if key not in _OWN}
        raw_base = with_categories(written, file, categories, source.name)
        try:
            base = Terms.model_validate(raw_base)
        except ValidationError as error:
            raise _error(source, describe(Terms, error, lambda path: _place(source, path))) from error
        sellers = {seller: _seller_terms(source, raw_base, seller, own) for seller, own in file.sellers.items()}
        own = (file.name, file.version, file.currency, file.fx, base, sellers, self.sha256, held_out)
        policy = Policy(*own, photos=file.photos)
        refuse_dead_ends(policy, source.name)
        return policy


def load_policy(
    path: Path | None = None,
    categories: Mapping[str, Category] = NO_CATEGORIES,
    held_out: Mapping[str, HeldOut] = NO_TABLES,
) -> Policy:
    """The policy in the file `path`, or the shipped one, as it decides on items of `categories`.

    Raises `PolicyError` with every fault of the file: its line, the field's path and the legal values.
    """
    return read_policy(path).in_force(categories, held_out)


def read_policy(path: Path | None = None) -> PolicyDocument:
    """The file `path`, or the shipped one. Raises `PolicyError` as `load_policy` does."""
    path = DEFAULT_POLICY if path is None else path
    return _document(read_source(path), str(path))


def parse_policy(text: str, name: str = "policy", categories: Mapping[str, Category] = NO_CATEGORIES) -> Policy:
    """The policy in `text`; `name` stands for the file in messages. Raises `PolicyError`."""
    return _document(text, name).in_force(categories)


def _document(text: str, name: str) -> PolicyDocument:
    source = Source(text, name)
    try:
        file = PolicyFile.model_validate(source.data)
    except ValidationError as error:
        raise _error(source, describe(PolicyFile, error, lambda path: _place(source, path))) from error
    return PolicyDocument(source, file, hashlib.sha256(text.encode()).hexdigest())


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `override` sets, mapping by mapping. Neither is changed.

    Rules (`never`, `require_review`) at the top are added to the base's: a seller may be stricter than the
    house, never laxer.
    """
    merged = laid_over(base, override)
    for key in _LISTS:
        if isinstance(override.get(key), list):
            merged[key] = [*(base.get(key) or []), *override[key]]
    return merged


def _seller_terms(source: Source, base: Mapping[str, Any], seller: str, own: Mapping[str, Any]) -> Terms:
    def place(path: Sequence[Step]) -> FieldPlace:
        path = list(path)
        if len(path) > 1 and path[0] in _LISTS and isinstance(path[1], int):
            path[1] -= len(base.get(str(path[0])) or [])
        return _place(source, ("sellers", seller, *path))

    merged = merge(base, own)
    if isinstance(merged.get("categories"), dict):
        merged["categories"] = filled_where_new(merged["categories"], base["categories"])
    try:
        return Terms.model_validate(merged)
    except ValidationError as error:
        raise _error(source, describe(Terms, error, place)) from error


def _place(source: Source, path: Sequence[Step]) -> FieldPlace:
    return FieldPlace(tuple(path), source.line(path))


def _error(source: Source, faults: Sequence[str]) -> PolicyError:
    head = f"The policy {source.name} has {len(faults)} fault{'s' if len(faults) > 1 else ''}:"
    return PolicyError("\n".join([head, *(f"  {fault}" for fault in faults)]))
