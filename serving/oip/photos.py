"""The photos that a request holds: files, or pixels."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regrade.serving.base.errors import TensorError, UploadError
from regrade.serving.base.i18n import Message
from regrade.serving.base.settings import MIB, Settings
from regrade.serving.grading.workload import Work, work_of
from regrade.serving.oip.model import INPUTS, PHOTOS, PIXELS
from regrade.serving.oip.request import InferRequest
from regrade.serving.oip.tensors import BYTES, Tensor

_REDUCING: Final = 0.3
"""What a megapixel that need not be decoded costs, beside one that must be."""


@dataclass(frozen=True, slots=True)
class SentPhotos:
    """`files` as they were sent; or empty ones, and `pixels`: uint8 (n, h, w, 3)."""

    files: tuple[bytes, ...]
    pixels: NDArray[np.uint8] | None = None

    @property
    def work(self) -> Work:
        """What looking at them will cost."""
        work = work_of(self.files)
        if self.pixels is None:
            return work
        count, height, width, _ = self.pixels.shape
        return replace(work, megapixels=work.megapixels + _REDUCING * count * height * width / 1e6)


def photos_of(request: InferRequest, settings: Settings) -> SentPhotos:
    """The photos of a request. Raises `TensorError`, and `UploadError` for too many or too large ones."""
    unknown = [name for name in request.inputs if name not in INPUTS]
    if unknown or len(request.inputs) != 1:
        said = f"There is no input {unknown[0]!r}." if unknown else "There are both inputs."
        raise TensorError(f"{said} Send one of: {', '.join(INPUTS)}.")
    ((name, tensor),) = request.inputs.items()
    wanted = INPUTS[name][0]
    if tensor.datatype != wanted:
        raise TensorError(f"{name!r} must be {wanted}, and is {tensor.datatype}.")
    sent = _files(tensor, settings) if wanted == BYTES else _pixels(tensor)
    if not sent.files:
        raise UploadError("no-photos", Message("problem.no_photos"))
    if len(sent.files) > settings.max_photos:
        raise UploadError("too-many-photos", Message("problem.too_many_photos", {"limit": settings.max_photos}))
    return sent


def _files(tensor: Tensor, settings: Settings) -> SentPhotos:
    assert isinstance(tensor.elements, tuple)
    if not 1 <= len(tensor.shape) <= 2:
        raise TensorError(f"{PHOTOS!r} must be of shape [n] or [n, 1], and is of {list(tensor.shape)}.")
    for index, data in enumerate(tensor.elements):
        if len(data) > settings.max_photo_bytes:
            params: dict[str, Any] = {"photo": index, "limit": f"{settings.max_photo_bytes / MIB:.0f}"}
            raise UploadError("photo-too-large", Message("problem.photo_too_large", params), photo=index)
    return SentPhotos(tensor.elements)


def _pixels(tensor: Tensor) -> SentPhotos:
    array = tensor.elements
    assert isinstance(array, np.ndarray)
    if array.ndim == 3:
        array = array[np.newaxis]
    if array.ndim != 4 or array.shape[3] != 3:
        raise TensorError(f"{PIXELS!r} must be of shape [h, w, 3] or [n, h, w, 3], and is of {list(tensor.shape)}.")
    if len(array) and 0 in array.shape:
        raise TensorError(f"{PIXELS!r} is of shape {list(tensor.shape)}, which has no pixels.")
    return SentPhotos((b"",) * len(array), array)
