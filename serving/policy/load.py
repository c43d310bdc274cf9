"""A policy YAML to a checked `Policy`: merged with every seller's overrides, and refused if it is wrong."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from regrade.models.errors import PolicyError
from regrade.serving.policy.faults import Place, describe
from regrade.serving.policy.reach import refuse_dead_ends
from regrade.serving.policy.schema import PolicyFile, Terms
from regrade.serving.policy.source import Source, Step
from regrade.serving.policy.terms import Policy

__all__ = ["DEFAULT_POLICY", "Policy", "load_policy", "parse_policy"]

DEFAULT_POLICY = Path(__file__).resolve().parent.parent / "policies" / "default.yaml"
"""The policy that ships with the product."""

_LISTS = ("never", "require_review")
_OWN = ("name", "version", "currency", "fx", "sellers")


def load_policy(path: Path | None = None) -> Policy:
    """The policy in the file `path`, or the shipped one.

    Raises `PolicyError` with every fault of the file: its line, the field's path and the legal values.
    """
    path = DEFAULT_POLICY if path is None else path
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError(f"Cannot read the policy {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"The policy {path} is not UTF-8 text.") from error
    return parse_policy(text, str(path))


def parse_policy(text: str, name: str = "policy") -> Policy:
    """The policy in `text`; `name` stands for the file in messages. Raises `PolicyError`."""
    source = Source(text, name)
    try:
        file = PolicyFile.model_validate(source.data)
    except ValidationError as error:
        raise _error(source, describe(PolicyFile, error, lambda path: _place(source, path))) from error
    raw_base = {key: value for key, value in source.data.items() if key not in _OWN}
    base = Terms.model_validate(raw_base)
    sellers = {seller: _seller_terms(source, raw_base, seller, own) for seller, own in file.sellers.items()}
    digest = hashlib.sha256(text.encode()).hexdigest()
    policy = Policy(file.name, file.version, file.currency, file.fx, base, sellers, digest)
    refuse_dead_ends(policy, name)
    return policy


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `override` sets, mapping by mapping. Neither is changed.

    Rules (`never`, `require_review`) at the top are added to the base's: a seller may be stricter than the
    house, never laxer.
    """
    merged = _deep(base, override)
    for key in _LISTS:
        if isinstance(override.get(key), list):
            merged[key] = [*(base.get(key) or []), *override[key]]
    return merged


def _deep(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in override.items():
        old = merged.get(key)
        merged[key] = _deep(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _seller_terms(source: Source, base: Mapping[str, Any], seller: str, own: Mapping[str, Any]) -> Terms:
    def place(path: Sequence[Step]) -> Place:
        path = list(path)
        if len(path) > 1 and path[0] in _LISTS and isinstance(path[1], int):
            path[1] -= len(base.get(str(path[0])) or [])
        return _place(source, ("sellers", seller, *path))

    try:
        return Terms.model_validate(merge(base, own))
    except ValidationError as error:
        raise _error(source, describe(Terms, error, place)) from error


def _place(source: Source, path: Sequence[Step]) -> Place:
    return Place(tuple(path), source.line(path))


def _error(source: Source, faults: Sequence[str]) -> PolicyError:
    head = f"The policy {source.name} has {len(faults)} fault{'s' if len(faults) > 1 else ''}:"
    return PolicyError("\n".join([head, *(f"  {fault}" for fault in faults)]))
