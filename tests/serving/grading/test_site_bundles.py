"""What grades is state of the site: each service has its own, and the installed code is only read."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from regrade.models.registry import changes as registry
from regrade.models.registry.activations import LOG_NAME, Activation
from regrade.models.registry.bundle import active_version, shipped_root
from regrade.models.registry.files import point
from regrade.serving.access.keys import KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.installation.data_dir import open_database

pytestmark = pytest.mark.slow

NEW = "2099.1.1"
OLD = "2026.11.1"
"""A version of packaging that is shipped, and not the default."""
PACKAGING = {"rma": "1", "category": "packaging"}
PROJECT = Path(__file__).parents[3]


def packaging(client: httpx.Client) -> dict[str, Any]:
    """What `GET /v1/models` says of packaging."""
    (found,) = [one for one in client.get("/v1/models").json()["categories"] if one["category"] == "packaging"]
    return dict(found)


def activate(client: httpx.Client, version: str) -> httpx.Response:
    return client.post("/v1/models/packaging/activate", json={"version": version, "reason": "a test"})


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of everything under `folder`."""
    found = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in found}


def test_an_activation_leaves_the_installed_code_as_it_is(service: Any) -> None:
    before = snapshot(shipped_root().parent)
    assert activate(service.client, OLD).json()["active"] == OLD
    assert snapshot(shipped_root().parent) == before
    assert active_version(service.settings.data_dir / "bundles", "packaging") == OLD


def test_the_list_tells_a_choice_from_a_default(service: Any) -> None:
    default = active_version(shipped_root(), "packaging")
    before = packaging(service.client)
    assert (before["active"], before["chosen"], before["default"]) == (default, False, default)
    assert {one["origin"] for one in before["versions"]} == {"release"}
    activate(service.client, OLD)
    after = packaging(service.client)
    assert (after["active"], after["chosen"], after["default"]) == (OLD, True, default)
    assert {one["origin"] for one in after["versions"] if one["version"] in (OLD, default)} == {"site"}


def test_a_choice_outlasts_an_upgrade_that_no_longer_has_it(serve: Any, two_versions: Path, photo: bytes) -> None:
    first = serve(grader=None, bundles_dir=two_versions)
    activate(first.client, NEW)
    first.stop()
    shutil.rmtree(two_versions / "packaging" / NEW)
    second = serve(grader=None, data_dir=first.settings.data_dir, bundles_dir=two_versions)
    assert second.post([photo], PACKAGING).json()["models"] == {"packaging": NEW}
    assert packaging(second.client)["chosen"]


