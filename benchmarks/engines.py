"""ONNX Runtime beside OpenVINO on the shipped networks, its settings beside those we serve with, and where time goes.

    .venv-peers/bin/python benchmarks/engines.py     # about 3 minutes; writes benchmarks/results/engines.{json,png}

`benchmarks/peers.py --setup` makes that environment. One thread, one process, everything takes turns; what counts is
CPU time of the whole process a run, so that a thread of an engine's own is not overlooked. Ratios are paired by round,
with 95% bootstrap intervals. The pictures are the demo photos that come with the project. OpenVINO runs as it chooses
(bfloat16 where the CPU has it and the network is in floats) and held to FP32.
"""

import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime as ort
import openvino as ov
from engines_figure import engines_figure
from numpy.typing import NDArray
from rich.progress import Progress
from rig import PROJECT, bootstrap_ratio, interval, parser, write

from regrade.models.networks.detector import letterbox
from regrade.models.photos.intake import open_photo
from regrade.models.photos.preprocess import model_input
from regrade.models.registry.bundle import PRECISIONS, installed_categories, load_bundle, shipped_root

Arrays = list[NDArray[Any]]
Run = Callable[[], object]
PHOTOS: Final = sorted((PROJECT / "serving" / "examples" / "photos").glob("*.jpg"))[:6]
SURE: Final = 0.25
LEVELS: Final = ort.GraphOptimizationLevel


def networks() -> dict[str, tuple[Path, NDArray[np.uint8]]]:
    """Name → file and photos, uint8 (n, side, side, 3), of every network that an active bundle serves with."""
    photos = [open_photo(path.read_bytes()).rgb for path in PHOTOS]
    found: dict[str, tuple[Path, NDArray[np.uint8]]] = {}
    seen: set[Path] = set()
    for category in installed_categories(shipped_root()):
        bundle = load_bundle(shipped_root(), category)
        for precision in PRECISIONS:
            sources = [(bundle.backbone_path(precision), "backbone")]
            path = bundle.detector_path(precision)
            if path is not None:
                sources.append((path, "detector"))
            for path, kind in sources:
                if path in seen:
                    continue
                seen.add(path)
                name = f"{kind} {precision}"
                if name in found:
                    name += f" of {category}"
                if kind == "backbone":
                    inputs = [model_input(rgb, bundle.input_side) for rgb in photos]
                else:
                    assert bundle.detector is not None
                    inputs = [letterbox(rgb, bundle.detector.side)[0] for rgb in photos]
                found[name] = (path, np.stack(inputs))
    return found


def settings() -> ort.SessionOptions:
    """What serving uses (`models/networks/runtime.py`)."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def session(path: Path, options: ort.SessionOptions | None = None) -> ort.InferenceSession:
    return ort.InferenceSession(str(path), options or settings(), providers=["CPUExecutionProvider"])


def openvino(path: Path, pixels: NDArray[np.uint8], hints: Mapping[str, str]) -> Any:
    """A request of one thread for one photo."""
    core = ov.Core()
    model = core.read_model(str(path))
    model.reshape({"pixels": [1, *pixels.shape[1:]]})
    base = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    return core.compile_model(model, "CPU", base | dict(hints)).create_infer_request()


def turns(runs: Mapping[str, Callable[[int], object]], rounds: int, each: int) -> dict[str, list[float]]:
    """CPU milliseconds a run of each, round by round; every run gets the number of the photo to take."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for number in range(rounds + 1):
        for name in names if number % 2 else names[::-1]:
            began = time.process_time()
            for n in range(each):
                runs[name](n)
            if number:  # the first round warms up
                times[name].append((time.process_time() - began) / each * 1000)
    return times


def told(times: Mapping[str, list[float]], base: str) -> dict[str, Any]:
    """Median times and ratios to `base`."""
    return {
        name: {
            "cpu_ms": round(float(np.median(values)), 3),
            "ratio": interval(bootstrap_ratio(values, times[base])),
        }
        for name, values in times.items()
    }


