"""`regrade rubric`: a version that does not go up is told, and what is in force is shown."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from regrade.datasets.category import load_categories
from regrade.serving.base.errors import RubricError
from regrade.serving.cli import rubric as command
from regrade.serving.rubric import load
from regrade.serving.rubric.definitions import rubric_yaml

README = Path(load.__file__).with_name("README.md").read_text(encoding="utf-8")


FOOTWEAR = rubric_yaml(load_categories()["footwear"])

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `regrade rubric …` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGRADE_RUBRIC_DIR", raising=False)
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)
    return lambda *words: CliRunner().invoke(app, ["rubric", *words], catch_exceptions=False)


@pytest.fixture
def footwear(tmp_path: Path) -> Callable[..., Path]:
    """The shipped rubric for footwear with some words replaced, as a file."""

    def make(name: str, *changes: tuple[str, str]) -> Path:
        text = FOOTWEAR
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


def test_a_changed_text_under_the_same_version_is_refused(run: Any, footwear: Any) -> None:
    path = footwear("mine.yaml", ("Hole, split,", "Any hole, split,"))
    with pytest.raises(RubricError, match="footwear@1 says something else than footwear@1 did") as caught:
        run("check", str(path))
    assert "conditions.damaged.text (changed in en)" in str(caught.value)
    assert "Raise version to 2 or higher" in str(caught.value)


def test_a_changed_text_under_a_higher_version_is_listed(run: Any, footwear: Any) -> None:
    path = footwear(
        "mine.yaml", ("version: 1", "version: 2"), ("褪色或撑松。", "褪色。"), ("code: dirt", "code: wet"),
        ("en: D", "en: E"),
    )  # fmt: skip
    lines = run("check", str(path)).output.splitlines()
    assert lines[0].startswith("footwear@2 is valid: 4 conditions with 4 example photos, 2 clarifications, 8 defect")
    assert lines[1:] == [
        "against footwear@1: conditions.used.text (changed in zh-CN)",
        "against footwear@1: defects.wear (changed in zh-CN)",
        "against footwear@1: defects.wet (added)",
        "against footwear@1: defects.dirt (removed)",
        "against footwear@1: grades (changed)",
    ]


def test_the_version_before_may_be_named(run: Any, footwear: Any) -> None:
    old = footwear("old.yaml", ("version: 1", "version: 4"))
    same = footwear("same.yaml", ("version: 1", "version: 5"))
    assert "against footwear@4: nothing has changed" in run("check", str(same), "--against", str(old)).output
    lower = footwear("lower.yaml", ("version: 1", "version: 3"), ("Hole, split,", "Split,"))
    with pytest.raises(RubricError, match="Raise version to 5 or higher"):
        run("check", str(lower), "--against", str(old))


def test_rubrics_of_different_places_are_not_compared(run: Any, footwear: Any) -> None:
    other = footwear("other.yaml")
    other.write_text(rubric_yaml(load_categories()["apparel"]), encoding="utf-8")
    with pytest.raises(RubricError, match="compare two versions of the same one"):
        run("check", str(footwear("mine.yaml")), "--against", str(other))


def test_what_is_in_force_is_shown_in_both_languages(run: Any) -> None:
    english = run("show", "apparel").output
    assert "apparel@1" in english
    assert "A crumpled but clean garment is opened, not used." in english
    assert "缝在领口的织标不算吊牌" in run("show", "apparel", "--lang", "zh-CN").output


def test_unknown_categories_and_languages_are_told_with_the_legal_ones(run: Any) -> None:
    with pytest.raises(RubricError, match="Legal values: apparel, electronics, footwear, packaging"):
        run("show", "toys")
    with pytest.raises(RubricError, match="Legal values: en, zh-CN"):
        run("show", "apparel", "--lang", "fr")


def test_the_readmes_example_is_valid_as_it_says(run: Any, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", README, flags=re.M | re.S)
    (said,) = re.findall(r"^acme/packaging@1 is valid.*$", README, flags=re.M)
    folder = tmp_path / "rubrics"
    folder.mkdir()
    (folder / "acme-packaging.yaml").write_text(example, encoding="utf-8")
    assert run("check", "rubrics/acme-packaging.yaml").output.splitlines()[0] == said
    shown = run("show", "packaging", "--seller", "acme", "--rubric-dir", "rubrics").output
    assert "acme/packaging@1" in shown
    assert "opened / used; worst defect: none / minor" in shown


def test_the_readme_names_every_field_and_no_other() -> None:
    from regrade.models.category.scale import GradeRule
    from regrade.serving.rubric.schema import RubricFile

    rows = [line for line in README.splitlines() if line.startswith("| `")]
    named = {name.split(".")[0] for row in rows for name in re.findall(r"`([\w.<>-]+)`", row.split("|")[1])}
    assert named == set(RubricFile.model_fields) | set(GradeRule.model_fields) - {"grade"}
