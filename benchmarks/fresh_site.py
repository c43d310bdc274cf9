"""From a clone to a graded photo over TLS, in containers, by the commands of docs/deploy.md: how long, and what holds?

    .venv/bin/python benchmarks/fresh_site.py                           # docker compose
    .venv/bin/python benchmarks/fresh_site.py --compose podman-compose --engine podman --only regrade caddy prometheus

It takes ports 80 and 443 and ends with everything removed. Images that cannot be pulled must be there by the names of
`compose.yaml`; what they were made of is for `--note` to say. Nothing is measured of downloading them.
"""

import json
import os
import shlex
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from rig import parser, write

PROJECT = Path(__file__).parents[1]
PHOTO = PROJECT / "serving" / "examples" / "photos" / "carton-torn-1.jpg"
SITE = "localhost"
READY_S = 120.0


class Site:
    """A clone of this project that containers are started from."""

    def __init__(self, folder: Path, compose: str, engine: str) -> None:
        self.folder, self.compose, self.engine = folder, shlex.split(compose), engine
        self.seconds: dict[str, float] = {}

    def step(self, name: str, *command: str) -> str:
        """Run a command in the clone, and note the seconds that it took; raises with what it said where it fails."""
        began = time.monotonic()
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=900, check=False)
        self.seconds[name] = round(time.monotonic() - began, 1)
        if done.returncode:
            raise SystemExit(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"[-3000:])
        return done.stdout + done.stderr

    def exec(self, service: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the container of a service."""
        name = next(one for one in self._names() if service in one)
        command = (self.engine, "exec", name, *command)
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=check)

    def logs(self, service: str) -> str:
        """What a service has printed so far."""
        name = next(one for one in self._names() if service in one)
        done = subprocess.run([self.engine, "logs", name], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout + done.stderr

    def _names(self) -> list[str]:
        command = [self.engine, "ps", "--format", "{{.Names}}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return [name for name in done.stdout.split() if name.startswith(self.folder.name)]


def measure(site: Site, only: list[str], build: list[str]) -> dict[str, Any]:
    """The seconds of each step of the page, and what was found in the containers."""
    site.step("clone", "git", "clone", "--quiet", str(PROJECT), ".")
    (site.folder / ".env").write_text(f"REGRADE_SITE={SITE}\nREGRADE_BACKUPS={site.folder}/backups\n", encoding="utf-8")
    key_file = site.folder / "deploy" / "prometheus" / "metrics.key"
    key_file.touch()
    site.step("build", *(build or [*site.compose, "build", "regrade"]))
    site.step("up", *site.compose, "up", "--detach", *only)
    began = time.monotonic()
    root = site.folder / "root.crt"
    kept = "/data/caddy/pki/authorities/local/root.crt"
    while (found := site.exec("caddy", "cat", kept, check=False)).returncode:
        wait(began, "Caddy's authority")
    root.write_text(found.stdout, encoding="utf-8")
    with httpx.Client(base_url=f"https://{SITE}", verify=str(root), timeout=30) as client:
        while not is_ready(client):
            wait(began, "the service")
        site.seconds["ready"] = round(time.monotonic() - began, 1)
        began, key = time.monotonic(), next(word for word in site.logs("regrade").split() if word.startswith("rg_"))
        answer = client.post(
            "/v1/inspections",
            headers={"Authorization": f"Bearer {key}"},
            data={"item": json.dumps({"rma": "RMA-1"})},
            files={"photos": PHOTO.read_bytes()},
        ).raise_for_status()
        site.seconds["graded"] = round(time.monotonic() - began, 1)
        made = site.exec("regrade", "regrade", "keys", "create", "--role", "station", "--name", "prometheus")
        key_file.write_text(made.stdout, encoding="utf-8")
        metrics = client.get("/metrics", headers={"Authorization": f"Bearer {made.stdout.strip()}"})
        backups = site.folder / "backups"
        backups.mkdir(mode=0o700)
        os.chown(backups, 10001, 10001)
        # Not every compose says how what it ran has ended: what counts is that it is there.
        subprocess.run([*site.compose, "run", "--rm", "backup"], cwd=site.folder, timeout=120, check=False)
        return {
            "grade": answer.json()["grade"]["name"],
            "seconds": site.seconds,
            "total_seconds": round(sum(site.seconds.values()), 1),
            "metrics_status": metrics.status_code,
            "backup_made": any((backups / "snapshots").glob("*")) if (backups / "snapshots").is_dir() else False,
            **holds(site),
        }


def holds(site: Site) -> dict[str, bool]:
    """What the service's container must not be able to do, and whether it is so."""
    status = site.exec("regrade", "grep", "CapEff", "/proc/1/status").stdout.split()
    return {
        "no_capabilities": int(status[1], 16) == 0,
        "not_root": site.exec("regrade", "id", "-u").stdout.strip() != "0",
        "root_read_only": site.exec("regrade", "touch", "/written", check=False).returncode != 0,
        "without_torch": site.exec("regrade", "python", "-c", "import torch", check=False).returncode != 0,
    }


def is_ready(client: httpx.Client) -> bool:
    """Whether the service answers over TLS that it can grade."""
    try:
        return client.get("/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def wait(began: float, what: str) -> None:
    """A moment, while something comes up; raises SystemExit when it has had long enough."""
    if time.monotonic() - began > READY_S:
        raise SystemExit(f"{what} did not come up within {READY_S:.0f} s.")
    time.sleep(0.3)


def main() -> None:
    """Play the page and write fresh_site.json."""
    arguments = parser(__doc__, service=False)
    arguments.add_argument("--compose", default="docker compose", help="the command that reads compose.yaml")
    arguments.add_argument("--engine", default="docker", help="the command that runs containers")
    arguments.add_argument("--only", nargs="*", default=[], help="services to start (default: all without a profile)")
    arguments.add_argument("--build", default="", help="a command that builds the image `regrade` instead of compose's")
    arguments.add_argument("--note", default="", help="what the reader must know of these images")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="regrade-site-") as folder:
        site = Site(Path(folder), options.compose, options.engine)
        try:
            result = measure(site, options.only, shlex.split(options.build))
        finally:
            subprocess.run([*site.compose, "down", "--volumes"], cwd=folder, capture_output=True, check=False)
    services = options.only or ["all"]
    print(write({"services": services, "note": options.note, **result}, "fresh_site", out=options.out))


if __name__ == "__main__":
    main()
