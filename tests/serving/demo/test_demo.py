import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from regrade.datasets.category import SHIPPED
from regrade.models.errors import RegradeError
from regrade.models.types import CONDITIONS
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.base.i18n import LANGUAGES, text
from regrade.serving.cli.main import build_app
from regrade.serving.demo.command import running, table_of
from regrade.serving.examples.items import PHOTOS, demo_items
from regrade.serving.grading.item import Item
from regrade.serving.planning.client import DemoRefusedError, post_inspection
from regrade.serving.policy.load import DEFAULT_POLICY

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("regrade")


def test_every_demo_item_is_one_that_the_api_takes() -> None:
    for one in demo_items():
        assert Item.model_validate(one.item).category in {"packaging", "electronics", "footwear", "apparel"}
        assert one.condition in CONDITIONS
        assert len(one.photos) >= 2


def test_rmas_are_unique() -> None:
    rmas = [one.item["rma"] for one in demo_items()]
    assert len(set(rmas)) == len(rmas)


def test_every_photo_is_there_and_of_a_demo_item_or_an_example_of_a_rubric() -> None:
    of_items = {path.name for one in demo_items() for path in one.photos}
    texts = "".join(path.read_text(encoding="utf-8") for path in SHIPPED.glob("*.yaml"))
    examples = set(re.findall(r"[\w-]+\.jpg", texts))
    assert of_items | examples == {path.name for path in PHOTOS.glob("*.jpg")}


def test_photos_are_small_enough_to_ship() -> None:
    sizes = [path.stat().st_size for path in PHOTOS.glob("*.jpg")]
    assert max(sizes) <= 150_000
    assert sum(sizes) <= 3_000_000


@pytest.mark.parametrize("path", sorted(PHOTOS.glob("*.jpg")), ids=lambda path: path.stem)
def test_photos_are_plain_jpegs_without_metadata(path: Path) -> None:
    with Image.open(path) as photo:
        assert photo.format == "JPEG"
        assert max(photo.size) == 1200
        assert not photo.getexif()


def test_once_prints_every_item_and_keeps_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    first = CliRunner().invoke(build_app(), ["demo", "--once", "--data-dir", str(tmp_path / "data")])
    assert first.exit_code == 0, first.output
    assert all(one.title in first.stdout for one in demo_items())
    stored = sorted((tmp_path / "data" / "photos").rglob("*"))
    again = CliRunner().invoke(build_app(), ["demo", "--once", "--data-dir", str(tmp_path / "data")])
    assert again.exit_code == 0, again.output
    assert sorted((tmp_path / "data" / "photos").rglob("*")) == stored


def test_weeks_write_a_history_that_is_told_to_be_simulated_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Any
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    asked = ["demo", "--once", "--weeks", "1", "--data-dir", str(tmp_path / "data")]
    first = CliRunner().invoke(build_app(), asked)
    assert first.exit_code == 0, first.output
    assert "1 week of a SIMULATED history" in first.stdout
    assert "none of it tells how good the models are" in first.stdout
    service = serve(tmp_path / "data", grader=None)
    client, browser = service.with_key(None), {"Accept": "text/html"}
    for path in ("/", "/station", "/desk/login", "/nowhere"):
        for lang in LANGUAGES:
            page = client.get(path, headers={**browser, "Accept-Language": lang}).text
            assert text("desk.simulated", lang) in page, path
    report = tmp_path / "replay.html"
    CliRunner().invoke(
        build_app(),
        ["replay", "--data-dir", str(tmp_path / "data"), "--policy", str(DEFAULT_POLICY), "--out", str(report)],
    )
    assert text("replay.simulated", "en") in report.read_text(encoding="utf-8")
    assert all(one.title in first.stdout for one in demo_items())
    with pytest.raises(RegradeError, match="has inspections already"):
        CliRunner().invoke(build_app(), asked, catch_exceptions=False)


def test_the_service_answers_until_it_is_left(tmp_path: Path) -> None:
    with running(tmp_path / "data") as service:
        assert httpx.get(f"{service.url}/healthz", trust_env=False).status_code == 200
        headers = {"Authorization": f"Bearer {service.admin_key}"}
        listed = httpx.get(f"{service.url}/v1/inspections", headers=headers, trust_env=False)
        assert listed.json()["items"] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.url}/healthz", trust_env=False)


def test_a_refused_item_says_what_the_service_answered(tmp_path: Path) -> None:
    one = demo_items()[0]
    with running(tmp_path / "data") as service, pytest.raises(DemoRefusedError, match=r"422.*colour"):
        post_inspection(service.host, service.port, service.station_key, one.item | {"colour": 1}, one.photos)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RegradeError, match=str(port)), running(tmp_path / "data", port):
            pass


def test_the_table_shows_an_item_that_must_be_taken_again() -> None:
    answer = {"grade": None, "disposition": None, "retake": [{"photo": 0, "issue": "blurry", "advice": ""}]}
    table = table_of(demo_items()[:1], [answer])
    assert "photo 0: blurry" in list(table.columns[-1].cells)


@pytest.mark.parametrize("action", ACTIONS)
def test_eighty_columns_hold_every_word_of_the_table(action: str) -> None:
    money = {"amount": 1206.8, "currency": "USD"}
    answer = {
        "grade": {"condition": "unopened", "confidence": 0.9999},
        "disposition": {"action": action, "expected_recovery": money},
        "review": {"required": True},
    }
    out = io.StringIO()
    Console(file=out, width=80).print(table_of(demo_items(), [answer] * len(demo_items())))
    for word in (*text(f"action.{action}", "en").split(), "unopened", ">99.9%", "$1,206.80", "disposition", "review"):
        assert word in out.getvalue()
    assert "…" not in out.getvalue()


def test_ctrl_c_ends_the_demo_and_its_temporary_data(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    # A background job of a shell ignores Ctrl-C and hands that down, as these tests may be one: begin anew.
    anew = [
        sys.executable,
        "-c",
        "import os, signal, sys; signal.signal(2, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
    ]
    process = subprocess.Popen(
        [*anew, COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        printed = ""
        while "Ctrl-C" not in printed and process.poll() is None:
            printed += process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", printed)
        assert url is not None, printed + process.stderr.read()
        assert httpx.get(f"{url[0]}/docs", trust_env=False).status_code == 200
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert list(tmp_path.glob("regrade-*")) == []
