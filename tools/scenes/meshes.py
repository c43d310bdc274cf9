"""Meshes from numpy: every surface is a grid of points, handed to the renderer as a binary PLY file."""

import atexit
import itertools
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(rows, columns, 3), in centimetres; z is up and the bench top is z = 0."""
Mask = NDArray[np.bool_]

_serial = itertools.count()


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="regrade-render-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def plane(u: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grids of `u` along columns and `v` along rows, each (len(v), len(u))."""
    uu, vv = np.meshgrid(u, v)
    return uu, vv


def normals(points: Points) -> Points:
    """Unit normals of a grid, from central differences: (dP/dcolumn) x (dP/drow)."""
    du = np.gradient(points, axis=1)
    dv = np.gradient(points, axis=0)
    n = np.cross(du, dv)
    return np.asarray(n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-12))


def sheet(
    points: Points, bsdf: dict[str, Any], *, uv: Points | None = None, keep: Mask | None = None, smooth: bool = True
) -> dict[str, Any]:
    """A grid as a Mitsuba shape.

    `uv` is (rows, columns, 2), by default 0..1 with v = 0 on row 0. Faces with a corner outside `keep` are
    left out. Raises ValueError where the shapes disagree.
    """
    rows, columns = points.shape[:2]
    if uv is None:
        uu, vv = plane(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
        uv = np.stack([uu, vv], -1)
    if uv.shape[:2] != (rows, columns) or (keep is not None and keep.shape != (rows, columns)):
        raise ValueError(f"uv and keep must have the grid's shape {(rows, columns)}")
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], 2).reshape(-1, 3)
    if keep is not None:
        faces = faces[keep.reshape(-1)[faces].all(1)]
    vertex = [points.reshape(-1, 3)]
    names = ["x", "y", "z"]
    if smooth:
        vertex.append(normals(points).reshape(-1, 3))
        names += ["nx", "ny", "nz"]
    vertex.append(uv.reshape(-1, 2))
    names += ["u", "v"]
    data = np.concatenate(vertex, 1).astype("<f4")
    return _ply(data, names, faces.astype("<i4"), bsdf)


def _ply(data: NDArray[np.float32], names: list[str], faces: NDArray[np.int32], bsdf: dict[str, Any]) -> dict[str, Any]:
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(data)}"]
    header += [f"property float {n}" for n in names]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
    records = np.empty(len(faces), dtype=[("n", "u1"), ("i", "<i4", 3)])
    records["n"], records["i"] = 3, faces
    path = _folder() / f"{next(_serial)}.ply"
    path.write_bytes("\n".join(header).encode() + data.tobytes() + records.tobytes())
    return {"type": "ply", "filename": str(path), "face_normals": "nx" not in names, "bsdf": bsdf}


def place(points: Points, *, turn: float = 0.0, at: tuple[float, float, float] = (0, 0, 0)) -> Points:
    """Points turned by `turn` degrees about z and moved to `at`."""
    t = np.radians(turn)
    spin = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
    return np.asarray(points @ spin.T + np.asarray(at, dtype=np.float64))
