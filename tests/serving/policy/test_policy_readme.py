"""What `serving/policies/README.md` says happens, happens, to the cent."""

import ast
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from regrade.datasets.category import load_categories
from regrade.models.category.rules import When
from regrade.serving.cli import policy as command
from regrade.serving.policy.load import DEFAULT_POLICY, load_policy
from regrade.serving.policy.schema import PolicyFile

README = (DEFAULT_POLICY.parent / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, flags=re.M | re.S)


COMMANDS = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
SHOWN = [tuple(block[2:].split("\n", 1)) for block in blocks("console") if block.count("$ regrade") == 1]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Runs a command line of the README where `mine.yaml` is the shipped policy with the seller of the README."""
    (seller,) = blocks("yaml")
    text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("sellers: {}\n", seller)
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)

    def go(line: str) -> str:
        done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    return go


def value(node: ast.expr) -> float:
    """A sum of products, by hand: nothing but numbers, `+`, `-` and `*`."""
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int | float)
        return float(node.value)
    assert isinstance(node, ast.BinOp)
    left, right = value(node.left), value(node.right)
    return {ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right}[type(node.op)]


def test_the_sums_of_the_worked_example_are_right() -> None:
    (sums,) = blocks("text")
    for line in sums.splitlines():
        asked, given = line.split(":")[1].split(" = ")
        assert value(ast.parse(asked.strip(), mode="eval").body) == pytest.approx(float(given), abs=0.005), line


def test_the_sums_of_the_worked_example_are_those_of_the_shipped_policy() -> None:
    (sums,) = blocks("text")
    economics = load_policy(categories=load_categories()).base.categories["electronics"]
    for action, condition, given in re.findall(r"^([a-z ]+), if (\w+):.* = ([\d.]+)$", sums, flags=re.M):
        amount = economics.recovery(condition, action.replace(" ", "_"), 120)
        assert amount == pytest.approx(float(given), abs=0.005)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_works(run: Any, line: Any) -> None:
    assert run(line)


@pytest.mark.parametrize(("line", "output"), SHOWN, ids=[line for line, _ in SHOWN])
def test_every_output_is_what_the_command_prints(run: Any, line: Any, output: str) -> None:
    assert [row.rstrip() for row in run(line).splitlines()] == [row.rstrip() for row in output.splitlines()]


def test_every_field_is_described() -> None:
    for field in PolicyFile.model_fields:
        assert re.search(rf"^\| .*`{field}\b", README, flags=re.M), field
    for field in When.model_fields:
        assert re.search(rf"^\| .*`{field}`", README, flags=re.M), field
