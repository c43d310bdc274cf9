"""The rooms, their wings and floors: who may import whom, nobody in a circle, and no folder too large to know.

An import counts wherever it stands: at the top, in a function, or where only a type checker goes.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
ROOMS = ("datasets", "labeling", "models", "serving", "training")
MAY_IMPORT = {
    "models": {"models"},
    "datasets": {"datasets", "models"},
    "labeling": {"labeling", "datasets", "models"},
    "training": {"training", "labeling", "datasets", "models"},
    "serving": {"serving", "models"},
}
FLOORS = ("run", "metrics", "data", "export", "fit", "calibrate", "judge", "ship")
"""Of training, each of which may import those before it."""
MOST_MODULES = 15


def name_of(file: Path) -> str:
    """The module that a file of a room is."""
    return ".".join(["regrade", *file.relative_to(PROJECT).with_suffix("").parts]).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    """All modules of all rooms, by name."""
    return {name_of(file): file for room in ROOMS for file in sorted((PROJECT / room).rglob("*.py"))}


@cache
def imports() -> dict[str, frozenset[str]]:
    """What each module imports of the project."""
    return {name: frozenset(_imported(file)) - {name} for name, file in modules().items()}


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("regrade"):
            assert node.level == 0, f"{file}: write the whole name"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & modules().keys()
            if names - modules().keys():
                yield node.module


def wings() -> tuple[str, ...]:
    """The wings of serving in their order, as its docstring has them."""
    text = (PROJECT / "serving" / "__init__.py").read_text(encoding="utf-8")
    return tuple(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))


def against(room: str, order: tuple[str, ...]) -> list[str]:
    """The imports within a room that go from an earlier part to a later one. What stands at the root is last."""
    place = {part: at for at, part in enumerate(order)}
    found = []
    for name, imported in imports().items():
        parts = name.split(".")
        if parts[1] != room or len(parts) < 3:
            continue
        for other in imported:
            theirs = other.split(".")
            if theirs[1] != room or len(theirs) < 3:
                continue
            if place.get(theirs[2], len(order)) > place.get(parts[2], len(order)):
                found.append(f"{name} -> {other}")
    return found


def test_rooms_import_only_the_rooms_they_may() -> None:
    for name, imported in imports().items():
        room = name.split(".")[1]
        assert {other.split(".")[1] for other in imported} <= MAY_IMPORT[room], name


def test_every_part_of_serving_is_a_wing_that_its_docstring_names() -> None:
    parts = {name.split(".")[2] for name in modules() if name.startswith("regrade.serving.")}
    assert parts == set(wings())


def test_a_wing_imports_only_the_wings_before_it() -> None:
    assert against("serving", wings()) == []


def test_a_floor_of_training_imports_only_the_floors_before_it() -> None:
    assert against("training", FLOORS) == []


def test_nothing_outside_the_demo_imports_it() -> None:
    users = [name for name, imported in imports().items() if any(".serving.demo" in other for other in imported)]
    assert all(".serving.demo" in name for name in users), users


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert list(circles()) == []


def circles() -> Iterator[list[str]]:
    """Modules that import each other: Tarjan's strongly connected components of more than one."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> Iterator[list[str]]:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in imports().get(name, ()):
            if other not in index:
                yield from visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(part) > 1:
                yield part

    for name in modules():
        if name not in index:
            yield from visit(name)


def folders() -> list[Path]:
    """Those that hold modules."""
    return sorted({file.parent for file in modules().values()})


def worked_in() -> list[Path]:
    """Folders that people must know: of steps of the schema only the last one is ever looked at."""
    return [folder for folder in folders() if folder.name != "versions"]


@pytest.mark.parametrize("folder", worked_in(), ids=lambda folder: folder.relative_to(PROJECT).as_posix())
def test_a_folder_can_be_known_by_heart(folder: Path) -> None:
    own = [file for file in folder.glob("*.py") if file.name != "__init__.py"]
    assert len(own) <= MOST_MODULES, f"{len(own)} modules: find the folder that is missing"


def test_every_wing_and_floor_says_what_it_is_for() -> None:
    for folder in folders():
        init = folder / "__init__.py"
        if init.exists() and "versions" not in folder.parts:
            assert ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))), f"{init}: say what it is for"
