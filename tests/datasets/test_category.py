from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from regrade.datasets.category import SHIPPED, load_categories, load_category
from regrade.models.errors import DatasetError
from regrade.models.types import CONDITIONS
from regrade.serving.policy.load import load_policy

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
        words = [category.title, *(c.rubric for c in category.conditions), *(v.hint for v in category.views)]
        assert all(w.en.isascii() for w in words)
        assert all(any("一" <= letter <= "鿿" for letter in w.zh_cn) for w in words)


def test_policy_defaults_are_those_of_the_shipped_policy() -> None:
    base = load_policy().base
    for name, category in load_categories().items():
        assert category.policy.default_value.amount == base.categories[name].default_value
        assert category.policy.review_cost.amount == base.review.cost


def test_a_new_category_is_one_new_file(tmp_path: Path, document: dict[str, Any]) -> None:
    save(tmp_path, document | {"name": "toys", "item_types": ["doll"]}, "toys")
    assert load_categories(tmp_path)["toys"].item_types == ("doll",)


def test_a_category_may_have_fewer_conditions(tmp_path: Path, document: dict[str, Any]) -> None:
    del document["conditions"][0]
    assert load_category(save(tmp_path, document)).condition_names == ("opened", "used", "damaged")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.update(colour="red"), "colour: unknown field; legal fields: name, title, item_types"),
        (lambda d: d.pop("views"), "views: missing"),
        (lambda d: d.update(views=[]), "views: tuple should have at least 1 item"),
        (lambda d: d.update(item_types="carton"), "item_types: input should be a valid tuple, got 'carton'"),
        (lambda d: d.update(name="Packaging!"), "name: string should match pattern"),
        (lambda d: d["title"].pop("zh-CN"), "title.zh-CN: missing"),
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
            lambda d: d["conditions"].pop(0) and d["defect_types"][1].update(implies="unopened"),
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
            lambda d: d["policy"]["review_cost"].update(amount=-1),
            "policy.review_cost.amount: .*equal to 0, got -1",
        ),
        (
            lambda d: d["policy"]["review_cost"].update(amount=float("nan")),
            "policy.review_cost.amount: .*finite",
        ),
        (lambda d: d["policy"]["default_value"].update(currency="$"), "policy.default_value.currency: "),
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
