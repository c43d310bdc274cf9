"""pHash: 64 bits by which copies of a photo are told, whatever was done to their size, file or brightness.

The signs, about their median, of the lowest 8×8 frequencies of the photo's DCT (Zauner 2010, "Implementation and
Benchmarking of Perceptual Image Hash Functions", section 3.2.1), bit for bit as the library ImageHash has them
(`imagehash.phash`, 4.3). Ours needs numpy alone, so that whoever looks for copies needs no training library.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 32
"""Pixels to a side of the square picture that is hashed."""
_KEPT: Final = 8
_DECIMALS: Final = 6

# DCT-II, not normalised: row k holds 2·cos(πk(2n + 1)/2N).
_COSINES: Final = 2 * np.cos(np.pi * np.outer(np.arange(_KEPT), 2 * np.arange(SIDE) + 1) / (2 * SIDE))


def phash(grey: NDArray[np.uint8]) -> np.uint64:
    """The hash of a grey picture, uint8 (32, 32). Its first byte is that of the lowest rows of frequencies."""
    # Rounded, so that frequencies that a picture lacks count as 0 on every machine, and not as a sum's last bits.
    low = np.round(_COSINES @ grey.astype(np.float64) @ _COSINES.T, _DECIMALS)
    bits = low > np.median(low)
    return np.packbits(bits.ravel()).view(np.uint64)[0]  # type: ignore[no-any-return]
