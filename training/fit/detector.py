"""Fine-tuning the detector. The only module that imports ultralytics (AGPL-3.0), which serving never needs.

The library is kept from the network, from the user's settings and from installing packages; the one thing it may fetch
is `yolo26n.pt`, where no weights are at hand.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final, cast

import torch
import yaml
from PIL import Image
from rich.progress import Progress, TaskID
from torch import nn

from regrade.models.errors import RunError
from regrade.training.run.progress import bar

WEIGHTS_NAME: Final = "yolo26n_coco_from_int8.pt"
OFFICIAL: Final = "yolo26n.pt"
MOSAIC_CLOSED: Final = 0.3
"""Share of the epochs, the last ones, that see whole pictures."""
WARM_UP: Final = 0.15
"""Share of the epochs, at most three, in which the learning rate rises."""


def find_weights() -> Path | None:
    """The COCO weights to start from: `REGRADE_DETECTOR_WEIGHTS`, else `../shared/weights`, else None.

    The relative place is tried from the project root and from the working directory. Raises `RunError` where the
    variable names no file: a wrong setting must not pass for no setting.
    """
    named = os.environ.get("REGRADE_DETECTOR_WEIGHTS")
    if named:
        if not Path(named).is_file():
            raise RunError(f"REGRADE_DETECTOR_WEIGHTS={named}: no such file; correct or unset it.")
        return Path(named).resolve()
    for base in (Path(__file__).resolve().parents[2], Path.cwd()):
        file = base.parent / "shared" / "weights" / WEIGHTS_NAME
        if file.is_file():
            return file.resolve()
    return None


def fit_detector(
    data: Path,
    weights: Path | None,
    out: Path,
    *,
    epochs: int,
    side: int,
    seed: int,
    device: str,
    freeze: int,
    batch: int,
) -> Path:
    """Fine-tune on the pictures that `data`, a YAML file of `build_data`, names; the checkpoint, in the folder `out`.

    `weights` None takes those of `find_weights`, else YOLO26n's own from the network. `device` is `cpu`, `cuda` or
    `cuda:N`; the first `freeze` layers stay as they are. A training that was stopped goes on from its last whole epoch
    at the next call with the same `out`; a finished one is not done again. Raises `RunError` for weights or data that
    are not there, and for a checkpoint that was begun on other classes.
    """
    last = out / "weights" / "last.pt"
    classes = _classes_in(data)
    settings: dict[str, Any] = {
        "task": "detect",
        "mode": "train",
        "data": str(data),
        "epochs": epochs,
        "imgsz": side,
        "batch": batch,
        "freeze": freeze,
        "seed": seed,
        "device": _device(device),
        "amp": _precision(device),
        "workers": 0 if device == "cpu" else 2,
        "close_mosaic": max(1, round(epochs * MOSAIC_CLOSED)),
        "warmup_epochs": min(3.0, epochs * WARM_UP),
        "patience": 0,
        # A step a batch: few pictures leave few steps.
        "nbs": batch,
        "val": False,
        "plots": False,
        "deterministic": True,
        "save_dir": str(out),
    }
    if last.is_file():
        model, stored = _load(last)
        if _names(model) != classes:
            raise RunError(f"{last} was trained on other classes than {data} names; remove it, or give another folder.")
        if stored["epoch"] + 1 >= epochs:
            _strip(last)
        if stored["optimizer"] is None or stored["epoch"] + 1 >= epochs:
            return last
        settings["resume"] = str(last)
    settings["model"] = str(last if last.is_file() else _start(weights, out))
    out.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    training = _training()(overrides=settings)
    # The library would leave one core idle, which on two is half of them.
    torch.set_num_threads(threads)
    with bar() as progress:
        _watch(training, progress)
        training.train()
    return last


def classes_of(checkpoint: Path) -> tuple[str, ...]:
    """What the detector of a checkpoint finds, in the order of its outputs."""
    return _names(_load(checkpoint)[0])


def module_of(checkpoint: Path) -> nn.Module:
    """The detector of a checkpoint, ready for export: float32 (1, 3, side, side) in [0, 1], RGB → (1, 300, 6) with rows
    x1, y1, x2, y2 in pixels, score and class, surest first. Its one-to-one head needs no non-maximum suppression.

    Raises `RunError` where the checkpoint has no such head.
    """
    model = _load(checkpoint)[0].float().eval()
    head = model.model[-1]
    if getattr(head, "one2one_cv2", None) is None:
        raise RunError(f"{checkpoint} has no one-to-one head; start from YOLO26 weights.")
    head.end2end = True
    model = model.fuse(verbose=False)
    head = model.model[-1]
    head.export, head.dynamic, head.max_det = True, False, 300
    for parameter in model.parameters():
        parameter.requires_grad = False
    return cast(nn.Module, model)


def _classes_in(data: Path) -> tuple[str, ...]:
    try:
        names = yaml.safe_load(data.read_text(encoding="utf-8"))["names"]
    except OSError as error:
        raise RunError(f"{data} cannot be read: {error.strerror}. Build the pictures first.") from None
    return tuple(names[i] for i in range(len(names)))


def _device(device: str) -> str:
    return {"cpu": "cpu", "cuda": "0"}.get(device, device.removeprefix("cuda:"))


def _precision(device: str) -> str | bool:
    """Half precision only as bfloat16: the library's check of float16 would fetch weights and a photo."""
    return "bf16" if device != "cpu" and torch.cuda.is_bf16_supported(including_emulation=False) else False


