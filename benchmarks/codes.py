"""Codes in photos: what looking for them costs, how many labels are read, and whether a swapped serial number is told.

    python benchmarks/codes.py --photos FOLDER [--count 200] [--labels 3]

Three parts. The cost, on photos of goods that show no label for us: each photo's way through decoding and networks,
with and without codes, in turns, so that what else the machine does strikes both; and the worst patterns that could be
found. The read rate: labels that are drawn here, laid on a photo under perspective, blur, noise and scale; OpenCV's
detectors beside it. The swap: serial numbers of other copies on the same photos; of those that are read, all must be
told. Writes `results/codes.json`.
"""

import argparse
import io
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from PIL import Image

from regrade.models.codes.identity import ExpectedCodes
from regrade.models.codes.reader import SECONDS, read_codes
from regrade.models.codes.reader_main import _read
from regrade.models.grader import Grader
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.models.types import Photo
from regrade.serving.identity.compare import identify
from regrade.serving.identity.look import look_for_codes
from regrade.serving.identity.papers import NO_PAPERS

RESULTS: Final = Path(__file__).parent / "results" / "codes.json"
KINDS: Final = ("EAN13", "UPCA", "Code128", "QRCode", "DataMatrix")
SHARES: Final = (0.5, 0.25, 0.12)
"""Of the photo's width that the label takes."""
HARM: Final = ("plain", "tilted", "blurred", "noisy")
CAMERA: Final = (3264, 2448)
EXPECTED: Final = ExpectedCodes(("04006381333931",), ("C02ZZ9QWJG5J",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--labels", type=int, default=3)
    parser.add_argument("--parts", nargs="*", choices=("cost", "hostile", "swap", "read_rate"))
    told = parser.parse_args()
    files = sorted(p for p in told.photos.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    random = np.random.default_rng(17)
    chosen = [files[n] for n in random.permutation(len(files))[: told.count]]
    limits = IntakeLimits(working_side=Grader.load().working_side)
    made = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": {"model": _cpu(), "cores": os.cpu_count(), "load": os.getloadavg()},
    }
    parts: dict[str, Callable[[], Any]] = {
        "cost": lambda: cost(chosen, limits),
        "hostile": hostile,
        "swap": lambda: swap(chosen, limits, 16 * told.labels),
        "read_rate": lambda: read_rate(chosen, limits, told.labels),
    }
    for name, part in parts.items():  # each is kept as soon as it is there
        if name in (told.parts or parts):
            made[name] = part()
            RESULTS.write_text(json.dumps(made, indent=1) + "\n")


def _looked_at(grader: Grader, data: bytes, limits: IntakeLimits) -> object:
    return grader.look(open_photo(data, 0, limits))


def cost(files: Sequence[Path], limits: IntakeLimits) -> dict[str, Any]:
    """Milliseconds that codes add to a photo: where none is expected, and where one is and a closer look is taken."""
    grader = Grader.load()
    grader.warm_up()
    without: list[float] = []
    added: list[float] = []
    closer: list[float] = []
    core: list[float] = []
    sides: list[int] = []
    for number, path in enumerate(files):
        data = path.read_bytes()
        photo = open_photo(data, 0, limits)
        sides.append(max(photo.width, photo.height))
        ways: list[tuple[list[float], Callable[[], object]]] = [
            (without, partial(_looked_at, grader, data, limits)),
            (added, partial(look_for_codes, photo, data, ExpectedCodes(), limits, again=True)),
            (closer, partial(look_for_codes, photo, data, EXPECTED, limits, again=True)),
        ]
        for times, way in ways if number % 2 else ways[::-1]:
            begun = time.perf_counter()
            way()
            times.append((time.perf_counter() - begun) * 1000)
        core.append(_core_ms(photo))
    return {
        "photos": len(files),
        "long_side_px": _quantiles(sides),
        "photo_without_codes_ms": _quantiles(without),
        "added_ms": _quantiles(added),
        "added_core_ms": _quantiles(core),
        "added_where_codes_are_expected_ms": _quantiles(closer),
        "goal": "p50 <= 8 ms",
    }


def _core_ms(photo: Photo) -> float:
    """What the codes of a photo take of a core, whoever else wants it: here and in the process that reads them."""
    begun = time.thread_time()
    read_codes(photo)
    grey = np.ascontiguousarray(np.asarray(Image.fromarray(photo.rgb).convert("L")))
    asked = time.thread_time() - begun
    begun = time.thread_time()
    _read(memoryview(grey.tobytes()).cast("B", grey.shape))
    return (asked + time.thread_time() - begun) * 1000


def hostile() -> list[dict[str, Any]]:
    """What patterns that look like codes cost, at the largest scale that is looked at."""
    random = np.random.default_rng(0)
    finder = np.full((9, 9), 255)
    finder[1:8, 1:8], finder[2:7, 2:7], finder[3:6, 3:6] = 0, 255, 0
    patterns = {
        "finder patterns": np.tile(finder.repeat(2, 0).repeat(2, 1), (120, 160)),
        "small finder patterns": np.tile(finder, (240, 320)),
        "bars": np.repeat(random.integers(0, 2, (1, 1440)) * 255, 2160, 0).repeat(2, 1),
        "noise": random.integers(0, 256, (2160, 2880)),
        "blocks of noise": (random.integers(0, 2, (720, 960)) * 255).repeat(3, 0).repeat(3, 1),
        "corners of matrices": np.tile(np.tri(12) * 255, (180, 240)),
    }
    made = []
    for name, grey in patterns.items():
        photo = _photo(grey)
        times = []
        for _ in range(2):
            begun = time.perf_counter()
            codes = read_codes(photo)
            times.append((time.perf_counter() - begun) * 1000)
        shape = list(grey.shape)
        made.append({"pattern": name, "pixels": shape, "ms": round(max(times), 1), "cut_off": codes is None})
    return [*made, {"bound_core_ms": SECONDS * 1000}]


def read_rate(files: Sequence[Path], limits: IntakeLimits, each: int) -> dict[str, Any]:
    """The share of labels that are read, by format, size and what was done to the photo; OpenCV's detectors beside."""
    rows: list[dict[str, Any]] = []
    random = np.random.default_rng(5)
    for kind in KINDS:
        for share in SHARES:
            for harm in HARM:
                counts = {"regrade": 0, "first_look": 0, "opencv_at_full_size": 0}
                for n in range(each):
                    text = _text(kind, random)
                    data, rgb = bench_photo(files[n % len(files)], kind, text, share, harm, random)
                    photo = open_photo(data, 0, limits)
                    codes = look_for_codes(photo, data, _expected_of(kind, text), limits, again=True) or ()
                    counts["regrade"] += _has(text, [code.text for code in codes])
                    counts["first_look"] += _has(text, [code.text for code in read_codes(photo) or ()])
                    counts["opencv_at_full_size"] += _has(text, _by_opencv(rgb, kind))
                rows.append({"format": kind, "share_of_width": share, "photo": harm, "n": each, **counts})
    by_kind: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        mine = [row for row in rows if row["format"] == kind]
        n = sum(row["n"] for row in mine)
        by_kind[kind] = {"n": n} | {
            name: _rate(sum(row[name] for row in mine), n) for name in ("regrade", "first_look", "opencv_at_full_size")
        }
    return {"camera": CAMERA, "by_kind": by_kind, "rows": rows}


def swap(files: Sequence[Path], limits: IntakeLimits, count: int) -> dict[str, Any]:
    """Serial numbers of other copies of the same model, as Code 128, QR and IMEI."""
    random = np.random.default_rng(9)
    read = told = false_alarms = right_read = 0
    for n in range(count):
        mine, other = _serials(n, random)
        kind = ("Code128", "QRCode")[n % 2]
        expected = ExpectedCodes((), (mine,))
        share, harm = SHARES[n % len(SHARES)], HARM[(n // 4) % len(HARM)]
        for text, is_other in ((other, True), (mine, False)):
            data, _ = bench_photo(files[n % len(files)], kind, text, share, harm, random)
            codes = look_for_codes(open_photo(data, 0, limits), data, expected, limits, again=True) or ()
            verdict = identify({"rma": "R-1"}, expected, codes, NO_PAPERS).verdict
            seen = _has(text, [code.text for code in codes])
            if is_other:
                read, told = read + seen, told + (seen and verdict == "mismatch")
            else:
                right_read, false_alarms = right_read + seen, false_alarms + (verdict == "mismatch")
    return {
        "swapped": count,
        "read": _rate(read, count),
        "told_of_those_read": _rate(told, read),
        "right_ones_read": _rate(right_read, count),
        "right_ones_called_wrong": false_alarms,
    }


def bench_photo(
    path: Path, kind: str, text: str, share: float, harm: str, random: np.random.Generator
) -> tuple[bytes, NDArray[np.uint8]]:
    """A photo as a phone takes it, with a label that takes `share` of its width: the JPEG, and its pixels."""
    back = np.asarray(Image.open(path).convert("RGB").resize(CAMERA, Image.Resampling.BILINEAR)).copy()
    drawn = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, kind))
    label = np.array(drawn.to_image(scale=8, add_quiet_zones=True))
    wide = round(CAMERA[0] * share)
    high = round(wide * label.shape[0] / label.shape[1])
    if high > CAMERA[1] * 0.8:
        wide, high = round(wide * CAMERA[1] * 0.8 / high), round(CAMERA[1] * 0.8)
    label = cv2.resize(label, (wide, high), interpolation=cv2.INTER_AREA)
    x, y = (int(random.integers(0, most - side)) for most, side in zip(CAMERA, (wide, high), strict=True))
    ends = np.array([[x, y], [x + wide, y], [x + wide, y + high], [x, y + high]], dtype=np.float32)
    if harm == "tilted":
        turn = np.deg2rad(random.uniform(-25, 25))
        middle = ends.mean(axis=0)
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], dtype=np.float32)
        ends = ((ends - middle) @ spin.T + middle + random.uniform(-0.06, 0.06, (4, 2)) * wide).astype(np.float32)
    begin = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], dtype=np.float32)
    form = cv2.getPerspectiveTransform(begin, ends)
    shade = random.uniform(0.6, 1.0)
    paper = cv2.warpPerspective((label * shade).astype(np.uint8), form, CAMERA)
    mask = cv2.warpPerspective(np.full_like(label, 255), form, CAMERA)[:, :, None] / 255.0
    rgb = (back * (1 - mask) + paper[:, :, None] * mask).astype(np.uint8)
    if harm == "blurred":
        rgb = cv2.GaussianBlur(rgb, (0, 0), 2.5)
    if harm == "noisy":
        rgb = np.clip(rgb + random.normal(0, 18, rgb.shape), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=85)
    return out.getvalue(), rgb


