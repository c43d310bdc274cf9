"""What networks made of photos, kept in the run's folder: calibrating a second time then asks no network.

A file holds the answers of one network and the hash of all that they follow from: the network, what it was shown, and
the code that showed it. Where that hash is another, the file is made anew.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from regrade.datasets.manifest import Record
from regrade.models.arch import grading_backbone
from regrade.models.files import write_atomically
from regrade.models.networks import detector, runtime
from regrade.models.photos import intake, preprocess
from regrade.training.run.run import Run

FOLDER: Final = "network-outputs"
Arrays = Mapping[str, NDArray[Any]]
_CODE: Final = tuple(Path(str(module.__file__)) for module in (detector, grading_backbone, intake, preprocess, runtime))
_HASH: Final = "made_from"


def recalled(run: Run, name: str, made_from: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that are kept under `name`; where there are none, or where they were made from something else, those
    that `make` gives, which are kept from then on."""
    path = run.path(FOLDER, f"{name}.npz")
    kept = _read(path, made_from)
    if kept is not None:
        run.log.info("%s: seen before by the same network", name)
        return kept
    made = make()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{**made, _HASH: np.array(made_from)})
    write_atomically(path, buffer.getvalue())
    return made


def _read(path: Path, made_from: str) -> Arrays | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            if str(data[_HASH]) != made_from:
                return None
            return {name: data[name] for name in data.files if name != _HASH}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        # There is none, or it is spoilt: looking again mends both.
        return None


def hash_of(*parts: bytes | str | Path | NDArray[Any]) -> str:
    """One SHA-256, in hex, of `parts` (a path stands for its file's content) and of the code that runs networks."""
    whole = hashlib.sha256()
    for part in (*parts, *_CODE):
        whole.update(_digest(part))
    return whole.hexdigest()


def _digest(part: bytes | str | Path | NDArray[Any]) -> bytes:
    if isinstance(part, Path):
        with part.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    if isinstance(part, np.ndarray):
        found = hashlib.sha256(f"{part.dtype.str}{part.shape}".encode())
        found.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        return found.digest()
    return hashlib.sha256(part.encode() if isinstance(part, str) else part).digest()


def hash_of_photos(records: Sequence[Record]) -> str:
    """Of the photos of `records`, in order, by the hashes that the manifest has of them."""
    return hash_of("\n".join(f"{r.sha256} {r.width} {r.height}" for r in records))


def hash_of_network(net: nn.Module) -> str:
    """Of all tensors of a torch module, with their names."""
    tensors = net.state_dict()
    return hash_of(*(part for name, t in tensors.items() for part in (name, t.detach().cpu().numpy())))
