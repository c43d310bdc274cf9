"""Who exports labels on the server has no training libraries there."""

import subprocess
import sys
from pathlib import Path

BLOCKED = (
    "albumentations", "cleanlab", "cv2", "imagehash", "matplotlib", "onnx", "onnxscript", "pywt", "scipy", "sklearn",
    "timm", "torch", "torchvision", "ultralytics",
)  # fmt: skip
COPIES = """
import sys
sys.modules.update(dict.fromkeys({blocked!r}))
from pathlib import Path
from PIL import Image
import regrade.labeling.cli, regrade.labeling.versions.export_cli, regrade.labeling.versions.export
import regrade.labeling.versions.merge
import regrade.labeling.select.selection, regrade.labeling.select.candidates, regrade.labeling.versions.versions
from regrade.labeling.versions.likeness import OnePhoto, copies
here = Path({here!r})
photo = Image.open({photo!r})
photo.save(here / "a.jpg", quality=90)
photo.resize((photo.width // 2, photo.height // 2)).save(here / "b.jpg", quality=60)
found = copies([OnePhoto(here / "a.jpg", "a" * 64), OnePhoto(here / "b.jpg", "b" * 64)], here / "cache")
assert found == {{"a" * 64: {{"b" * 64}}, "b" * 64: {{"a" * 64}}}}, found
"""


def test_copies_are_found_without_the_training_libraries(tmp_path: Path) -> None:
    photo = Path(__file__).parents[2] / "serving/examples/photos/carton-torn-1.jpg"
    code = COPIES.format(blocked=BLOCKED, here=str(tmp_path), photo=str(photo))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
