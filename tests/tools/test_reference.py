"""The reference pages are what the code is."""

from pathlib import Path

import pytest

from regrade.serving.base.settings import Settings
from tools.reference.pages import PAGES

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_reference_pages_are_up_to_date(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert (PROJECT / name).read_text(encoding="utf-8") == PAGES[name](), f"{name} is stale: run `make docs`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_does_and_every_time_and_size_has_a_unit(name: str) -> None:
    row = next(line for line in PAGES["docs/settings.md"]().splitlines() if line.startswith(f"| `{name}` |"))
    variable, _, _, unit, said, _ = row.removesuffix(" |").split(" | ")[1:]
    assert variable == f"`REGRADE_{name.upper()}`"
    assert said.endswith(".")
    if name.endswith(("bytes", "timeout", "seconds", "minutes", "deadline", "delay", "window")):
        assert unit != "–"


def test_pages_name_no_path_of_the_machine_that_wrote_them() -> None:
    for name in PAGES:
        text = (PROJECT / name).read_text(encoding="utf-8")
        assert str(PROJECT) not in text
        assert str(Path.home()) not in text
