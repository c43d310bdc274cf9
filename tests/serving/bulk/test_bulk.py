"""`regrade regrade`: each item has one row, however often the work is broken off; `replay` reads what came of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from regrade.serving.base.errors import BulkError, ReplayError
from regrade.serving.bulk.output import Made, Output, read_graded
from regrade.serving.bulk.work import Work, of_folder
from regrade.serving.cli.main import build_app
from regrade.serving.replay.regraded import regraded

MADE = Made({"kind": "folder", "at": "/photos"}, {"footwear": "1"}, "int8", "1")


def regrade(*words: object, fails: bool = False) -> str:
    """Runs the command; what it says."""
    result = CliRunner().invoke(build_app(), [str(one) for one in words])
    assert (result.exit_code != 0) is fails, result.output
    return str(result.exception) if fails else result.output


@pytest.fixture
def photos(tmp_path: Path, render_photo: Callable[..., bytes]) -> Path:
    """Six good photos in two folders, a text that is called a photo, and a cut off one."""
    folder = tmp_path / "photos"
    for number in range(6):
        file = folder / ("a" if number < 3 else "b") / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(render_photo(number))
    (folder / "a" / "text.jpg").write_text("no photo")
    (folder / "b" / "cut.jpg").write_bytes(render_photo(9)[:200])
    (folder / "notes.txt").write_text("of no interest")
    return folder


def ids(out: Path) -> tuple[Counter[str], Counter[str]]:
    """How often each item stands among what was graded, and among what could not be."""
    good = Counter(row["id"] for row in read_graded(out))
    bad = Counter(row["id"] for file in (out / "bad").iterdir() for row in parquet.read_table(file).to_pylist())
    return good, bad


@pytest.mark.slow
def test_names_that_are_not_utf_8_and_pipes_stop_nobody(tmp_path: Path, render_photo: Callable[..., bytes]) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/b\xffd.jpg")).write_bytes(render_photo(0))
    os.mkfifo(folder / "pipe.jpg")
    regrade("regrade", "--from", folder, "--out", out, "--data-dir", tmp_path / "data")
    assert ids(out) == (Counter(["b\\xffd.jpg"]), Counter(["pipe.jpg"]))


@pytest.mark.slow
def test_a_folder_is_graded_and_what_is_no_photo_stands_apart(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "8 items are in" in regrade("regrade", "--from", photos, "--out", out, "--data-dir", tmp_path / "data")
    good, bad = ids(out)
    assert good == Counter(f"{'a' if n < 3 else 'b'}/{n}.jpg" for n in range(6))
    assert bad == Counter(["a/text.jpg", "b/cut.jpg"])
    row = next(read_graded(out))
    assert row["bundle"] == json.loads(row["result"])["models"][row["category"]]
    assert sum(row[f"p_{name}"] for name in ("unopened", "opened", "used", "damaged")) == pytest.approx(1)
    # Again, there is nothing to do; with another source it is refused.
    assert "8 items" in regrade("regrade", "--from", photos, "--out", out, "--data-dir", tmp_path / "data")
    assert ids(out) == (good, bad)
    (tmp_path / "other").mkdir()
    said = regrade("regrade", "--from", tmp_path / "other", "--out", out, "--data-dir", tmp_path / "data", fails=True)
    assert f"begun with another source: at {photos}; now it is at {tmp_path / 'other'}." in said


def test_what_is_not_there_is_said(photos: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out", "--data-dir", tmp_path / "data")
    assert "There is no folder" in regrade("regrade", "--from", tmp_path / "nowhere", *out, fails=True)
    assert "There is no bundle '1999.1.1'" in regrade(
        "regrade", "--from", photos, "--bundle", "1999.1.1", *out, fails=True
    )
    assert "There is no database" in regrade("regrade", "--from", "store", *out, fails=True)
    for narrowed in ("--since", "--until", "--seller"):
        said = regrade("regrade", "--from", photos, narrowed, "2026-11-01", *out, fails=True)
        assert "Leave them out for a folder of photos" in said
    within = regrade("regrade", "--from", photos, "--out", photos / "out", *out[2:], fails=True)
    assert "Name a folder beside it" in within
    assert not (photos / "out").exists()


def test_nobody_goes_on_with_another_bundle_or_beside_another_process(tmp_path: Path) -> None:
    with Output(tmp_path) as output:
        output.begin(MADE, [Work("a", ("a",))])
        with pytest.raises(BulkError, match="Another process"), Output(tmp_path):
            pass
    other = Made(MADE.source, {"footwear": "2"}, "int8", "1")
    with (
        Output(tmp_path) as output,
        pytest.raises(BulkError, match="another bundles: footwear 1; now it is footwear 2"),
    ):
        output.begin(other, [])


def test_the_list_is_made_once_and_parts_are_whole(tmp_path: Path) -> None:
    items = [Work(str(number), ("x",)) for number in range(600)]
    with Output(tmp_path) as output:
        assert output.begin(MADE, items).items == 600
        assert [(number, len(some)) for number, some in output.left()] == [(0, 256), (1, 256), (2, 88)]
        output.write(1, [], [])
    (tmp_path / "graded" / "part-000000.parquet.tmp").write_bytes(b"half")
    with Output(tmp_path) as output:
        assert output.begin(MADE, items[:3]).items == 600
        assert [number for number, _ in output.left()] == [0, 2]
    with pytest.raises(BulkError, match="not finished"):
        next(read_graded(tmp_path))


def test_photos_are_found_in_the_order_of_their_paths(photos: Path) -> None:
    assert [one.id for one in of_folder(photos)][:5] == ["a/0.jpg", "a/1.jpg", "a/2.jpg", "a/text.jpg", "b/3.jpg"]


@pytest.mark.slow
def test_broken_off_again_and_again_each_photo_has_one_row(tmp_path: Path, render_photo: Callable[..., bytes]) -> None:
    folder, out, photo = tmp_path / "photos", tmp_path / "out", render_photo(0)
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:04}.jpg").write_bytes(photo)
    run = "from regrade.serving.cli.main import main; main()"
    words = ["regrade", "--from", str(folder), "--out", str(out), "--data-dir", str(tmp_path / "data"), "--part", "8"]
    parts = out / "graded"
    for how, wanted in ((signal.SIGKILL, 0), (signal.SIGINT, 1)):
        process = subprocess.Popen([sys.executable, "-c", run, *words], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while not (out / "manifest.json").exists() or len(list(parts.glob("*.parquet"))) < wanted:
            assert time.monotonic() < end
            time.sleep(0.02)
        os.kill(process.pid, how)
        assert process.wait(60) != 0
    subprocess.run([sys.executable, "-c", run, *words], check=True, capture_output=True)
    assert ids(out)[0] == Counter(f"{number:04}.jpg" for number in range(40))


@pytest.mark.slow
def test_replay_counts_what_another_bundle_would_have_changed(
    service: Any, render_photo: Callable[..., bytes], tmp_path: Path
) -> None:
    made = [service.post([render_photo(n), render_photo(n + 1)]).json() for n in range(3)]
    data, out = service.settings.data_dir, tmp_path / "out"
    regrade("regrade", "--from", "store", "--out", out, "--data-dir", data)
    rows = list(read_graded(out))
    assert [row["id"] for row in rows] == [one["id"] for one in made]
    assert [row["condition"] for row in rows] == [(one["grade"] or {}).get("condition") for one in made]
    counted = json.loads(regrade("replay", "--regraded", out, "--data-dir", data, "--json"))
    assert counted["items"]["graded"] + counted["items"]["not_graded"] == 3
    assert counted["total"]["changed"] == 0  # the same bundle and the same policy
    assert "only --policy goes with it" in regrade("replay", "--regraded", out, "--seller", "x", fails=True)


def test_rows_of_another_installation_are_refused() -> None:
    with pytest.raises(ReplayError, match="another installation"):
        list(regraded([], [{"id": "x", "result": "{}"}]))
