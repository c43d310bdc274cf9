"""The servers that `peers.py` compares: `regrade serve` and those in `peers/`, each in processes of its own.

All are started, warmed and then suspended; only the one that is measured runs, so that none pays for a start and none
is disturbed by another's idling.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx
import psutil
from launched import Launched, free_port
from rig import PROJECT, Service, cores

PATH: Final = "/v1/inspections"
ENVIRONMENT: Final = PROJECT / ".venv-peers"
OURS: Final = "regrade"
OFFLINE: Final = {"BENTOML_DO_NOT_TRACK": "True", "YOLO_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Peer:
    """One server file in `peers/` with what is added to its environment."""

    file: str
    title: str
    environment: Mapping[str, str] = field(default_factory=dict)


PEERS: Final = {
    "fastapi_torch": Peer("fastapi_torch.py", "FastAPI + torch\neager FP32"),
    "fastapi_ort": Peer("fastapi_ort.py", "FastAPI + ORT\nINT8"),
    "litserve_ort": Peer("litserve_ort.py", "LitServe + ORT\nINT8"),
    "bentoml_ort": Peer("bentoml_ort.py", "BentoML + ORT\nINT8"),
    # Not asked for by default: what the same peer gains by having libjpeg decode at a smaller scale.
    "fastapi_ort_draft": Peer("fastapi_ort.py", "FastAPI + ORT INT8\nImage.draft", {"PEER_DRAFT": "1"}),
}
TITLES: Final = {OURS: "regrade serve\nINT8", **{name: peer.title for name, peer in PEERS.items()}}


class PeerServer(Launched):
    """A peer in its own session; ready once entered. `body` and `kind` are a request that a ready one answers."""

    LIMIT_S = 300
    PATIENCE_S = 60
    PAUSE_S = 0.2

    def __init__(self, name: str, category: str, body: bytes, kind: str) -> None:
        self.peer, self._category, self._body = PEERS[name], category, body
        self.headers: dict[str, str] = {}
        self._kind = kind

    def __enter__(self) -> Self:
        self._made = tempfile.TemporaryDirectory(prefix="regrade-peer-")
        self.log = Path(self._made.name) / "log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        own = {"OMP_NUM_THREADS": "1", "PEER_CATEGORY": self._category, "BENTOML_HOME": self._made.name}
        command: list[str | Path] = [
            ENVIRONMENT / "bin" / "python",
            self.peer.file,
            "--port",
            str(port),
            "--workers",
            str(cores()),
        ]
        self._launch(command, OFFLINE | own | dict(self.peer.environment), folder=PROJECT / "benchmarks" / "peers")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        resume(self)
        for what in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, what)
                self.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._made.cleanup()

    def _is_ready(self, client: httpx.Client) -> bool:
        answer = client.post(self.url + PATH, content=self._body, headers={"Content-Type": self._kind})
        return answer.is_success and set(answer.json()) == {"condition", "boxes"}


def server_of(name: str, category: str, body: bytes, kind: str, folder: Path | None) -> Launched:
    """The server called `name`, not yet started."""
    return Service(folder=folder) if name == OURS else PeerServer(name, category, body, kind)


def processes(server: Launched) -> list[psutil.Process]:
    """The server's main process and all below it."""
    try:
        main = psutil.Process(server.pid)
        return [main, *main.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def suspend(server: Launched) -> None:
    """Stop a server where it is, parents first, so that none takes its children for dead."""
    for process in processes(server):
        process.suspend()


def resume(server: Launched) -> None:
    """Let a server go on, children first."""
    for process in reversed(processes(server)):
        process.resume()


def cpu_of(server: Launched) -> dict[int, float]:
    """CPU seconds used so far, user and system, by process."""
    return {p.pid: sum(p.cpu_times()[:2]) for p in processes(server)}


def rss_mb(server: Launched) -> float:
    """Resident memory of all processes, in MiB; pages that they share count for each."""
    return sum(process.memory_info().rss for process in processes(server)) / 2**20


def set_up() -> None:
    """Make `.venv-peers`: what the peers need, on top of the environment that this runs in.

    Raises SystemExit where that lacks torch and ultralytics (`make install-dev` brings them).
    """
    import importlib.util
    import site
    import venv

    missing = [name for name in ("torch", "timm", "ultralytics", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"{', '.join(missing)} not installed here; run `make install-dev`, then this with .venv/bin/python"
        )
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    (packages,) = ENVIRONMENT.glob("lib/python*/site-packages")
    below = site.getsitepackages()[0]
    (packages / "project.pth").write_text(f"import site; site.addsitedir({below!r})\n", encoding="utf-8")
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "-r", str(PROJECT / "benchmarks" / "peers" / "requirements.txt")], check=True)
    # OpenVINO runs without it, and then surely tells nobody.
    subprocess.run([*pip, "uninstall", "--yes", "openvino-telemetry"], check=True)


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The versions of `packages` in `.venv-peers`."""
    code = "import sys, importlib.metadata as m\nfor name in sys.argv[1:]: print(name, m.version(name))"
    command = [str(ENVIRONMENT / "bin" / "python"), "-c", code, *packages]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def require_environment() -> None:
    """SystemExit with what to do where `.venv-peers` is not there."""
    if not (ENVIRONMENT / "bin" / "python").exists():
        raise SystemExit(
            f"There is no {ENVIRONMENT.name}: make it with `.venv/bin/python benchmarks/peers.py --setup`."
        )
