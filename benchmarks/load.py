"""Load on an HTTP server, from client processes of their own that cost little CPU themselves.

    load = saturate(url, "/v1/inspections", headers, bodies, in_flight=6, seconds=60)

Each client is one process that runs `load_client.py`: HTTP/1.1 with keep-alive, ready bytes out of shared memory,
and of an answer only what `Answer` tells. Open-loop latency counts from the moment for which a request was scheduled,
so that a server that stalls cannot hide it by holding up the client (no coordinated omission). Nothing is sent twice:
a refusal is an answer with its status, and a lost connection one with status 0.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from load_client import RECORD

CLIENT: Final = Path(__file__).with_name("load_client.py")
START_S: Final = 0.2
"""From all clients being ready to the first request."""


class Answer(NamedTuple):
    """One request. Times are seconds of `time.monotonic()`, which all processes of a machine share.

    `status` is 0 where no whole answer came: no connection, a lost one, or none within the client's patience.
    `retry_after` is in seconds, -1 where the header is absent. `body` is the index of the body that was sent and
    `stamp` the number that was put into it (0 if it has no room for one).
    """

    scheduled: float
    sent: float
    ended: float
    status: int
    retry_after: float
    body: int = -1
    stamp: int = 0

    @property
    def latency(self) -> float:
        """Seconds from the scheduled moment to the last byte of the answer."""
        return self.ended - self.scheduled


Watch = Callable[[float, list[Answer]], None]


@dataclass(frozen=True)
class Load:
    """What a load brought: the answers by their scheduled moment, when it began and ended (`time.monotonic()`), and
    the CPU seconds that the clients used meanwhile (getrusage, user and system)."""

    answers: list[Answer]
    began: float
    ended: float
    client_cpu_s: float


def poisson(per_s: float, seconds: float, seed: int = 0) -> list[float]:
    """Moments of a Poisson process, in seconds from its beginning."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(per_s * seconds)
    moments: list[float] = np.sort(rng.uniform(0, seconds, count)).tolist()
    return moments


def replay(
    url: str,
    path: str,
    headers: Mapping[str, str],
    bodies: Sequence[bytes],
    moments: Sequence[float],
    order: Sequence[int],
    clients: int = 2,
    patience_s: float = 60.0,
    watch: Watch | None = None,
) -> Load:
    """POST body `order[i]` at `moments[i]` seconds from the beginning, for every i; `moments` ascend.

    `watch` is called about once a second, and in the end, with the moment at which the load began and the answers that
    came since.
    """
    plans = [{"moments": list(moments[one::clients]), "order": list(order[one::clients])} for one in range(clients)]
    return _run(url, path, headers, bodies, plans, patience_s, watch)


def saturate(
    url: str,
    path: str,
    headers: Mapping[str, str],
    bodies: Sequence[bytes],
    in_flight: int,
    seconds: float,
    clients: int = 1,
    patience_s: float = 60.0,
) -> Load:
    """Keep `in_flight` requests under way for `seconds`: each answer is followed by the next request.

    What is under way at the end is waited for. `scheduled` is the moment of sending. After an answer that is no
    success, the one who got it pauses for a tenth of a second, so that refusals do not become a flood.
    """
    shares = [in_flight // clients + (one < in_flight % clients) for one in range(clients)]
    plans = [{"in_flight": share, "seconds": seconds, "first": one} for one, share in enumerate(shares) if share]
    return _run(url, path, headers, bodies, plans, patience_s, None)


def _run(
    url: str,
    path: str,
    headers: Mapping[str, str],
    bodies: Sequence[bytes],
    plans: Sequence[Mapping[str, Any]],
    patience_s: float,
    watch: Watch | None,
) -> Load:
    if not bodies:
        raise ValueError("there must be at least one body to send")
    target = urlsplit(url)
    # Bodies go to the clients as one file in memory where there is such a thing: nothing is copied per client.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        ends = []
        with (folder / "bodies").open("wb") as file:
            for body in bodies:
                file.write(body)
                ends.append(file.tell())
        running = []
        # A number of microseconds differs from that of any run before, for which the clients would be too slow.
        stamp = time.time_ns() // 1000
        try:
            for number, plan in enumerate(plans):
                spec = {
                    "host": target.hostname,
                    "port": target.port or 80,
                    "path": path,
                    "headers": dict(headers),
                    "bodies": str(folder / "bodies"),
                    "ends": ends,
                    "answers": str(folder / f"answers{number}"),
                    "patience_s": patience_s,
                    "stamp": stamp + number,
                    "stamp_step": len(plans),
                    "plan": dict(plan),
                }
                written = folder / f"client{number}.json"
                written.write_text(json.dumps(spec))
                running.append(
                    subprocess.Popen(
                        [sys.executable, str(CLIENT), str(written)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        text=True,
                        start_new_session=True,
                    )
                )
            return _follow(running, folder, watch)
        finally:
            for client in running:
                client.kill()
                client.communicate()


def _follow(running: "list[subprocess.Popen[str]]", folder: Path, watch: Watch | None) -> Load:
    for client in running:
        if _line(client) != "ready":
            raise RuntimeError("a load client did not start")
    began = time.monotonic() + START_S
    for client in running:
        assert client.stdin is not None
        client.stdin.write(f"{began!r}\n")
        client.stdin.flush()
    files = [folder / f"answers{number}" for number in range(len(running))]
    read = [0] * len(files)
    answers: list[Answer] = []
    try:
        while watch is not None and any(client.poll() is None for client in running):
            time.sleep(1)
            fresh = _fresh(files, read)
            answers += fresh
            watch(began, fresh)
        cpu = sum(_end(client) for client in running)
    finally:  # also of an interrupted load
        ended = time.monotonic()
        fresh = _fresh(files, read)
        answers += fresh
        if watch is not None:
            watch(began, fresh)
    return Load(sorted(answers), began, ended, cpu)


def _end(client: "subprocess.Popen[str]") -> float:
    """Wait for a client to end; its CPU seconds."""
    last = _line(client)
    if client.wait(60) != 0:
        raise RuntimeError("a load client failed; what it said stands above")
    return float(last)


def _line(client: "subprocess.Popen[str]") -> str:
    assert client.stdout is not None
    return client.stdout.readline().strip()


def _fresh(files: Sequence[Path], read: list[int]) -> list[Answer]:
    """The whole records that were added to `files` since `read`, which is brought up to date."""
    found = []
    for number, path in enumerate(files):
        with path.open("rb") as file:
            file.seek(read[number])
            data = file.read()
        whole = len(data) - len(data) % RECORD.size
        read[number] += whole
        found += [Answer(*fields) for fields in RECORD.iter_unpack(data[:whole])]
    return found
