"""What can keep the service from starting: one line that says what to do, and nothing spent."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from regrade.serving.base.errors import DatabaseError, ListenError
from regrade.serving.base.settings import Settings
from regrade.serving.connections.listen import listen
from regrade.serving.storage.database import Database

pytestmark = pytest.mark.slow

REGRADE = Path(sys.executable).with_name("regrade")


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def test_a_port_that_is_taken_spends_no_key(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command: list[str | Path] = [
            Path(sys.executable).with_name("regrade"),
            "serve",
            "--port",
            port,
            "--data-dir",
            tmp_path / "data",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"Port {port} of 127.0.0.1 is already in use. Choose another with --port" in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert not (tmp_path / "data").exists()


def test_the_first_admin_key_stands_in_a_frame_below_the_start_and_only_once(tmp_path: Path) -> None:
    first, second = (start_and_end(tmp_path / "data") for _ in range(2))
    above, _, below = first.partition("regrade ready: ")
    assert "rg_" not in above
    assert below.count("First admin key, shown only now: rg_") == 1
    command = next(line for line in below.splitlines() if "keys create" in line).strip("| ")
    assert command.endswith(f"regrade keys create --role admin --data-dir {tmp_path / 'data'}")
    copied = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # whatever is on the path
    assert copied.stdout.startswith("rg_"), copied.stderr
    assert below.count("\n+--") == 2
    assert "rg_" not in second


def start_and_end(data_dir: Path) -> str:
    """All that a service prints, to a pipe, that is ended in good order once it is ready."""
    program = Path(sys.executable).with_name("regrade")
    command: list[str | Path] = [program, "serve", "--port", "0", "--data-dir", data_dir]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    printed: list[str] = []
    while process.poll() is None and "regrade ready: " not in "".join(printed[-1:]):
        printed.append(process.stdout.readline())
    process.terminate()
    printed.append(process.stdout.read())
    process.stdout.close()
    assert process.wait(60) == 0
    return "".join(printed)


def test_a_free_port_is_held_at_once() -> None:
    (held,) = listen(settings(port=0))
    with held, pytest.raises(ListenError, match="already in use"):
        listen(settings(port=held.getsockname()[1]))


def test_all_addresses_of_a_name_share_a_port() -> None:
    made = listen(settings(host="localhost", port=0))
    ports = {one.getsockname()[1] for one in made}
    for one in made:
        one.close()
    assert len(ports) == 1


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(ListenError, match=r"'no\.such\.host\.invalid' cannot be found.*--host"):
        listen(settings(host="no.such.host.invalid", port=0))


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "://",
        "nosuchkind://host/name",
        "postgresql+nosuchdriver://host/name",
        "postgresql+pg8000://u:secret@host/name",
        "sqlite:////no/such/folder/regrade.db",
        "sqlite:////proc/version",
    ],
)
def test_a_database_that_cannot_be_opened_is_an_error_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseError, match="REGRADE_DATABASE_URL") as caught:
        Database(url).migrate()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_database_is_one_line_and_not_a_traceback(tmp_path: Path) -> None:
    command: list[str | Path] = [
        Path(sys.executable).with_name("regrade"),
        "serve",
        "--port",
        "0",
        "--data-dir",
        tmp_path / "data",
    ]
    environment = {"REGRADE_DATABASE_URL": "nonsense"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
