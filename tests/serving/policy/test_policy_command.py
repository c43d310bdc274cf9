"""`regrade policy`, as it is typed."""

import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from regrade.models.errors import PolicyError
from regrade.serving.cli import policy as command
from regrade.serving.policy.load import DEFAULT_POLICY


@pytest.fixture
def run() -> Any:
    """Runs `regrade policy ARGUMENTS` and gives what it printed; errors are raised."""
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)

    def go(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["policy", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return go


def test_check_says_that_the_shipped_policy_is_valid(run: Any) -> None:
    said = run("check", "--today", "2026-12-01").splitlines()
    assert said[-1] == (
        "default@1 is valid: 5 categories, 0 sellers with terms of their own, "
        "values in USD, AUD, CAD, CNY, EUR, GBP, HKD, JPY, MXN; 0 warnings."
    )
    assert all(line.startswith("note: ") for line in said[:-1])


def test_check_warns_without_failing(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    file.write_text(text.replace("{relist: 0.80,", "{relist: 1.90,"), encoding="utf-8")
    said = run("check", str(file), "--today", "2026-12-01")
    assert "warning: categories.other.rates.unopened.relist: 1.9 recovers more" in said
    assert "; 1 warning." in said


def test_check_notes_a_category_of_which_no_bundle_is_active(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    terms = "sellers: {acme: {categories: {toys: {default_value: 9}}}}"
    file.write_text(DEFAULT_POLICY.read_text(encoding="utf-8").replace("sellers: {}", terms), encoding="utf-8")
    assert "note: sellers.acme.categories.toys: no bundle of it is active here" in run("check", str(file))


def test_check_of_a_wrong_file_exits_with_2_and_names_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from regrade.serving.cli import main

    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nversion: one\n", encoding="utf-8")
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    command.register(app)
    monkeypatch.setattr(main, "build_app", lambda: app)
    monkeypatch.setattr(sys, "argv", ["regrade", "policy", "check", str(file)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert "line 2: version: it must be a whole number (it is 'one')." in capsys.readouterr().err


def test_show_marks_what_is_suggested_and_what_is_ruled_out(run: Any) -> None:
    rows = run("show", "-c", "packaging", "-v", "100").splitlines()
    relist = next(row for row in rows if row.startswith("│ relist"))
    repackage = next(row for row in rows if row.startswith("│ repackage"))
    assert [cell.strip() for cell in relist.split("│")[2:6]] == ["88.00*", "43.00", "33.00x", "3.00x"]
    assert [cell.strip() for cell in repackage.split("│")[2:6]] == ["76.50", "70.50*", "64.50*", "36.50*"]


def test_show_uses_the_default_value_where_none_is_given(run: Any) -> None:
    assert "apparel, worth $35.00, default@1" in run("show", "-c", "apparel")


def test_show_uses_a_sellers_own_figures(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    own = "sellers: {acme: {categories: {apparel: {default_value: 99}}}}"
    text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("sellers: {}", own)
    file.write_text(text, encoding="utf-8")
    assert "worth $99.00" in run("show", "-c", "apparel", "-s", "acme", "--policy", str(file))
    assert "worth $35.00" in run("show", "-c", "apparel", "-s", "bolt", "--policy", str(file))


def test_explain_gives_the_decision_with_its_reasons(run: Any) -> None:
    said = run("explain", "-c", "footwear", "-v", "90", "-p", "used=0.8", "-p", "opened=0.2")
    assert "- 80% used; " in said
    assert "Review:\n- Only 80% sure that it is used; footwear goes without a person from 90% up." in said


def test_explain_speaks_chinese(run: Any) -> None:
    said = run("explain", "-c", "footwear", "-v", "90", "--condition", "used", "--lang", "zh-CN")
    assert "复核员判定为有使用痕迹" in said
    assert "No review needed." not in said
    assert "无需复核。" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "-c", "toys"], "no category 'toys'. Legal values: apparel, electronics"),
        (["show", "-c", "apparel", "-v", "3", "--currency", "XAU"], "no exchange rate for 'XAU'"),
        (["show", "-c", "apparel", "-v", "-3"], "must be a number of 0 or more"),
        (["explain", "-c", "apparel"], "Give either the probabilities"),
        (["explain", "-c", "apparel", "-p", "used"], "Write a probability as CONDITION=SHARE"),
        (["explain", "-c", "apparel", "-p", "torn=1"], "'torn=1': a share of 0 to 1 for one of unopened"),
        (["explain", "-c", "apparel", "-p", "used=0.5"], "The probabilities come to 0.5"),
        (["explain", "-c", "apparel", "-p", "used=1", "--lang", "fr"], "no texts in 'fr'"),
        (["check", "--today", "soon"], "'soon' is not a date"),
        (["check", "nowhere.yaml"], "Cannot read the policy nowhere.yaml"),
    ],
)
def test_wrong_arguments_are_told_with_what_to_do(run: Any, arguments: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message.replace(".", r"\.").replace("(", r"\(")):
        run(*arguments)
