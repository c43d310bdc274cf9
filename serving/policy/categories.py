"""What categories say of themselves, as the ground that a policy stands on."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from regrade.models.category.economics import Economics
from regrade.models.category.rules import NeverRule, ReviewRule
from regrade.models.category.schema import Category
from regrade.models.errors import PolicyError
from regrade.serving.policy.schema import OTHER, PolicyFile

Raw = dict[str, Any]


def with_categories(written: Mapping[str, Any], file: PolicyFile, categories: Mapping[str, Category], name: str) -> Raw:
    """The terms that a policy file writes, with what `categories` say of themselves beneath them.

    A category that the file gives all rates and costs of stands as it is written, and none of the category's own rules
    are added; of another, what is left out is the category's, and what that leaves out is that of `other`. Raises
    `PolicyError` for a category with amounts in a currency that the policy does not know.
    """
    blocks: Raw = dict(written["categories"])
    other = blocks.get(OTHER)
    never, require_review = list(written.get("never") or ()), list(written.get("require_review") or ())
    for category in (name for name in {**categories, **blocks} if name != OTHER):
        block = blocks.get(category) or {}
        if _is_whole(block):
            continue
        own = categories.get(category)
        policy = None if own is None else own.policy
        if policy is not None:
            rate = _rate(file, policy.currency, category, name)
            block = laid_over(policy.block(rate), block)
            rules = policy.rules(category, rate)
            never += [rule for rule in rules["never"] if NeverRule.model_validate(rule) not in file.never]
            require_review += [
                rule for rule in rules["require_review"] if ReviewRule.model_validate(rule) not in file.require_review
            ]
        elif category not in blocks:
            continue
        blocks[category] = _filled(block, other) if isinstance(other, dict) else block
    if OTHER in blocks:
        blocks[OTHER] = blocks.pop(OTHER)  # last, as it stands in for the rest
    return {**written, "never": never, "require_review": require_review, "categories": blocks}


def laid_over(base: Mapping[str, Any], override: Mapping[str, Any]) -> Raw:
    """`base` with what `override` sets, mapping by mapping. Neither is changed."""
    merged = dict(base)
    for key, value in override.items():
        old = merged.get(key)
        merged[key] = laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def filled_where_new(blocks: Mapping[str, Any], base: Mapping[str, Any]) -> Raw:
    """A seller's `blocks` over `base`, those of categories that only the seller speaks of made whole by `other`: no
    bundle of them may be active just now."""
    other = blocks.get(OTHER)
    return {
        name: _filled(block, other)
        if name not in base and isinstance(block, dict) and isinstance(other, dict)
        else block
        for name, block in blocks.items()
    }


def without_bundle(file: PolicyFile, categories: Mapping[str, Category]) -> list[str]:
    """Where the file writes of a category that none of `categories` is, and so of no item that can be graded now."""
    sellers = {seller: own.get("categories") for seller, own in file.sellers.items()}
    written = [("categories", file.categories), *((f"sellers.{s}.categories", of) for s, of in sellers.items())]
    blocks = [(path, of) for path, of in written if isinstance(of, Mapping)]
    return [f"{path}.{name}" for path, of in blocks for name in of if name not in (*categories, OTHER)]


def _is_whole(block: Any) -> bool:
    try:
        Economics.model_validate(block)
    except ValidationError:
        return False
    return True


def _filled(block: Mapping[str, Any], other: Mapping[str, Any]) -> Raw:
    """`block` with what it leaves out: for each condition the rate of an action, for each action all its costs."""
    rates, costs = block.get("rates") or {}, block.get("costs") or {}
    if not isinstance(rates, dict) or not isinstance(costs, dict):
        return dict(block)
    return {
        "default_value": other.get("default_value"),
        **block,
        "rates": laid_over(other.get("rates") or {}, rates),
        "costs": {**(other.get("costs") or {}), **costs},
    }


def _rate(file: PolicyFile, currency: str, category: str, name: str) -> float:
    """One unit of `currency` in the policy's currency."""
    if currency == file.currency:
        return 1.0
    if currency not in file.fx.rates:
        raise PolicyError(
            f"The policy {name} has no exchange rate for {currency}, in which the category {category!r} has its "
            f"amounts. Add {currency} to fx.rates, or write all rates and costs under categories.{category}."
        )
    return file.fx.rates[currency]
