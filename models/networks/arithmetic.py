"""Which arithmetic runs the INT8 networks on this CPU, and whether it is exact.

ONNX Runtime multiplies unsigned activations by signed weights (U8S8). On x86-64 without VNNI its kernels add pairs of
products in 16 bits (`vpmaddubsw`), which saturates unless the weights leave room for it. Those of the shipped networks
do, which their files say (`runtime.NO_SATURATION`): they run by the fast kernels everywhere, with the same sums. Any
other network runs there with `session.x64quantprecision`, by kernels whose sums are exact (U8U8) at about the speed of
FP32. The option slows CPUs with VNNI as much (`benchmarks/int8_parity.py`), so it is set only where the probe
saturates.

What is true of a machine is not read off its flags, which a hypervisor may hide: a network of four layers with the
largest operands there are, whose sums are known, is run both ways.
"""

import platform
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import numpy as np

from regrade.models.networks.runtime import Model

PROBE: Final = Path(__file__).with_name("saturation_probe.onnx")
"""Written by `regrade.training.export.saturation_probe`, beside which its layers are described."""
EXPECTED: Final = {"pointwise": 200, "dense": 200, "depthwise": 200, "matmul": 255 * 127 * 32}
"""What every element of each output is where no sum saturates."""

_X86: Final = ("avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "amx_int8")
_ARM: Final = ("asimd", "asimddp", "i8mm")

Precision = Literal["int8", "fp32"]
Kernels = Literal["u8s8", "u8u8", "fp32"]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How networks are computed here.

    `precision` is what runs, `int8` or `fp32`; it differs from `asked` where INT8 is not exact by any kernel, or where
    golden photos came out otherwise than they should, of which `reason` tells. `kernels` are those of the INT8
    products: `u8s8` where these are exact for all networks, `u8u8` where some need the slower ones. `saturates` says
    whether this CPU needs them for weights that leave no room. `cpu` lists the instructions that matter and that the
    system admits to.
    """

    asked: Precision
    precision: Precision
    kernels: Kernels
    cpu: tuple[str, ...]
    saturates: bool = False
    reason: str = ""

    @property
    def fallen_back(self) -> bool:
        """Whether something else runs than was asked for."""
        return self.precision != self.asked

    def __str__(self) -> str:
        cpu = f"{platform.machine()} with {', '.join(self.cpu) or 'no instructions that are known here'}"
        if self.reason:
            return f"FP32 in place of INT8: {self.reason} ({cpu}); slower"
        if self.fallen_back:
            return f"FP32 in place of INT8, whose sums no kernel has exact on this CPU ({cpu}); slower"
        if self.precision == "fp32":
            return f"FP32, as set ({cpu})"
        if self.kernels == "u8u8":
            return (
                f"INT8 by exact U8U8 kernels: U8S8 saturates on this CPU ({cpu}), so networks run at about FP32's speed"
            )
        if self.saturates:
            return f"INT8 by U8S8 kernels, exact on this CPU ({cpu}) for weights like those here"
        return f"INT8 by U8S8 kernels, which are exact on this CPU ({cpu})"

    def of(self, networks: Iterable[Model]) -> "Arithmetic":
        """How these networks are computed, which may need the slower kernels or not."""
        fit = self.precision == "int8" and all(network.sums_fit for network in networks)
        return replace(self, kernels="u8s8") if fit else self

    def instead(self, reason: str) -> "Arithmetic":
        """FP32 in place of what was to run, for this reason."""
        return replace(self, precision="fp32", kernels="fp32", reason=reason)


@lru_cache(maxsize=4)
def arithmetic_for(asked: Precision) -> Arithmetic:
    """What runs here where `asked`, `int8` or `fp32`, is set, whatever the weights; see `Arithmetic.of`. Takes some
    milliseconds, once a process."""
    cpu = cpu_features()
    if asked != "int8":
        return Arithmetic(asked, asked, "fp32", cpu)
    if not is_exact(Model(PROBE, widen=True)):
        return Arithmetic(asked, "fp32", "fp32", cpu)
    saturates = not is_exact(Model(PROBE, widen=False))
    return Arithmetic(asked, "int8", "u8u8" if saturates else "u8s8", cpu, saturates)


def is_exact(probe: Model) -> bool:
    """Whether `probe`, the network at `PROBE`, comes to the sums that it should."""
    full = {"x": np.full((1, 32, 4, 4), 255, np.uint8), "rows": np.full((4, 32), 255, np.uint8)}
    found = dict(zip(probe.outputs, probe.run(full), strict=True))
    return all(bool((found[name] == value).all()) for name, value in EXPECTED.items())


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """The instructions that every core has, of those that matter for networks; none where the system does not tell."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    cores = [set(line.partition(":")[2].split()) for line in lines if line.startswith(("flags", "Features"))]
    return tuple(name for name in (*_X86, *_ARM) if cores and all(name in core for core in cores))
