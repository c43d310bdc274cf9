"""`regrade promise show`: what is promised, what that rests on, and what more looks would free."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from regrade.models.errors import PolicyError
from regrade.serving.cli.main import build_app
from regrade.serving.policy.load import DEFAULT_POLICY


def run(*words: str) -> Any:
    return CliRunner().invoke(build_app(), ["promise", "show", *words], env={"COLUMNS": "200"})


def test_every_category_says_what_it_rests_on() -> None:
    found = run()
    assert found.exit_code == 0
    for name in ("apparel", "electronics", "footwear", "packaging"):
        assert f"{name}, worth $" in found.output
    assert "Rests on 1782 looks at 553 items or photos" in found.output
    assert "mean loss an item" in found.output


def test_it_can_be_read_by_programs() -> None:
    (apparel,) = json.loads(run("--json", "-c", "apparel").output)
    assert (apparel["looks"], apparel["groups"], apparel["loss_limit"]) == (1782, 553, 0.85)
    assert apparel["promised"] is False
    assert 0.7 < apparel["share_by_loss_alone"] < 0.9


def test_another_policy_promises_otherwise(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    policy.write_text(text.replace("better_than_it_is: 0.01", "better_than_it_is: null"), encoding="utf-8")
    (apparel,) = json.loads(run("--json", "-c", "apparel", "--policy", str(policy)).output)
    assert apparel["promised"] is True
    assert apparel["loss"] < apparel["loss_bound"] <= apparel["loss_limit"]
    assert apparel["share"] == apparel["share_by_loss_alone"]
    policy.write_text(text.replace("kind: money", "kind: condition"), encoding="utf-8")
    (apparel,) = json.loads(run("--json", "-c", "apparel", "--policy", str(policy)).output)
    assert apparel["promised"] is None
    assert "condition" in apparel["words"]


@pytest.mark.parametrize(
    ("words", "message"),
    [(("-c", "toys"), "Legal values: apparel, electronics"), (("-v", "-3"), "number of 0 or more")],
)
def test_what_cannot_be_asked_is_told(words: tuple[str, ...], message: str) -> None:
    found = run(*words)
    assert isinstance(found.exception, PolicyError)
    assert message in str(found.exception)
