"""The same photo has the same grade on every CPU: INT8 sums are exact by some kernel, or FP32 runs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from regrade.models.grader import Grader
from regrade.models.networks import arithmetic
from regrade.models.networks.arithmetic import PROBE, Arithmetic, arithmetic_for, cpu_features, is_exact
from regrade.models.networks.runtime import Model
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import ROUTER, load_bundle, shipped_root

pytestmark = pytest.mark.slow

PHOTO = Path(__file__).parents[3] / "serving" / "examples" / "photos" / "shirt-stained-1.jpg"
EMULATOR = shutil.which("qemu-x86_64")
GRADE = """
import json, site, sys
from pathlib import Path
for folder in filter(lambda path: path.endswith("site-packages"), list(sys.path)):
    site.addsitedir(folder)  # an editable install is found by a hook that PYTHONPATH does not set
from regrade.models.networks.arithmetic import PROBE, is_exact
from regrade.models.golden import compare
from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.models.networks.runtime import Model
grader = Grader.load()
grade = grader.grade([open_photo(Path(sys.argv[1]).read_bytes())], "apparel").grade
print(json.dumps({
    "golden": compare(grader).cosine,
    "saturates": not is_exact(Model(PROBE, widen=False)),
    "kernels": grader.arithmetic.kernels,
    "probabilities": dict(grade.probabilities),
}))
"""


@pytest.fixture
def inexact(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which no INT8 kernel comes to the sums that it should."""
    monkeypatch.setitem(arithmetic.EXPECTED, "matmul", 1)
    arithmetic_for.cache_clear()
    yield
    arithmetic_for.cache_clear()


def test_int8_sums_are_exact_here_by_the_kernels_that_are_served() -> None:
    assert is_exact(Model(PROBE, widen=True))
    assert arithmetic_for("int8").precision == "int8"


def test_the_faster_kernels_are_told_apart_from_the_exact_ones() -> None:
    fast = is_exact(Model(PROBE, widen=False))
    assert arithmetic_for("int8").kernels == ("u8s8" if fast else "u8u8")


def test_a_network_whose_sums_fit_needs_no_slower_kernels() -> None:
    slow = Arithmetic("int8", "int8", "u8u8", ("avx2",), saturates=True)
    limited, other = Model(load_bundle(shipped_root(), "packaging").backbone_path("int8")), Model(PROBE)
    assert slow.of([limited]).kernels == "u8s8"
    assert slow.of([limited, other]).kernels == "u8u8"


def test_fp32_runs_where_no_int8_kernel_is_exact(inexact: None) -> None:
    used = arithmetic_for("int8")
    assert (used.precision, used.fallen_back) == ("fp32", True)
    assert str(used).startswith("FP32 in place of INT8")


def test_a_grader_on_such_a_machine_has_the_fp32_networks(inexact: None) -> None:
    grader = Grader.load(precision="int8")
    router = load_bundle(shipped_root(), ROUTER)
    assert router.backbones["fp32"] in grader._backbones
    assert router.backbones["int8"] not in grader._backbones


def test_what_was_asked_for_is_no_fallback() -> None:
    used = arithmetic_for("fp32")
    assert (used.precision, used.kernels, used.fallen_back) == ("fp32", "fp32", False)


def test_only_what_every_core_has_is_told_of_a_cpu(tmp_path: Path) -> None:
    mixed = tmp_path / "cpuinfo"
    mixed.write_text("processor: 0\nflags : fpu avx avx2 avx_vnni\n\nprocessor: 1\nflags : fpu avx avx2\n")
    assert cpu_features(mixed) == ("avx", "avx2")


def test_a_system_that_tells_nothing_of_its_cpu_is_no_error(tmp_path: Path) -> None:
    assert cpu_features(tmp_path / "none") == ()


# An emulator takes from one to six minutes, by the machine that it runs on.
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(EMULATOR is None, reason="wants qemu-x86_64 (Debian: qemu-user) to emulate a CPU without VNNI")
def test_a_photo_is_graded_alike_on_a_cpu_whose_int8_products_saturate() -> None:
    assert EMULATOR is not None
    command = [EMULATOR, "-cpu", "Haswell", str(Path(sys.executable).resolve()), "-c", GRADE, str(PHOTO)]
    # Emulated, an interpreter does not find the environment that its path belongs to.
    where = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900, env=os.environ | where)
    there = json.loads(done.stdout)
    assert there["saturates"]
    assert there["kernels"] == "u8s8"  # the networks leave their sums room, so that the fast kernels are exact
    assert there["golden"] > 0.999
    here = Grader.load().grade([open_photo(PHOTO.read_bytes())], "apparel").grade
    assert here is not None
    assert there["probabilities"] == pytest.approx(dict(here.probabilities), abs=0.02)
