"""The path tracer behind the demo photos: choosing a Mitsuba variant, rendering, denoising.

Mitsuba 3 and the denoiser are in the `render` extra. Nothing outside this sub-package imports them, and
this one only when a photo is rendered.
"""

import ctypes
import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.models.errors import RegradeError

Image = NDArray[np.float32]
"""(h, w, 3), linear RGB radiance or reflectance."""

_LLVM_GLOBS = ("usr/lib/*/libLLVM*.so*", "usr/lib/llvm-*/lib/libLLVM*.so*", "opt/homebrew/opt/llvm/lib/libLLVM*")


def _usable_llvm() -> str | None:
    """The first LLVM library that the JIT can use, or None.

    LLVM 15 and older abort the whole process in Mitsuba's kernels, and cannot be caught. They also lack
    `LLVMGetVersion` (new in 16), which tells them apart.
    """
    found = os.environ.get("DRJIT_LIBLLVM_PATH")
    names = [found] if found else sorted({str(p) for g in _LLVM_GLOBS for p in Path("/").glob(g)}, reverse=True)
    for name in names:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        if hasattr(library, "LLVMGetVersion"):
            return name
    return None


def load() -> Any:
    """The `mitsuba` module with the fastest variant that runs here. Raises RegradeError without Mitsuba."""
    try:
        mitsuba = importlib.import_module("mitsuba")
    except ImportError as error:
        raise RegradeError("Rendering needs Mitsuba 3: install it with `pip install 'regrade[render]'`.") from error
    if mitsuba.variant() is None:
        llvm = _usable_llvm()
        if llvm is not None:
            os.environ["DRJIT_LIBLLVM_PATH"] = llvm
        mitsuba.set_variant("llvm_ad_rgb" if llvm else "scalar_rgb")
    return mitsuba


def trace(scene: dict[str, Any], spp: int, seed: int) -> Image:
    """Render a scene dictionary that has a `sensor` and an `integrator` of type `aov` (see `stage.py`).

    Samples are taken in passes, so that memory stays bounded, and the mean is denoised with the albedo and
    the normals as guides.
    """
    mi = load()
    loaded = mi.load_dict(scene)
    total: NDArray[np.float32] | None = None
    left, step, done = spp, 16, 0
    while left > 0:
        count = min(step, left)
        part = np.array(mi.render(loaded, spp=count, seed=seed * 1000 + done), dtype=np.float32) * count
        total = part if total is None else total + part
        left, done = left - count, done + count
    assert total is not None
    frame = (total / spp).astype(np.float32)
    colour, guides = frame[..., :3], frame[..., -6:]
    return denoise(colour, np.clip(guides[..., :3], 0, 1).astype(np.float32), guides[..., 3:])


def denoise(colour: Image, albedo: Image, normals: Image) -> Image:
    """Open Image Denoise where it is installed; else the noisy picture as it is."""
    try:
        oidn = importlib.import_module("pyoidn")
    except ImportError:
        return colour
    out: Image = oidn.denoise(
        np.ascontiguousarray(colour),
        albedo=np.ascontiguousarray(albedo),
        normal=np.ascontiguousarray(normals),
        hdr=True,
    )
    return out