def test_a_default_follows_an_upgrade_which_log_list_and_history_tell(
    serve: Any, two_versions: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old = active_version(two_versions, "packaging")
    first = serve(grader=None, bundles_dir=two_versions)
    first.stop()
    point(two_versions, "packaging", NEW, before=old)
    second = serve(grader=None, data_dir=first.settings.data_dir, bundles_dir=two_versions)
    told = packaging(second.client)
    assert (told["active"], told["chosen"], told["default"]) == (NEW, False, NEW)
    assert f"packaging is graded with {NEW} from now on, before {old}" in capfd.readouterr().err
    assert [(one.before, one.after) for one in registry.history(second.settings.bundle_store)] == [(old, NEW)]


def test_of_two_bundles_with_one_name_neither_is_activated(serve: Any, two_versions: Path, tmp_path: Path) -> None:
    own = tmp_path / "data" / "bundles" / "packaging" / NEW
    shutil.copytree(two_versions / "packaging" / NEW, own)
    (own / "manifest.json").write_text((own / "manifest.json").read_text() + " ")
    service = serve(data_dir=tmp_path / "data", bundles_dir=two_versions)
    answer = activate(service.client, NEW)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:regrade:problem:bundle-spoilt")
    assert f"Two different bundles are called packaging/{NEW}" in answer.json()["detail"]
    assert not packaging(service.client)["chosen"]


# From here on with processes of their own, on a copy of the installed code.

AS_NOBODY_SPECIAL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: with them root writes where nobody may
    if os.getuid() == 0:
        assert libc.prctl(24, capability, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Runs Python without root's way past permissions, which a service has in no real installation."""
COMMAND = "from regrade.serving.cli.main import main; main()"


@dataclass(frozen=True)
class Installation:
    """A copy of the package, as `pip install` makes one; only the models are copied, the rest is linked."""

    folder: Path

    @property
    def bundles(self) -> Path:
        return self.folder / "regrade" / "models" / "bundles"

    def environment(self, **more: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("REGRADE_")}
        return clean | {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"} | more

    def run(self, *arguments: object, status: int = 0) -> str:
        """What `regrade …` prints, errors included."""
        command = [sys.executable, "-c", AS_NOBODY_SPECIAL, "-c", COMMAND, *(str(one) for one in arguments)]
        done = subprocess.run(
            command, env=self.environment(), cwd=self.folder.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def serve(self, data_dir: Path) -> Iterator[tuple[httpx.Client, "subprocess.Popen[bytes]"]]:
        """The service on `data_dir`, ready, with an admin's client."""
        database = open_database(Settings(_env_file=None, data_dir=data_dir))
        key, _ = KeyStore(database).create("admin", "test")
        database.close()
        log = data_dir.with_suffix(".log")
        command = [sys.executable, "-c", AS_NOBODY_SPECIAL, "-c", COMMAND, "serve", "--port", "0"]
        with ExitStack() as stack:
            output = stack.enter_context(log.open("wb"))
            process = subprocess.Popen(
                [*command, "--data-dir", str(data_dir)],
                env=self.environment(),
                cwd=self.folder.parent,
                stdout=output,
                stderr=output,
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
            url = _ready(process, log)
            headers = {"Authorization": f"Bearer {key}"}
            yield (
                stack.enter_context(httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)),
                process,
            )


def _ready(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + 60  # a start takes two seconds, on a busy machine many more
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        if found := re.search(r"listening on (http://\S+)", log.read_text()):
            with suppress(httpx.TransportError):
                if httpx.get(f"{found[1]}/v2/health/ready", trust_env=False).status_code == 200:
                    return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """A copy of the package that nobody may write to."""
    made = Installation(tmp_path / "site-packages")
    package = made.folder / "regrade"
    package.mkdir(parents=True)
    shutil.copytree(PROJECT / "models", package / "models", ignore=shutil.ignore_patterns("__pycache__", LOG_NAME))
    for room in ("datasets", "labeling", "serving", "training"):
        (package / room).symlink_to(PROJECT / room)
    _permit(made.folder, write=False)
    yield made
    _permit(made.folder, write=True)


def _permit(folder: Path, *, write: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if write else mode & ~0o222)


def test_two_services_on_one_installation_that_nobody_may_write_to(
    installation: Installation, tmp_path: Path, photo: bytes
) -> None:
    before = snapshot(installation.folder)
    default = active_version(installation.bundles, "packaging")
    one, other = tmp_path / "one", tmp_path / "other"
    item = {"photos": photo}, {"item": json.dumps(PACKAGING)}
    with installation.serve(one) as (first, process), installation.serve(other) as (second, _):
        assert activate(first, OLD).status_code == 200
        graded = [c.post("/v1/inspections", files=item[0], data=item[1]).json()["models"] for c in (first, second)]
        assert graded == [{"packaging": OLD}, {"packaging": default}]
        assert "is active" in installation.run("models", "rollback", "packaging", "--data-dir", one)
        process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while packaging(first)["active"] != default:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not packaging(second)["chosen"]
    assert "No change is logged" in installation.run("models", "history", "--data-dir", other)
    assert snapshot(installation.folder) == before


def test_the_installation_of_these_tests_cannot_be_written(installation: Installation) -> None:
    script = f"open({str(installation.bundles / 'packaging' / 'ACTIVE')!r}, 'w')"
    command = [sys.executable, "-c", AS_NOBODY_SPECIAL, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "PermissionError" in done.stderr


def test_what_an_older_release_wrote_into_its_own_folder_still_grades(
    installation: Installation, tmp_path: Path
) -> None:
    default = active_version(installation.bundles, "packaging")
    _permit(installation.folder, write=True)
    point(installation.bundles, "packaging", OLD, before=default)
    change = Activation.now("packaging", default, OLD, "ann", "fewer false tears")
    (installation.bundles / LOG_NAME).write_text(change.to_line() + "\n")
    _permit(installation.folder, write=False)
    with installation.serve(tmp_path / "data") as (client, _):
        assert (packaging(client)["active"], packaging(client)["chosen"]) == (OLD, True)
    assert f"packaging {OLD} stays active, as it was chosen" in (tmp_path / "data.log").read_text()
    _permit(installation.folder, write=True)
    shutil.rmtree(installation.bundles / "packaging" / OLD)  # the next release, which has it no more
    point(installation.bundles, "packaging", default, before=None)
    assert "fewer false tears" in installation.run("models", "history", "--json", "--data-dir", tmp_path / "data")
    with installation.serve(tmp_path / "data") as (client, _):
        assert packaging(client)["active"] == OLD


def test_a_service_whose_choice_is_gone_does_not_start_and_says_how_to_choose(
    installation: Installation, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    installation.run("models", "activate", "packaging", OLD, "--data-dir", data)
    shutil.rmtree(data / "bundles" / "packaging" / OLD)
    _permit(installation.folder, write=True)
    shutil.rmtree(installation.bundles / "packaging" / OLD)
    said = installation.run("serve", "--port", "0", "--data-dir", data, status=2)
    assert f"This site chose packaging {OLD}, which is nowhere" in said
    assert "regrade models reset packaging" in said
