from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from regrade.datasets.category import SHIPPED, Category, load_categories, load_category
from regrade.models.errors import DatasetError
from regrade.models.registry.bundle import installed_categories, load_bundle, shipped_root
from regrade.models.types import CONDITIONS

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def document() -> dict[str, Any]:
    """The shipped packaging category, to be made wrong in one place."""
    loaded: dict[str, Any] = yaml.safe_load((SHIPPED / "packaging.yaml").read_text(encoding="utf-8"))
    return loaded


def save(folder: Path, document: dict[str, Any], name: str = "packaging") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def test_ships_four_categories_with_all_conditions() -> None:
    categories = load_categories()
    assert list(categories) == ["apparel", "electronics", "footwear", "packaging"]
    assert {c.condition_names for c in categories.values()} == {CONDITIONS}


def test_rubrics_and_hints_are_in_both_languages() -> None:
    for category in load_categories().values():
        texts = [c.rubric for c in category.conditions] + [d.rubric for d in category.defect_types]
        rubrics = [text for text in texts if text is not None]
        words = [category.title, *rubrics, *category.clarifications, *(v.hint for v in category.views)]
        assert all(w.en.isascii() for w in words)
        assert all(any("一" <= letter <= "鿿" for letter in w.zh_cn) for w in words)


def test_every_shipped_bundle_is_sealed_with_the_definition_that_stands_here() -> None:
    for name in installed_categories(shipped_root()):
        sealed = load_bundle(shipped_root(), name).folder / "category.yaml"
        assert sealed.read_bytes() == (SHIPPED / f"{name}.yaml").read_bytes(), "regrade models reseal"


def test_a_name_and_conditions_are_enough(tmp_path: Path) -> None:
    (tmp_path / "garden_tools.yaml").write_text("name: garden_tools\nconditions: [opened, damaged]\n")
    found = load_category(tmp_path / "garden_tools.yaml")
    assert (found.title.en, found.item_types, found.views) == ("Garden tools", ("garden_tools",), ())
    assert (found.policy, found.has_rubric, found.version) == (None, False, 1)


def test_a_defect_that_does_not_say_what_it_implies_is_wear_or_the_worst(tmp_path: Path) -> None:
    text = "name: toys\nconditions: [opened, used, damaged]\ndefect_types: [faded, {name: cracked, severity: major}]\n"
    (tmp_path / "toys.yaml").write_text(text)
    defects = load_category(tmp_path / "toys.yaml").defect_types
    assert [(d.name, d.severity, d.implies) for d in defects] == [
        ("faded", "minor", "used"),
        ("cracked", "major", "damaged"),
    ]


def test_a_scale_is_a_name_for_each_condition(tmp_path: Path) -> None:
    scale = "{unopened: good, used: fair, damaged: {en: poor, zh-CN: 差}}"
    (tmp_path / "toys.yaml").write_text(f"name: toys\nconditions: [unopened, used, damaged]\ngrades: {scale}\n")
    found = load_category(tmp_path / "toys.yaml").grades
    assert [(r.grade.en, r.grade.zh_cn, r.condition_in) for r in found][1:] == [
        ("fair", "fair", ["used"]),
        ("poor", "差", ["damaged"]),
    ]


def test_money_may_be_a_number_or_say_its_currency(document: dict[str, Any]) -> None:
    policies = [{"default_value": 3}, {"default_value": {"amount": 3, "currency": "EUR"}}]
    found = [Category.model_validate(document | {"policy": policy}).policy for policy in policies]
    assert [(p.default_value, p.currency) for p in found if p is not None] == [(3, "USD"), (3, "EUR")]


def test_a_new_category_is_one_new_file(tmp_path: Path, document: dict[str, Any]) -> None:
    save(tmp_path, document | {"name": "toys", "item_types": ["doll"]}, "toys")
    assert load_categories(tmp_path)["toys"].item_types == ("doll",)