def difference(ours: Arrays, theirs: Arrays, detector: bool) -> float:
    """How far outputs are apart: the greatest error of a feature or place, or of a sure box's score where there is one
    of its class within 5% of the side; its whole score where there is none."""
    if not detector:
        return max(float(np.max(np.abs(a - b))) for a, b in zip(ours, theirs, strict=True))
    worst = 0.0
    found = theirs[0][0]
    for row in ours[0][0][ours[0][0][:, 4] >= SURE]:
        same = found[(found[:, 5] == row[5]) & (np.abs(found[:, :4] - row[:4]).max(axis=1) < 20)]
        worst = max(worst, abs(float(same[:, 4].max()) - float(row[4])) if len(same) else float(row[4]))
    return worst


def compare(name: str, path: Path, pixels: NDArray[np.uint8], rounds: int) -> dict[str, Any]:
    """Both engines on one network."""
    one = session(path)
    requests = {"OpenVINO": openvino(path, pixels, {})}
    requests["OpenVINO, FP32 held"] = openvino(path, pixels, {"INFERENCE_PRECISION_HINT": "f32"})
    runs: dict[str, Callable[[int], object]] = {
        "ONNX Runtime": lambda n: one.run(None, {"pixels": pixels[n % len(pixels)][None]})
    }
    for engine, request in requests.items():
        runs[engine] = partial(_infer, request, pixels)
    result = told(turns(runs, rounds, len(pixels)), "ONNX Runtime")
    for engine, request in requests.items():
        apart = []
        for n in range(len(pixels)):
            expected = one.run(None, {"pixels": pixels[n][None]})
            got = [np.array(value) for value in request.infer({"pixels": pixels[n][None]}).values()]
            apart.append(difference(expected, got, name.startswith("detector")))
        result[engine]["greatest_difference"] = round(max(apart), 6)
    return result


def _infer(request: Any, pixels: NDArray[np.uint8], n: int) -> object:
    return request.infer({"pixels": pixels[n % len(pixels)][None]}, share_inputs=True, share_outputs=True)


def knobs(path: Path, pixels: NDArray[np.uint8], rounds: int) -> dict[str, Any]:
    """ONNX Runtime with one setting changed at a time, against what serving uses."""
    changed: dict[str, ort.SessionOptions] = {name: settings() for name in KNOBS}
    for name, options in changed.items():
        KNOBS[name](options)
    sessions = {name: session(path, options) for name, options in changed.items()}
    runs: dict[str, Callable[[int], object]] = {name: partial(_run, one, pixels) for name, one in sessions.items()}
    runs["input and output bound"] = _bound(sessions["as served"], pixels)
    result = told(turns(runs, rounds, len(pixels)), "as served")
    if sessions["as served"].get_inputs()[0].shape[0] != 1:
        four = np.ascontiguousarray(np.resize(pixels, (4, *pixels.shape[1:])))
        one = sessions["as served"]
        batch = {"four runs": lambda _: [one.run(None, {"pixels": four[n][None]}) for n in range(4)]}
        batch["batch of four"] = lambda _: one.run(None, {"pixels": four})
        result["batch"] = told(turns(batch, rounds, 2), "four runs")
    return result


def _unlaid(options: ort.SessionOptions) -> None:
    options.graph_optimization_level = LEVELS.ORT_ENABLE_EXTENDED


def _basic(options: ort.SessionOptions) -> None:
    options.graph_optimization_level = LEVELS.ORT_ENABLE_BASIC


def _no_arena(options: ort.SessionOptions) -> None:
    options.enable_cpu_mem_arena = False


def _no_pattern(options: ort.SessionOptions) -> None:
    options.enable_mem_pattern = False


def _denormals(options: ort.SessionOptions) -> None:
    options.add_session_config_entry("session.set_denormal_as_zero", "1")


KNOBS: Final[dict[str, Callable[[ort.SessionOptions], None]]] = {
    "as served": lambda _: None,
    "without layout optimisation": _unlaid,
    "basic optimisation": _basic,
    "without arena": _no_arena,
    "without memory pattern": _no_pattern,
    "denormals as zero": _denormals,
}


