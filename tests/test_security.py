"""SECURITY.md names a test for each measure, and each of them exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]
DOCUMENT = (PROJECT / "SECURITY.md").read_text(encoding="utf-8")


def named() -> Iterator[tuple[str, str]]:
    """File and name of each test; a name alone is of the file before it."""
    file = ""
    for found, name in re.findall(r"`(tests/[\w/.]+)?::(\w+)`", DOCUMENT):
        file = found or file
        yield file, name


def rows() -> list[list[str]]:
    lines = (line.strip("|").split("|") for line in DOCUMENT.splitlines() if line.startswith("| "))
    return [[cell.strip() for cell in line] for line in lines if not line[0].strip().startswith("may try")]


def functions(file: str) -> set[str]:
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    known = {file: functions(file) for file in {file for file, _ in named()}}
    missing = [f"{file}::{name}" for file, name in named() if name not in known[file]]
    assert missing == []


def test_every_measure_has_a_test() -> None:
    assert len(rows()) > 10
    for threat, measure, tests in rows():
        assert measure, threat
        assert "::test_" in tests, f"no test is named for: {threat}"