def _by_opencv(rgb: NDArray[np.uint8], kind: str) -> Sequence[str]:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    try:
        if kind == "QRCode":
            return [text for text in cv2.QRCodeDetector().detectAndDecodeMulti(grey)[1] or () if text]
        found = cv2.barcode.BarcodeDetector().detectAndDecodeMulti(grey)
        return [text for text in found[1] or () if text]
    except cv2.error:
        return []


def _text(kind: str, random: np.random.Generator) -> str:
    if kind in ("EAN13", "UPCA"):
        body = "".join(str(d) for d in random.integers(0, 10, 12 if kind == "EAN13" else 11))
        body = "4" + body[1:] if kind == "EAN13" else body
        padded = body.rjust(13, "0")
        total = sum(int(d) * (1 if place % 2 else 3) for place, d in enumerate(padded))
        return body + str(-total % 10)
    return _letters(random, 12)


def _letters(random: np.random.Generator, count: int) -> str:
    return "".join(random.choice(list("ABCDEFGHJKLMNPQRSTUVWXYZ23456789"), count))


def _expected_of(kind: str, text: str) -> ExpectedCodes:
    return ExpectedCodes((text.rjust(14, "0"),)) if kind in ("EAN13", "UPCA") else ExpectedCodes((), (text,))


def _serials(n: int, random: np.random.Generator) -> tuple[str, str]:
    """Of the right copy and of another one: letters and digits, digits alone, IMEI."""
    if n % 3 == 0:
        start = "C02" + _letters(random, 2) + "7"
        return start + _letters(random, 6), start + _letters(random, 6)
    if n % 3 == 1:
        start = "41" + str(random.integers(100, 999))
        return start + str(random.integers(10**6, 10**7)), start + str(random.integers(10**6, 10**7))
    return _imei(random), _imei(random)


