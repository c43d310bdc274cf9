"""`regrade report`: figures, and files of rows that are whole or not there."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from regrade.models.errors import RegradeError
from regrade.serving.cli.main import build_app


def report(*words: object) -> str:
    result = CliRunner().invoke(build_app(), ["report", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def site(service: Any, photo: bytes) -> Path:
    """The data directory of a service with two items."""
    for number in range(2):
        assert service.post([photo], {"rma": f"=R-{number}"}).status_code == 201
    return Path(service.settings.data_dir)


def test_figures_are_printed_and_rows_written(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    csv, page, table = out / "a.csv", out / "a.html", out / "a.parquet"
    said = report("--data-dir", site, "--csv", csv, "--html", page, "--parquet", table, "--columns", "rma,status")
    assert "Age of the queue" in said
    rows = csv.read_bytes().decode("utf-8-sig").splitlines()
    assert (rows[0], sorted(rows[1:])[0].split(",")[0], len(rows)) == ("rma,status", "'=R-0", 3)
    assert "<svg" in page.read_text(encoding="utf-8")
    assert table.read_bytes().startswith(b"PAR1")
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "a.html", "a.parquet"]


def test_what_is_no_file_is_written_into_and_stays_what_it_is(site: Path, tmp_path: Path) -> None:
    pipe, link, file = tmp_path / "pipe", tmp_path / "link.csv", tmp_path / "real.csv"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    report("--data-dir", site, "--csv", pipe)
    reader.join(30)
    assert got[0].count(b"\r\n") == 3
    assert pipe.is_fifo()
    file.write_bytes(b"before")
    link.symlink_to(file)
    report("--data-dir", site, "--csv", link)
    assert link.is_symlink()
    assert file.read_bytes() == got[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--csv", "no/such/folder/a.csv"], "Cannot write"),
        (["--csv", "a", "--parquet", "./a"], "Each file needs a name of its own"),
        (["--since", "yesterday"], "since"),
        (["--columns", "rma,secret"], "columns"),
        (["--lang", "fr"], "There are no texts in 'fr'"),
    ],
)
def test_what_cannot_be_done_says_why(site: Path, words: list[str], said: str) -> None:
    with pytest.raises(RegradeError, match=said):
        report("--data-dir", site, *words)


def test_a_target_that_no_date_reaches_is_refused(site: Path) -> None:
    assert CliRunner().invoke(build_app(), ["report", "--data-dir", str(site), "--target", "1e9"]).exit_code == 2
