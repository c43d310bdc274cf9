"""End-to-end time of one item of four 12-megapixel photos, start-up time and memory, through the real service.

    .venv/bin/python benchmarks/item_latency.py            # writes benchmarks/results/item_latency.json

The service runs as its users run it, in its own process, with durable storage; this script is the only client and
sends one item at a time. Photos are rendered (textured ground, a carton, sensor noise) and weigh what a phone's do.
"""

import argparse
import io
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).parent


def photo_of(seed: int, width: int = 4032, height: int = 3024) -> bytes:
    """A JPEG of about 4 MB at 12 megapixels."""
    rng = np.random.default_rng(seed)
    ground = Image.fromarray(rng.integers(90, 170, (height // 24, width // 24, 3), dtype=np.uint8))
    image = ground.resize((width, height), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))
    draw = ImageDraw.Draw(image)
    draw.rectangle(
        (width // 6, height // 6, width * 5 // 6, height * 5 // 6), fill=(176, 132, 86), outline=(90, 60, 30)
    )
    draw.rectangle((width // 6, height // 2 - 80, width * 5 // 6, height // 2 + 80), fill=(205, 180, 140))
    pixels = np.asarray(image, dtype=np.int16) + rng.normal(0, 5, (height, width, 1)).astype(np.int16)
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_ready(url: str, process: subprocess.Popen[bytes], limit_s: float = 60) -> None:
    """Until the service says it is ready; raises if it ends or takes longer than `limit_s`."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{url}/v2/health/ready", timeout=1).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.01)
    raise RuntimeError("the service did not become ready")


def measure(items: int) -> dict[str, Any]:
    """Start the service, post `items` items one after the other, and stop it."""
    photos = [photo_of(seed) for seed in range(8)]
    regrade = str(Path(sys.executable).with_name("regrade"))
    with tempfile.TemporaryDirectory() as data:
        key = subprocess.run(
            [regrade, "keys", "create", "--data-dir", data, "--role", "admin"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        started = time.monotonic()
        process = subprocess.Popen(
            [regrade, "serve", "--port", str(port), "--data-dir", data],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_ready(url, process)
            ready_s = time.monotonic() - started
            times, server, peak = [], [], 0
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
                for n in range(items + 2):
                    files = [("photos", (f"{i}.jpg", photos[(n + i) % 8], "image/jpeg")) for i in range(4)]
                    item = json.dumps({"rma": f"BENCH-{n}", "category": "packaging"})
                    before = time.perf_counter()
                    answer = client.post("/v1/inspections", files=files, data={"item": item})
                    elapsed = (time.perf_counter() - before) * 1000
                    if answer.status_code != 201:
                        raise RuntimeError(f"{answer.status_code}: {answer.text[:300]}")
                    peak = max(peak, psutil.Process(process.pid).memory_info().rss)
                    if n >= 2:
                        times.append(elapsed)
                        server.append(answer.json()["timings_ms"]["total"])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    return {
        "photos_per_item": 4,
        "megapixels": 12.2,
        "mean_photo_mb": round(float(np.mean([len(p) for p in photos])) / 2**20, 2),
        "items": items,
        "end_to_end_ms": percentiles(times),
        "server_total_ms": percentiles(server),
        "start_to_ready_s": round(ready_s, 2),
        "peak_resident_mb": round(peak / 2**20, 1),
    }


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95 and maximum."""
    p50, p95 = np.percentile(values, (50, 95))
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1), "max": round(max(values), 1)}


def machine() -> dict[str, Any]:
    """What it ran on."""
    import onnxruntime
    import PIL

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    return {
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "pillow": PIL.__version__,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=30)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "item_latency.json")
    options = parser.parse_args()
    result = {"date": date.today().isoformat(), "machine": machine(), **measure(options.items)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