def _imei(random: np.random.Generator) -> str:
    body = "35693803" + str(random.integers(10**5, 10**6))
    doubled = (int(d) * (1 + place % 2) for place, d in enumerate(body))
    return body + str(-sum(v - 9 if v > 9 else v for v in doubled) % 10)


def _has(text: str, found: Sequence[str]) -> bool:
    return any(one.lstrip("0") == text.lstrip("0") for one in found)


def _rate(hits: int, n: int) -> dict[str, Any]:
    """A share with its 95% interval (Wilson)."""
    if n == 0:
        return {"share": None, "ci95": None, "hits": 0, "n": 0}
    z, p = 1.96, hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    ends = [round(float(max(0.0, middle - half)), 4), round(float(min(1.0, middle + half)), 4)]
    return {"share": round(p, 4), "ci95": ends, "hits": hits, "n": n}


def _quantiles(values: Sequence[float]) -> dict[str, Any]:
    """p50 and p95, each with its 95% interval (bootstrap, 1,000 draws)."""
    data = np.asarray(values, dtype=float)
    random = np.random.default_rng(1)
    draws = data[random.integers(0, len(data), (1000, len(data)))]
    told: dict[str, Any] = {}
    for q in (50, 95):
        ends = np.percentile(np.percentile(draws, q, axis=1), [2.5, 97.5])
        told[f"p{q}"] = {"value": round(float(np.percentile(data, q)), 2), "ci95": [round(float(e), 2) for e in ends]}
    return {**told, "max": round(float(data.max()), 2)}


def _photo(grey: NDArray[Any]) -> Photo:
    rgb = np.repeat(grey[:, :, np.newaxis].astype(np.uint8), 3, axis=2)
    return Photo(0, "pattern", "image/png", grey.shape[1], grey.shape[0], rgb)


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
