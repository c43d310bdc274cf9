import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from regrade.datasets import cli
from regrade.models.errors import DatasetError

MakeRow = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    cli.register(app)
    return app


def test_check_of_a_right_one_exits_with_0(app: typer.Typer, make_row: MakeRow, write_manifest: Write) -> None:
    result = CliRunner().invoke(app, ["data", "check", str(write_manifest(make_row("a", size=(240, 200))))])
    assert result.exit_code == 0
    assert "1 photos, 0 errors, 0 warnings" in result.output


def test_check_with_errors_exits_with_1(app: typer.Typer, make_row: MakeRow, write_manifest: Write) -> None:
    folder = write_manifest(make_row("a", file="images/gone.jpg"))
    result = CliRunner().invoke(app, ["data", "check", str(folder)])
    assert result.exit_code == 1
    assert "missing_file" in result.output


def test_check_as_json_is_json_alone(app: typer.Typer, make_row: MakeRow, write_manifest: Write) -> None:
    folder = write_manifest(make_row("a", sha256="0" * 64))
    result = CliRunner().invoke(app, ["data", "check", "--json", str(folder)])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["errors"]) == (1, 1)
    assert report["findings"][0]["check"] == "wrong_hash"


def test_check_can_trust_the_hashes(app: typer.Typer, make_row: MakeRow, write_manifest: Write) -> None:
    folder = write_manifest(make_row("a", sha256="0" * 64))
    result = CliRunner().invoke(app, ["data", "check", "--no-hashes", str(folder)])
    assert result.exit_code == 0


def test_check_takes_categories_of_ones_own(
    app: typer.Typer, make_row: MakeRow, write_manifest: Write, tmp_path: Path
) -> None:
    folder = write_manifest(make_row("a"))
    result = CliRunner().invoke(app, ["data", "check", str(folder), "--categories", str(tmp_path)])
    assert isinstance(result.exception, DatasetError)
    assert "holds no category" in str(result.exception)


def test_summary_draws_a_bar_for_each_condition(app: typer.Typer, make_row: MakeRow, write_manifest: Write) -> None:
    rows = [make_row("a"), make_row("b"), make_row("c", condition="used", split="test")]
    output = CliRunner().invoke(app, ["data", "summary", str(write_manifest(*rows))]).output
    bars = {line.split()[0]: line.count("█") for line in output.splitlines() if line}
    assert "packaging  3 photos" in output
    assert bars["damaged"] == 2 * bars["used"] > 0
    assert bars["opened"] == 0


def test_summary_as_json_counts_cells(app: typer.Typer, make_row: MakeRow, write_manifest: Write) -> None:
    rows = [make_row("a"), make_row("b"), make_row("c", condition=None, votes=[], split="test")]
    result = CliRunner().invoke(app, ["data", "summary", "--json", str(write_manifest(*rows))])
    cell = {"category": "packaging", "source": "test"}
    assert json.loads(result.stdout) == [
        cell | {"condition": "damaged", "split": "train", "photos": 2},
        cell | {"condition": "undecided", "split": "test", "photos": 1},
    ]


def test_no_bench_at_hand_says_what_to_do(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrade.datasets.manifest.find_bench", lambda: None)
    result = CliRunner().invoke(app, ["data", "summary"])
    assert isinstance(result.exception, DatasetError)
    assert "set REGRADE_BENCH" in str(result.exception)


def test_what_is_exported_is_imported_again(
    app: typer.Typer, make_row: MakeRow, write_manifest: Write, tmp_path: Path
) -> None:
    rows = [make_row("a"), make_row("b", split="test"), make_row("c", category="apparel", defects=[])]
    folder, out, back = write_manifest(*rows), tmp_path / "out", tmp_path / "back"
    words = ["data", "export", "coco", "--data", str(folder), "--category", "packaging", "--out", str(out)]
    result = CliRunner().invoke(app, words)
    assert "wrote 2 photos" in result.output
    result = CliRunner().invoke(app, ["data", "import", "coco", str(out), "--out", str(back)])
    assert result.exit_code == 0
    assert "packaging  2 photos" in result.output
    assert CliRunner().invoke(app, ["data", "check", str(back)]).exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "voc", ".", "--out", "x"], "unknown format 'voc'; there are: imagefolder, coco, yolo"),
        (["import", "coco", ".", "--out", "x", "--rename", "rip"], "--rename rip: write THEIRS=OURS"),
        (["import", "coco", ".", "--out", "x", "--group-by", "day"], "--group-by: unknown value 'day'"),
        (["import", "coco", ".", "--out", "x", "--split", "1/2"], "such as 70/15/15"),
        (["export", "coco", "--data", "DATA", "--out", "x", "--split", "dev"], "'dev'; legal values: train"),
        (["export", "coco", "--data", "DATA", "--out", "DATA"], "exists already"),
    ],
)
def test_a_wrong_option_is_refused_with_the_right_ones(
    words: list[str], message: str, app: typer.Typer, make_row: MakeRow, write_manifest: Write
) -> None:
    folder = str(write_manifest(make_row("a")))
    result = CliRunner().invoke(app, ["data", *(folder if word == "DATA" else word for word in words)])
    assert isinstance(result.exception, DatasetError)
    assert message in str(result.exception)
