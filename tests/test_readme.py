"""The README's commands work, and no command is missing from it."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from regrade.datasets.manifest import find_bench
from regrade.models.registry.bundle import load_bundle, shipped_root
from regrade.serving.cli.main import build_app

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def documented() -> list[list[str]]:
    """The words of every `regrade …` command in the README, without the program's name."""
    joined = README.replace("\\\n", " ")
    lines = re.findall(r"(?:\.venv/bin/)?\bregrade ((?:[a-z]+)(?: [^`\n#]*)?)", "\n".join(_code(joined)))
    return [shlex.split(line) for line in lines]


def _code(text: str) -> Iterator[str]:
    yield from re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    children: dict[str, Any] = getattr(group, "commands", {})
    if not children or hasattr(group, "default"):  # a group with a default is a command itself
        yield path
    for name, child in children.items():
        yield from commands(child, (*path, name))


FEW_POINTS = 0.05
"""By how much a confidence may differ between machines, whose kernels add up differently."""

ALL = sorted(commands(typer.main.get_command(build_app())))


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_command_is_in_the_readme(command: tuple[str, ...]) -> None:
    assert any(tuple(words[: len(command)]) == command for words in documented()), (
        f"document: regrade {' '.join(command)}"
    )


def test_every_command_in_the_readme_exists() -> None:
    for words in documented():
        assert any(tuple(words[: len(c)]) == c or c[: len(words)] == tuple(words) for c in ALL), words


def test_the_first_photo_is_graded_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = next(w for w in documented() if w[0] == "grade")
    monkeypatch.chdir(PROJECT)
    target = tmp_path / "graded.png"
    words[words.index("--draw") + 1] = str(target)
    result = CliRunner().invoke(build_app(), words)
    assert result.exit_code == 0, result.output
    assert target.read_bytes().startswith(b"\x89PNG")


def test_the_answer_in_the_readme_has_the_fields_of_a_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = json.loads(re.findall(r"```json\n(.*?)```", README, flags=re.DOTALL)[0])
    monkeypatch.chdir(PROJECT)
    words = next(w for w in documented() if w[0] == "grade")
    words = [*words[: words.index("--draw")], "--json"]
    real = json.loads(CliRunner().invoke(build_app(), words).stdout)
    assert shown["grade"]["condition"] == real["grade"]["condition"]
    assert shown["grade"]["confidence"] == pytest.approx(real["grade"]["confidence"], abs=FEW_POINTS)
    assert shown["defects_examined"] == real["defects_examined"]
    assert shown["grade"]["based_on"] == real["grade"]["based_on"]
    assert "figures may differ by a few points" in README
    assert set(shown) >= set(real) - {"retake"}
    assert shown["disposition"]["action"] == real["disposition"]["action"]


@pytest.mark.photos
def test_the_real_photo_of_the_readme_is_graded_as_a_torn_carton() -> None:
    bench = find_bench()
    if bench is None:
        pytest.skip("the real bench photos are not here; set REGRADE_BENCH to their folder to run this")
    words = next(w for w in documented() if w[0] == "grade" and "$REGRADE_BENCH" in w[1])
    words = [word.replace("$REGRADE_BENCH", str(bench)) for word in words]
    answer = json.loads(CliRunner().invoke(build_app(), [*words, "--json"]).stdout)
    assert answer["grade"]["condition"] == "damaged"
    assert "tear" in [defect["type"] for defect in answer["defects"]]


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_leads_to_a_file(path: str) -> None:
    assert (PROJECT / path).exists()


@pytest.mark.parametrize("category", ["packaging", "electronics", "footwear", "apparel"])
def test_scores_in_the_readme_are_those_of_the_shipped_bundle(category: str) -> None:
    metrics = load_bundle(shipped_root(), category).metrics
    row = next(line for line in README.splitlines() if line.startswith(f"| {category} |"))
    held_out = [metrics["cv"][name] for name in ("macro_f1", "damage_auroc", "ece")]
    for score in (*held_out, metrics["test"]["macro_f1"]):
        assert f"{score['value']:.2f} [{score['low']:.2f}, {score['high']:.2f}]" in row


def test_the_time_of_an_item_in_the_readme_is_the_measured_one() -> None:
    measured = json.loads((PROJECT / "benchmarks" / "results" / "item_latency.json").read_text())
    assert f"**{measured['end_to_end_ms']['p50']:.0f} ms**" in README
    assert f"{measured['start_to_ready_s']} s" in README
