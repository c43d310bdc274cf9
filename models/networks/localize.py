"""From a defect's activation map to a box: where on the photo the evidence for it lies.

A linear head on mean-pooled features splits exactly into contributions of places (class activation mapping, Zhou
et al. 2016). The box encloses the connected region around the strongest place whose evidence exceeds half of it.
It is as coarse as the map's grid, and says where to look rather than where a defect ends.
"""

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.types import Box

_REGION_SHARE: Final = 0.5


def strongest_region(evidence: NDArray[np.floating], width: int, height: int) -> Box | None:
    """The box, in pixels of a `width` × `height` photo, around the strongest evidence in `evidence` (h, w).

    None where no place stands out above the map's median.
    """
    relief = np.asarray(evidence, dtype=np.float64) - float(np.median(evidence))
    peak = np.unravel_index(int(relief.argmax()), relief.shape)
    top = float(relief[peak])
    if top <= 0:
        return None
    region = _connected(relief >= _REGION_SHARE * top, (int(peak[0]), int(peak[1])))
    rows, columns = np.nonzero(region)
    cell_w, cell_h = width / relief.shape[1], height / relief.shape[0]
    return (
        float(columns.min() * cell_w),
        float(rows.min() * cell_h),
        float((columns.max() + 1) * cell_w),
        float((rows.max() + 1) * cell_h),
    )


def _connected(mask: NDArray[np.bool_], start: tuple[int, int]) -> NDArray[np.bool_]:
    """The 4-connected part of `mask` that holds `start`."""
    found = np.zeros_like(mask)
    found[start] = True
    queue = deque([start])
    while queue:
        row, column = queue.popleft()
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1]
            if inside and mask[r, c] and not found[r, c]:
                found[r, c] = True
                queue.append((r, c))
    return found