def _run(one: ort.InferenceSession, pixels: NDArray[np.uint8], n: int) -> object:
    return one.run(None, {"pixels": pixels[n % len(pixels)][None]})


def _bound(one: ort.InferenceSession, pixels: NDArray[np.uint8]) -> Callable[[int], object]:
    """Runs from and into memory that is allocated once."""
    held = np.array(pixels[:1])
    outputs = [np.empty(value.shape, value.dtype) for value in one.run(None, {"pixels": held})]
    binding = one.io_binding()
    binding.bind_input("pixels", "cpu", 0, np.uint8, held.shape, held.ctypes.data)
    for output, array in zip(one.get_outputs(), outputs, strict=True):
        binding.bind_output(output.name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def run(n: int) -> object:
        held[0] = pixels[n % len(pixels)]
        one.run_with_iobinding(binding)
        return outputs  # the binding does not keep them alive

    return run


def start_up(path: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """CPU time to make a session of the file as shipped, and of copies that were optimised before."""
    saved = {"ONNX": path, "optimised ONNX": folder / "optimised.onnx", "optimised ORT": folder / "optimised.ort"}
    for kind in ("onnx", "ort"):
        options = settings()
        options.optimized_model_filepath = str(folder / f"optimised.{kind}")
        options.add_session_config_entry("session.save_model_format", kind.upper())
        session(path, options)

    def make(source: Path, _: int) -> object:
        options = settings()
        if source != path:
            options.graph_optimization_level = LEVELS.ORT_DISABLE_ALL
        return session(source, options)

    return told(turns({name: partial(make, source) for name, source in saved.items()}, rounds, 1), "ONNX")


def profile(path: Path, pixels: NDArray[np.uint8], folder: Path, runs: int) -> dict[str, float]:
    """Milliseconds a run by kind of operator after optimisation, the costliest first, by ONNX Runtime's profiler."""
    options = settings()
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    one = session(path, options)
    for n in range(runs + 2):
        _run(one, pixels, n)
    nodes: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in json.loads(Path(one.end_profiling()).read_text()):
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            nodes[event["args"]["op_name"], event["name"]].append(event["dur"] / 1000)
    spent: dict[str, float] = defaultdict(float)
    for (operator, _), times in nodes.items():
        spent[operator] += float(np.median(times))  # it tells clock time: of an interrupted run it would be too much
    return {name: round(ms, 3) for name, ms in sorted(spent.items(), key=lambda pair: -pair[1])}


def main() -> None:
    made = parser(__doc__, service=False)
    made.add_argument("--rounds", type=int, default=15)
    options = made.parse_args()
    if options.quick:
        options.rounds = 2
    found = networks()
    served = {name: value for name, value in found.items() if name.endswith("int8")}
    result: dict[str, Any] = {
        "openvino": ov.__version__,
        "rounds": options.rounds,
        "photos": len(PHOTOS),
        "engines": {},
        "settings": {},
        "start_up": {},
        "profile": {},
    }
    with tempfile.TemporaryDirectory() as name, Progress() as progress:
        folder = Path(name)
        task = progress.add_task("engines", total=len(found) + 3 * len(served))
        for name, (path, pixels) in found.items():
            result["engines"][name] = compare(name, path, pixels, options.rounds)
            progress.advance(task)
        for name, (path, pixels) in served.items():
            result["settings"][name] = knobs(path, pixels, options.rounds)
            progress.advance(task)
            result["start_up"][name] = start_up(path, folder, max(5, options.rounds))
            progress.advance(task)
            result["profile"][name] = profile(path, pixels, folder, 5 * options.rounds)
            progress.advance(task)
    write(result, "engines", engines_figure(result), options.out)
    for name, engines in result["engines"].items():
        print(name, {engine: f"{told['cpu_ms']} ms, {told['ratio']['median']:.2f}" for engine, told in engines.items()})


if __name__ == "__main__":
    main()
