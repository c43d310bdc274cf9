"""What a policy file may hold, and how its faults are told."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from regrade.datasets.category import load_categories
from regrade.models.errors import PolicyError
from regrade.serving.policy.load import DEFAULT_POLICY, load_policy, merge, parse_policy


@pytest.fixture
def broken(tmp_path: Path) -> Any:
    """The message for the shipped policy with `old` replaced by `new`: `broken(old, new)`."""

    def message(old: str, new: str) -> str:
        text = DEFAULT_POLICY.read_text(encoding="utf-8")
        assert old in text
        file = tmp_path / "mine.yaml"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(PolicyError) as caught:
            load_policy(file)
        return str(caught.value)

    return message


def line_of(text: str) -> int:
    lines = DEFAULT_POLICY.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_the_shipped_policy_names_its_version_and_currencies() -> None:
    policy = load_policy(categories=load_categories())
    assert policy.label == "default@1"
    assert policy.currencies[0] == "USD"
    assert {"CNY", "EUR", "HKD"} <= set(policy.currencies)
    assert set(policy.base.categories) == {"packaging", "electronics", "footwear", "apparel", "other"}


def test_an_unknown_field_is_told_with_its_line_and_the_legal_ones(broken: Any) -> None:
    message = broken("default_value: 30", "default_valu: 30")
    line = line_of("default_value: 30")
    assert (
        f"line {line}: categories.other.default_valu: no such field. "
        "Legal fields: default_value, review_cost, min_confidence, sold_as, shares, pieces, rates, costs." in message
    )


def test_what_other_goods_are_worth_must_be_written_whole(broken: Any) -> None:
    assert "categories.other.default_value: missing" in broken("    default_value: 30\n", "")
    assert "categories.other.rates.used.relist: missing" in broken("{relist: 0.08, ", "{")


def test_an_unknown_action_is_told_with_the_legal_ones(broken: Any) -> None:
    message = broken("action: relist", "action: sell")
    assert message.splitlines()[1:] == [
        f"  line {line_of('action: relist')}: never[0].action: 'sell' is not legal. "
        "Legal values: relist, repackage, refurbish, clearance, return_to_origin, destroy."
    ]


def test_an_unknown_condition_in_a_rule_is_told_with_the_legal_ones(broken: Any) -> None:
    message = broken("condition_in: [used, damaged]", "condition_in: [used, torn]")
    assert "never[0].when.condition_in[1]: 'torn' is not legal. Legal values: unopened, opened" in message


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("cost: 0.85", "cost: -1", "review.cost: -1 is out of range; it must be at least 0."),
        ("cost: 0.85", 'cost: "0.85"', "review.cost: it must be a number (it is '0.85')."),
        ("cost: 0.85", "cost: yes", "review.cost: it must be a number (it is True)."),
        ("cost: 0.85", "cost: .nan", "review.cost: it must be a finite number (it is nan)."),
        ("version: 1", "version: 0", "version: 0 is out of range; it must be at least 1."),
        ("currency: USD", "currency: usd", "currency: 'usd' is not legal; it must be three capital letters"),
        ("probability: 0.98", "probability: 0.4", "is out of range; it must be at least 0.5."),
        ("name: default", "name: My policy", "name: 'My policy' is not legal; it must be lower-case letters"),
        ("EUR: 1.15", "EUR: 0", "fx.rates.EUR: 0 is out of range; it must be greater than 0."),
        ("EUR: 1.15", "euro: 1.15", "fx.rates.euro: 'euro' is not legal; it must be three capital"),
        ("date: 2026-11-23", "date: soon", "fx.date: it must be a valid date"),
        ("duty: {share: 0.20}", "duty: {shar: 0.20}", "duty.shar: no such field. Legal fields: fixed, share."),
        ("duty: {share: 0.20}", "tax: 3", "return_to_origin.tax: no such field. Legal fields: handling, parts"),
        ("value_above: 500}", "value_above: 500, value_below: 40}", "value_above must be less than value_below"),
        ("{value_above: 500}", "{probability_above: 0.5}", "probability_above belongs to condition_in"),
        ("sellers: {}", "sellers: {acme: {never: }}", "sellers.acme.never: it must be a list (it is None)."),
        ("sellers: {}", "sellers: {1001: {}}", "it must be a text; put it in quotes if it looks like a number"),
        ("sellers: {}", "sellers: {acme: &a {review: *a}}", f"line {line_of('sellers: {}')}: not valid YAML: an alias"),
        ("sellers: {}", "sellers: {acme: 3}", "sellers.acme: it must be a mapping of fields to values (it is 3)"),
        ("      en: goods that may have", "      fr: goods that may have", "because.en: missing"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_by_the_path_of_its_field(broken: Any, old: Any, new: Any, fault: str) -> None:
    assert fault in broken(old, new)


def test_all_faults_are_told_at_once_in_the_order_of_the_file(broken: Any) -> None:
    message = broken("cost: 0.85", "cost: -1\n  declared: 1")
    lines = [int(fault.split("line ")[1].split(":")[0]) for fault in message.splitlines()[1:]]
    assert len(lines) == 2
    assert lines == sorted(lines)


def test_a_fault_in_a_sellers_override_is_told_where_it_stands(broken: Any) -> None:
    text = "sellers:\n  acme:\n    never:\n      - {action: relist, because: of us}\n      - {action: sell, because: x}"
    message = broken("sellers: {}", text)
    line = line_of("sellers: {}") + 4
    assert f"line {line}: sellers.acme.never[1].action: 'sell' is not legal" in message


def test_a_seller_may_have_terms_for_a_category_of_which_no_bundle_is_active() -> None:
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    terms = "sellers: {acme: {categories: {toys: {default_value: 9}}}}"
    policy = parse_policy(text.replace("sellers: {}", terms))
    assert policy.terms("acme").categories["toys"].default_value == 9
    assert policy.terms("acme").categories["toys"].rates == policy.base.categories["other"].rates
    assert "toys" not in policy.base.categories


def test_a_seller_cannot_override_the_currency(broken: Any) -> None:
    message = broken("sellers: {}", "sellers: {acme: {currency: EUR}}")
    legal = "review, quality_control, promise, bench, bins, pieces, auto_relist"
    assert f"sellers.acme.currency: no such field. Legal fields: {legal}" in message


def test_a_field_written_twice_is_refused_and_not_silently_overruled(broken: Any) -> None:
    message = broken("    default_value: 30", "    default_value: 30\n    default_value: 300")
    first = line_of("default_value: 30")
    assert f"line {first + 1}: categories.other.default_value is already set on line {first}" in message


def test_text_that_is_not_yaml_is_told_with_its_line(broken: Any) -> None:
    assert f"line {line_of('version: 1') + 1}: not valid YAML" in broken("version: 1", "version: [1")


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "just words"])
def test_a_file_without_fields_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="must be a mapping of fields"):
        parse_policy(text)


@pytest.mark.parametrize("text", ["a: *nowhere", "a: !!python/object/apply:os.getcwd []", "a: b\n---\nc: d"])
def test_yaml_that_refers_to_code_or_to_nothing_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="not valid YAML"):
        parse_policy(text)


def test_a_missing_file_and_one_that_is_not_text_are_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"Cannot read the policy .*none\.yaml: No such file"):
        load_policy(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy(tmp_path / "bytes.yaml")


def test_economics_for_other_goods_must_be_given() -> None:
    data = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8"))
    del data["categories"]["other"]
    with pytest.raises(PolicyError, match="categories must hold 'other'"):
        parse_policy(yaml.safe_dump(data))


def test_rules_that_leave_nothing_to_do_are_refused(make_policy: Any) -> None:
    rules = [
        {"action": action, "when": {"value_below": 20}, "because": "of a test"}
        for action in ("relist", "repackage", "refurbish", "clearance", "return_to_origin", "destroy")
    ]
    open_one = [rule for rule in rules if rule["action"] != "clearance"]
    kept = [rule.action for rule in make_policy({"never": open_one}).base.never if "of a test" in str(rule.because)]
    assert kept == [rule["action"] for rule in open_one]
    with pytest.raises(PolicyError, match=r"nothing to do.*value of 0 USD.*every action"):
        make_policy({"never": rules})


def test_rules_that_leave_one_seller_nothing_to_do_are_refused_by_name(make_policy: Any) -> None:
    rules = [
        {"action": action, "when": {"seller_in": ["acme"]}, "because": "of a test"}
        for action in ("relist", "repackage", "refurbish", "clearance", "return_to_origin", "destroy")
    ]
    with pytest.raises(PolicyError, match="for seller 'acme'"):
        make_policy({"never": rules})


def test_merging_goes_as_deep_as_the_override_and_changes_neither_side() -> None:
    base = {"a": {"b": 1, "c": 2}, "never": [1], "x": [1]}
    override = {"a": {"b": 9}, "never": [2], "x": [2], "d": None}
    assert merge(base, override) == {"a": {"b": 9, "c": 2}, "never": [1, 2], "x": [2], "d": None}
    assert base == {"a": {"b": 1, "c": 2}, "never": [1], "x": [1]}