def _start(weights: Path | None, out: Path) -> Path:
    if weights is not None:
        if not weights.is_file():
            raise RunError(f"{weights}: no such weights; give the path of a YOLO26 checkpoint, or none.")
        return weights
    found = find_weights()
    if found is not None:
        return found
    _library()
    from ultralytics.utils.downloads import attempt_download_asset

    target = out / OFFICIAL
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        attempt_download_asset(target)
    except Exception as error:
        raise RunError(f"{OFFICIAL} cannot be fetched ({error}); give its path as the detector's weights.") from error
    if not target.is_file():
        raise RunError(f"{OFFICIAL} cannot be fetched; give its path as the detector's weights.")
    return target


def _names(model: Any) -> tuple[str, ...]:
    return tuple(str(model.names[i]) for i in range(len(model.names)))


def _load(checkpoint: Path) -> tuple[Any, dict[str, Any]]:
    _library()
    from ultralytics.nn import tasks

    try:
        return cast(tuple[Any, dict[str, Any]], cast(Any, tasks).load_checkpoint(str(checkpoint)))
    except (OSError, RuntimeError, KeyError, TypeError, EOFError) as error:
        raise RunError(f"{checkpoint} is no checkpoint of a detector: {error}") from error


def _strip(last: Path) -> None:
    """Leave what inference needs; that the optimizer is gone says that the training is finished."""
    from ultralytics.utils.torch_utils import strip_optimizer

    partial = last.with_suffix(".partial")
    strip_optimizer(str(last), str(partial))
    partial.replace(last)


def _watch(training: Any, progress: Progress) -> None:
    """Show the batches of all epochs, those of a stopped training as done."""
    batches: list[TaskID] = []

    def begin(t: Any) -> None:
        each = len(t.train_loader)
        batches.append(progress.add_task("detector", total=each * t.epochs, completed=each * t.start_epoch))

    training.add_callback("on_train_start", begin)
    training.add_callback("on_train_batch_end", lambda t: progress.advance(batches[0]))


def _library() -> None:
    """Import ultralytics, with what it reads once at that moment set, and what it sets in our environment undone."""
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ.setdefault("YOLO_OFFLINE", "1")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    if "YOLO_CONFIG_DIR" not in os.environ:
        home = tempfile.mkdtemp(prefix="regrade-ultralytics-")
        os.environ["YOLO_CONFIG_DIR"] = home
        atexit.register(shutil.rmtree, home, ignore_errors=True)
    from ultralytics.utils import patches

    # It puts a reader of its own in Pillow's place, for everybody, which wants further packages for a spoilt photo.
    Image.open = patches._image_open
    if threads is None:
        os.environ.pop("OMP_NUM_THREADS", None)


def _training() -> type[Any]:
    """The library's training, reading our data as it is and writing one checkpoint that is there wholly or not at all.

    (A class of this name is not taken for a trainer by its uploading callbacks, which go by the name.)
    """
    _library()
    from ultralytics.models.yolo.detect import DetectionTrainer

    class FineTuning(DetectionTrainer):
        def get_dataset(self) -> dict[str, Any]:
            # The library's own reading would fetch a font, and whatever the file has a `download` line for.
            file = Path(self.args.data)
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
            home = Path(document["path"])
            lists = {split: str(home / document[split]) for split in ("train", "val")}
            names = document["names"]
            return {**lists, "path": home, "names": names, "nc": len(names), "channels": 3, "yaml_file": str(file)}

        def _setup_train(self) -> None:
            cast(Any, super())._setup_train()
            if self.device.type == "cpu":
                # A fifth faster on x86 (AVX-512) at the same precision; the library does so on GPUs alone.
                cast(nn.Module, self.model).to(memory_format=torch.channels_last)

        def save_model(self) -> bool:
            last, best, partial = self.last, self.best, self.last.with_suffix(".partial")
            self.last = self.best = partial
            try:
                cast(Any, super()).save_model()
            finally:
                self.last, self.best = last, best
            partial.replace(last)
            return True

        def final_eval(self) -> None:
            _strip(self.last)

    return FineTuning