def test_a_category_may_have_fewer_conditions(tmp_path: Path, document: dict[str, Any]) -> None:
    del document["conditions"][0], document["grades"]["unopened"], document["policy"]["rates"]["unopened"]
    assert load_category(save(tmp_path, document)).condition_names == ("opened", "used", "damaged")


def _called(en: str, zh: str, *conditions: str) -> dict[str, Any]:
    rule = {"condition_in": list(conditions)} if conditions else {}
    return {"grade": {"en": en, "zh-CN": zh}, **rule}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.update(colour="red"), "colour: unknown field; legal fields: name, title, version, item_types"),
        (lambda d: d.update(item_types=[]), "item_types: tuple should have at least 1 item"),
        (lambda d: d.update(name="other"), "name: 'other' has a meaning of its own"),
        (lambda d: d["grades"].pop("used"), "grades: no rule names an item that is used"),
        (lambda d: d["conditions"].pop(0), "grades: 'unopened' is no condition of this category"),
        (
            lambda d: d.update(grades=[{"grade": "A"}, {"grade": "B", "defect_in": ["rust"]}]),
            r"grades\[1\].defect_in: 'rust' is none of its defect_types",
        ),
        (lambda d: d.update(item_types="carton"), "item_types: must be a list, got 'carton'"),
        (lambda d: d.update(name="Packaging!"), "name: must be lower-case letters"),
        (lambda d: d["title"].pop("zh-CN"), "title.zh-CN: missing"),
        (lambda d: d["title"].update(en="a\u202eb"), "title: must be one line, without letters that cannot be seen"),
        (
            lambda d: d["views"].append({"name": "x", "hints": {}}),
            r"views\[\d\].hints: unknown field; legal fields: name, title, hint",
        ),
        (
            lambda d: d["policy"].update(default_value=1e15),
            "policy.default_value: .*less than or equal to 1000000000000",
        ),
        (
            lambda d: d["policy"].update(never=[{"action": "relist", "because": "x", "when": {"defect_in": ["rust"]}}]),
            r"policy.never\[0\].when.defect_in: 'rust' is none of this category's; legal values: tear",
        ),
        (lambda d: d.update(conditions=5), "conditions: must be a list, got 5"),
        (
            lambda d: d.update(grades=[_called("good", "良好", "unopened"), _called("good", "一般")]),
            r"grades\[1\]: 'good' is '良好' in an earlier rule, and '一般' here",
        ),
        (lambda d: d["title"].update(en=" "), "title.en: string should have at least 1"),
        (lambda d: d["title"].update(fr="x"), "title.fr: unknown field"),
        (
            lambda d: d["conditions"][1].update(name="ok"),
            r"conditions\[1\].name: unknown condition 'ok'; .*opened",
        ),
        (lambda d: d["conditions"][2].pop("rubric"), r"conditions\[2\].rubric: missing"),
        (
            lambda d: d["conditions"].reverse(),
            r"conditions: .*best to worst \(unopened, opened, used, damaged\)",
        ),
        (lambda d: d["conditions"].append(d["conditions"][3]), "conditions: must stand once each"),
        (
            lambda d: d["defect_types"][0].update(severity="bad"),
            r"defect_types\[0\].severity: .*minor, major",
        ),
        (
            lambda d: d["defect_types"][0].update(implies="bad"),
            r"defect_types\[0\].implies: .*unopened, opened",
        ),
        (
            lambda d: (
                d["conditions"].pop(0),
                d.pop("grades"),
                d.pop("policy"),
                d["defect_types"][1].update(implies="unopened"),
            ),
            r"defect_types\[1\]",
        ),
        (
            lambda d: d["defect_types"].append(d["defect_types"][0]),
            "defect_types: named more than once: tear",
        ),
        (lambda d: d["item_types"].append("carton"), "item_types: named more than once: carton"),
        (lambda d: d["views"].append(d["views"][0]), "views: named more than once: label"),
        (lambda d: d["views"][0].update(hint="top"), r"views\[0\].hint: .*got 'top'"),
        (
            lambda d: d["policy"].update(default_value=0),
            "policy.default_value: .*greater than 0, got 0",
        ),
        (
            lambda d: d["policy"].update(review_cost=float("nan")),
            "policy.review_cost: .*finite",
        ),
        (lambda d: d["policy"].update(currency="$"), "policy.currency: "),
        (lambda d: d["policy"]["rates"]["used"].update(burn=1), "policy.rates.used.burn"),
        (
            lambda d: d["policy"].update(review_cost={"amount": 1, "currency": "EUR"}),
            "policy.review_cost: is in EUR, other amounts of the block are in USD",
        ),
        (
            lambda d: d["policy"]["never"][0].update(when={"category_in": ["toys"]}),
            r"policy.never\[0\].when.category_in: remove it",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_field(tmp_path: Path, document: dict[str, Any], edit: Edit, message: str) -> None:
    edit(document)
    with pytest.raises(DatasetError, match=rf"packaging\.yaml: {message}"):
        load_category(save(tmp_path, document))


def test_a_file_must_be_named_after_its_category(tmp_path: Path, document: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match="name: must be that of the file, 'boxes', got 'packaging'"):
        load_category(save(tmp_path, document, "boxes"))


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toys.yaml"
    path.write_text("name: toys\nname: dolls\n")
    with pytest.raises(DatasetError, match=r"toys\.yaml: not valid YAML: key 'name' is given more than once.*line 2"):
        load_category(path)


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "toys.yaml"
    path.write_text(text)
    with pytest.raises(DatasetError, match=r"toys\.yaml: \(document\): "):
        load_category(path)


def test_broken_yaml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "toys.yaml"
    path.write_text("name: toys\ntitle: {en: Toys\n")
    with pytest.raises(DatasetError, match=r"toys\.yaml: not valid YAML: .*line 3"):
        load_category(path)


def test_binary_rubbish_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toys.yaml"
    path.write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(DatasetError, match="not UTF-8"):
        load_category(path)


def test_an_absent_file_and_an_empty_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such category file"):
        load_category(tmp_path / "toys.yaml")
    with pytest.raises(DatasetError, match="holds no category"):
        load_categories(tmp_path)


def _bomb() -> str:
    """Ten lines that are a billion entries when written out."""
    levels = "abcdefghij"
    lines = [f"{level}: &{level} [{', '.join([f'*{below}'] * 9)}]" for below, level in pairwise(levels)]
    return "\n".join(["a: &a [x]", *lines, "name: *j", "conditions: [used, damaged]"])


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_bomb(), "aliases make it more than 100000 entries"),
        ("name: toys\nconditions: &all [*all]", "an alias stands within what it names"),
        (f"name: {'[' * 100_000}", "more than 60 entries lie within one another"),
        (f"name: {'x' * 1_000_001}", "is longer than 1000000 letters"),
        ("name: 2026-13-45", "'2026-13-45' is no valid timestamp; put it in quotes if it is text"),
        (f"version: {'9' * 5_000}", "is no valid int"),
        ("version: !!bool x", "'x' is no valid bool"),
        ("? [a, b]\n: c", "found unhashable key"),
    ],
)
def test_yaml_that_cannot_be_read_is_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "toys.yaml"
    path.write_text(text)
    with pytest.raises(DatasetError, match=rf"toys\.yaml: not valid YAML: .*({message})"):
        load_category(path)


def test_a_part_may_be_written_once_and_named_where_it_is_meant_again(tmp_path: Path) -> None:
    path = tmp_path / "toys.yaml"
    path.write_text(
        "name: toys\ntitle: &title {en: Toys, zh-CN: 玩具}\nconditions: [used, damaged]\n"
        "views: [{name: front, title: *title, hint: *title}]",
        encoding="utf-8",
    )
    assert load_category(path).views[0].hint.en == "Toys"
