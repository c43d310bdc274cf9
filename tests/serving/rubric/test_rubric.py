"""What a rubric file may hold, how a seller's is completed, and how its faults are told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from regrade.datasets.category import Category, load_categories
from regrade.models.types import CONDITIONS, DEFECT_TYPES
from regrade.serving.base.errors import RubricError
from regrade.serving.examples.items import demo_items
from regrade.serving.rubric.definitions import rubric_data
from regrade.serving.rubric.load import load_rubric, load_rubrics, read_rubrics
from regrade.serving.rubric.types import example_photo, example_photos

CATEGORIES = load_categories()
"""What bundles of the shipped categories are sealed with."""
PACKAGING = yaml.safe_dump(
    rubric_data(CATEGORIES["packaging"]) | {"grades": [{"grade": "A"}]}, allow_unicode=True, sort_keys=False
)
"""Its definition as the rubric file that a house would write over it."""

BOTH = {"en": "Has our own label.", "zh-CN": "贴有我方标签。"}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Writes a rubric into a folder of its own: `write("acme.yaml", seller="acme", …)`."""

    def to(name: str, text: str | None = None, **fields: object) -> Path:
        folder = tmp_path / "rubrics"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(text or yaml.safe_dump(fields, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path

    return to


@pytest.fixture
def acme(write: Callable[..., Path]) -> Any:
    """A seller's rubric for packaging, with the fields given: the file."""

    def make(**fields: object) -> Path:
        return write("acme.yaml", category="packaging", version=2, seller="acme", extends="packaging@1", **fields)

    return make


@pytest.fixture
def broken(write: Any) -> Any:
    """The message for the shipped packaging rubric with `old` replaced by `new`."""

    def message(old: str, new: str) -> str:
        assert old in PACKAGING
        with pytest.raises(RubricError) as caught:
            load_rubric(write("mine.yaml", PACKAGING.replace(old, new, 1)), categories=CATEGORIES)
        return str(caught.value)

    return message


def line_of(text: str, file: Path | None = None) -> int:
    lines = (PACKAGING if file is None else file.read_text(encoding="utf-8")).splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize("category", ["packaging", "electronics", "footwear", "apparel"])
def test_every_category_has_a_shipped_rubric_in_both_languages(category: str) -> None:
    rubric = load_rubrics(categories=CATEGORIES).of(category, "nobody in particular")
    assert rubric is not None
    assert rubric.label == f"{category}@1"
    assert tuple(rubric.conditions) == CONDITIONS
    texts = [entry.text for entry in rubric.conditions.values()]
    for words in (*texts, *rubric.clarifications, *rubric.defects.values()):
        assert words.to("en").isascii()
        assert words.to("zh-CN").endswith("。")
        assert words.to("fr") == words.to("en")


def test_shipped_examples_show_the_condition_under_which_they_stand() -> None:
    meant = {path.name: (i.item["category"], i.condition) for i in demo_items() for path in i.photos}
    shown = {
        example: (rubric.category, name)
        for rubric in load_rubrics(categories=CATEGORIES)
        for name, entry in rubric.conditions.items()
        for example in entry.examples
    }
    own = {"carton": "packaging", "phone": "electronics", "shirt": "apparel", "shoes": "footwear"}
    meant |= {f"{thing}-used-{n}.jpg": (category, "used") for thing, category in own.items() for n in (1, 2)}
    assert shown == meant
    assert all(example_photo(name).read_bytes().startswith(b"\xff\xd8") for name in shown)


def test_no_other_file_is_an_example_photo() -> None:
    for name in ("../items.json", "items.json", "", "carton-open-1.JPG"):
        with pytest.raises(KeyError):
            example_photo(name)
    assert len(example_photos()) == 24


def test_a_category_without_a_rubric_has_none() -> None:
    rubrics = load_rubrics(categories=CATEGORIES)
    assert rubrics.of("toys", None) is None
    assert rubrics.of(None, "acme") is None


def test_a_sellers_rubric_takes_over_what_it_leaves_out(acme: Any) -> None:
    path = acme(conditions={"used": {"text": BOTH}}, clarifications=[BOTH])
    rubrics = load_rubrics(path.parent, categories=CATEGORIES)
    house, own = rubrics.of("packaging", "other"), rubrics.of("packaging", "acme")
    footwear = rubrics.of("footwear", "acme")
    assert house is not None
    assert own is not None
    assert footwear is not None
    assert (house.label, own.label) == ("packaging@1", "acme/packaging@2")
    assert own.conditions["used"].text.to("zh-CN") == BOTH["zh-CN"]
    assert own.conditions["damaged"] == house.conditions["damaged"]
    assert own.clarifications[:-1] == house.clarifications
    assert own.clarifications[-1].en == BOTH["en"]
    assert (own.defects, own.grades) == (house.defects, house.grades)
    assert footwear.label == "footwear@1"


def test_a_house_rubric_in_the_folder_stands_in_place_of_the_shipped_one(write: Any) -> None:
    text = PACKAGING.replace("version: 1", "version: 7")
    rubrics = load_rubrics(write("packaging.yaml", text).parent, categories=CATEGORIES)
    assert [rubric.label for rubric in rubrics] == ["apparel@1", "electronics@1", "footwear@1", "packaging@7"]


def test_a_seller_who_extends_another_version_is_refused_with_what_to_do(acme: Any, write: Any) -> None:
    text = PACKAGING.replace("version: 1", "version: 2")
    path = acme()
    write("packaging.yaml", text)
    with pytest.raises(RubricError, match=r"acme\.yaml has 1 fault") as caught:
        load_rubrics(path.parent, categories=CATEGORIES)
    assert "line 4: extends: 'packaging@1' is not in force, packaging@2 is" in str(caught.value)
    assert "set extends to packaging@2, and raise version" in str(caught.value)


def test_a_seller_must_say_what_he_extends_and_the_house_must_not(write: Any) -> None:
    with pytest.raises(RubricError, match=r"extends: missing; .* such as packaging@1"):
        load_rubrics(write("a.yaml", category="packaging", version=1, seller="acme").parent, categories=CATEGORIES)
    with pytest.raises(RubricError, match="extends: only a seller's rubric extends another"):
        load_rubrics(
            write("a.yaml", category="packaging", version=1, extends="packaging@1").parent, categories=CATEGORIES
        )


def test_one_language_of_two_is_refused(acme: Any) -> None:
    with pytest.raises(RubricError, match=r"line 7: conditions\.used\.text\.zh-CN: missing; it must be set"):
        load_rubric(acme(conditions={"used": {"text": {"en": "Only English."}}}), categories=CATEGORIES)


def test_faults_in_an_added_clarification_are_told_where_it_stands_in_the_sellers_file(acme: Any) -> None:
    path = acme(clarifications=[BOTH, {"en": "Half."}])
    line = line_of("Half.", path)
    with pytest.raises(RubricError, match=rf"line {line}: clarifications\[1\]\.zh-CN: missing"):
        load_rubric(path, categories=CATEGORIES)


def test_an_unknown_condition_is_told_with_the_legal_ones(broken: Any) -> None:
    message = broken("  opened:", "  openend:")
    line = line_of("  opened:")
    assert f"line {line}: conditions.openend: 'openend' is not legal. Legal values: {', '.join(CONDITIONS)}." in message


def test_an_unknown_code_is_told_with_the_legal_ones(broken: Any) -> None:
    message = broken("code: crush", "code: crushed")
    legal = ", ".join(dict.fromkeys((*CATEGORIES["packaging"].defect_names, *DEFECT_TYPES)))
    assert f"line {line_of('code: crush')}: defects[2].code: 'crushed' is not legal. Legal values: {legal}." in message


def test_a_rubric_may_be_written_before_there_is_a_bundle_of_its_category(write: Any) -> None:
    path = write("toys.yaml", PACKAGING.replace("category: packaging", "category: toys"))
    assert load_rubric(path, categories=CATEGORIES).label == "toys@1"
    assert load_rubrics(path.parent, categories=CATEGORIES).of("toys", None) is not None


def test_a_condition_that_the_category_has_not_is_told_with_those_it_has(write: Any) -> None:
    category = Category.model_validate({"name": "packaging", "conditions": ["opened", "damaged"]})
    with pytest.raises(RubricError, match=r"conditions\.used: is no condition of packaging"):
        load_rubric(write("a.yaml", PACKAGING), categories={"packaging": category})


def test_a_seller_of_an_unknown_category_is_told_the_legal_ones(write: Any) -> None:
    with pytest.raises(RubricError, match=r"line 1: category: there is no rubric of 'toys' to build on"):
        load_rubric(write("a.yaml", category="toys", version=1, seller="acme", extends="toys@1"), categories=CATEGORIES)


def test_a_sellers_rubric_waits_until_a_bundle_of_its_category_is_active(write: Any) -> None:
    path = write("a.yaml", category="toys", version=1, seller="acme", extends="toys@1")
    assert load_rubrics(path.parent, categories=CATEGORIES).categories == tuple(CATEGORIES)
    assert read_rubrics(path.parent).waiting(CATEGORIES) == [str(path)]


def test_an_unknown_photo_is_told_with_the_legal_ones(broken: Any) -> None:
    message = broken("- carton-open-1.jpg", "- ../../secret.jpg")
    assert "conditions.opened.examples[0]: there is no photo '../../secret.jpg'. Legal values: carton-" in message


def test_a_code_that_stands_twice_is_refused(broken: Any) -> None:
    line = line_of("code: hole")
    assert f"line {line}: defects[1].code: 'tear' is already among the defects" in broken("code: hole", "code: tear")


@pytest.mark.parametrize(
    ("seller", "words"),
    [("a/b", "is not legal"), ("a@2", "is not legal"), (" a", "is not legal"), ("", "says something")],
)
def test_sellers_whose_labels_would_be_ambiguous_are_refused(write: Any, seller: str, words: Any) -> None:
    path = write("a.yaml", category="packaging", version=1, seller=seller, extends="packaging@1")
    with pytest.raises(RubricError, match=rf"line 3: seller: .*{words}"):
        load_rubric(path, categories=CATEGORIES)


@pytest.mark.parametrize("version", ["0", "-1", "1.5", '"2"', "true"])
def test_a_version_is_a_whole_number_from_one(broken: Any, version: Any) -> None:
    assert "line 2: version: " in broken("version: 1", f"version: {version}")


@pytest.mark.parametrize(
    ("text", "words"),
    [("- a\n- b\n", "a rubric must be a mapping"), ("a: 1\na: 2\n", "line 2: a is already set on line 1"),
     ("a: [\n", "line 2: not valid YAML"), ("", "a rubric must be a mapping")],
)  # fmt: skip
def test_what_is_no_mapping_is_refused_with_its_line(write: Any, text: str, words: Any) -> None:
    with pytest.raises(RubricError, match=words):
        load_rubric(write("a.yaml", text or "\n"), categories=CATEGORIES)


def test_two_files_for_the_same_place_are_refused(acme: Any, write: Any) -> None:
    path = acme()
    write("again.yaml", path.read_text(encoding="utf-8"))
    with pytest.raises(RubricError, match=r"again\.yaml and .*acme\.yaml are both the rubric acme/packaging"):
        load_rubrics(path.parent, categories=CATEGORIES)


def test_missing_folders_and_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(RubricError, match="Set REGRADE_RUBRIC_DIR"):
        load_rubrics(tmp_path / "nowhere", categories=CATEGORIES)
    with pytest.raises(RubricError, match="Cannot read the rubric"):
        load_rubric(tmp_path / "nothing.yaml", categories=CATEGORIES)
    (tmp_path / "latin.yaml").write_bytes(b"category: \xff")
    with pytest.raises(RubricError, match="is not UTF-8"):
        load_rubric(tmp_path / "latin.yaml", categories=CATEGORIES)
