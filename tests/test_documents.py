"""What a newcomer reads first is so: paths exist, parts are named, decisions are listed, versions agree."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[1]
ARCHITECTURE = (PROJECT / "ARCHITECTURE.md").read_text(encoding="utf-8")
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DECISIONS = PROJECT / "docs" / "decisions"
CHANGELOG = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
RELEASES = re.findall(r"^## \[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d{2}-\d{2})$", CHANGELOG, flags=re.MULTILINE)
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))


def linked(text: str) -> set[str]:
    """Files that a text links to."""
    return {target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target}


def paths(text: str) -> set[str]:
    """What a text names in code that has a slash and is no route of HTTP."""
    return {word for word in re.findall(r"`([\w./]+)`", text) if "/" in word and not word.startswith("/")}


@pytest.mark.parametrize("path", sorted(paths(ARCHITECTURE)))
def test_every_path_in_the_architecture_exists(path: str) -> None:
    assert (PROJECT / path).exists(), "ARCHITECTURE.md names a path that is gone"


@pytest.mark.parametrize("room", ["serving", "training"])
def test_every_wing_and_floor_stands_in_the_architecture(room: str) -> None:
    parts = {file.parent.name for file in (PROJECT / room).glob("*/__init__.py")}
    assert {f"{room}/{part}/" for part in parts} - paths(ARCHITECTURE) == set()


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "README.md"])
def test_every_linked_file_exists(name: str) -> None:
    for target in linked((PROJECT / name).read_text(encoding="utf-8")) - {""}:
        assert (PROJECT / target).exists(), target


def test_every_decision_is_listed_once() -> None:
    records = [file.name for file in sorted(DECISIONS.glob("[0-9]*.md"))]
    listed = re.findall(r"\]\(([^)]+)\)", (DECISIONS / "README.md").read_text(encoding="utf-8"))
    assert listed == records
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))


def test_every_target_that_contributors_are_told_of_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    told = set(re.findall(r"(?:^|`)make ([a-z-]+)", CONTRIBUTING, flags=re.MULTILINE))
    assert {"docs", "lint", "test"} <= told <= targets


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_run_what_everybody_runs(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    for job in jobs.values():
        commands = [step["run"] for step in job["steps"] if "run" in step]
        assert all(re.search(r"apt-get|bash \.ci/run$|^make [a-z-]+$", command) for command in commands), commands


def test_hooks_before_a_commit_download_nothing() -> None:
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    assert {hook["language"] for repo in config["repos"] for hook in repo["hooks"]} == {"system"}


def test_the_newest_version_is_that_of_the_package() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert ".".join(RELEASES[0][:3]) == version


def test_versions_and_their_dates_only_rise() -> None:
    numbers = [(int(major), int(minor), int(patch)) for major, minor, patch, _ in RELEASES]
    days = [date.fromisoformat(day) for *_, day in RELEASES]
    assert numbers == sorted(set(numbers), reverse=True)
    assert days == sorted(days, reverse=True)


def test_no_line_stands_twice_in_the_changelog() -> None:
    """Changes are merged by taking the lines of both sides, which can leave one twice."""
    entries = re.findall(r"^- .+", CHANGELOG, flags=re.MULTILINE)
    assert sorted(entries) == sorted(set(entries))
    assert CHANGELOG.count("## [Unreleased]") == 1
