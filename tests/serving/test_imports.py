"""Serving needs no training library: it grades an item while none of them can be imported."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import asyncio, json, sys
from pathlib import Path

BLOCKED = ("torch", "torchvision", "sklearn", "ultralytics", "albumentations", "timm", "scipy", "matplotlib")

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)
        return None

sys.meta_path.insert(0, Blocker())

from regrade.serving.http.app import create_app
from regrade.serving.base.settings import Settings

photo = Path(sys.argv[2]).read_bytes()
tokens = []
app = create_app(Settings(_env_file=None, data_dir=sys.argv[1]), announce=tokens.append)

async def call(method, path, headers=(), body=b""):
    sent, given = [], [{"type": "http.request", "body": body}]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": list(headers),
        "client": ("test", 1), "server": ("test", 80),
    }
    async def receive():
        return given.pop() if given else await asyncio.Event().wait()  # the client waits for its answer
    async def send(message):
        sent.append(message)
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)

async def main():
    async with app.router.lifespan_context(app):
        while (await call("GET", "/v2/health/ready"))[0] != 200:
            assert app.state.runtime.failure is None, app.state.runtime.failure
            await asyncio.sleep(0.05)
        part = b'--b\\r\\nContent-Disposition: form-data; name="%s"\\r\\n\\r\\n%s\\r\\n'
        body = part % (b"item", b'{"rma": "1"}') + part % (b"photos", photo) + b"--b--\\r\\n"
        headers = [(b"authorization", f"Bearer {tokens[0]}".encode()),
                   (b"content-type", b"multipart/form-data; boundary=b")]
        status, answer = await call("POST", "/v1/inspections", headers, body)
        assert status == 201, answer
        assert json.loads(answer)["grade"]["condition"]

asyncio.run(main())
loaded = sorted(name for name in BLOCKED if name in sys.modules)
assert not loaded, loaded
rooms = ("regrade.training", "regrade.datasets", "regrade.labeling")
assert not [name for name in sys.modules if name.startswith(rooms)]
sys.stdout.write("graded")
"""


def test_an_item_is_graded_where_no_training_library_exists(tmp_path: Path, photo: bytes) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo)
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path / "data"), str(tmp_path / "photo.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "graded", done.stderr
