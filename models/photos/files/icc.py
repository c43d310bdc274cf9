"""Colour profiles (ICC.1:2022): which of them cost next to nothing to apply, whatever is in them."""

import struct
from typing import Final

MAX_BYTES: Final = 4 * 1024 * 1024
"""No photo's profile is larger: those of printing presses, the largest there are, have up to 3 MB."""
_SMALL: Final = 64 * 1024
_HEADER: Final = 128
_SPACES: Final = (b"RGB ", b"GRAY")
_PLAIN: Final = frozenset(
    {
        *(b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt", b"bkpt", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"lumi", b"meas", b"chad"),
        *(b"desc", b"cprt", b"dmnd", b"dmdd", b"vued", b"view", b"tech", b"chrm", b"cicp", b"mmod", b"vcgt", b"ndin"),
        *(b"dscm", b"aarg", b"aagg", b"aabg", b"targ", b"calt", b"scrn", b"scrd", b"arts"),
    }
)
"""Tags of a profile that is a matrix and three curves, or one curve: nothing in it is a table of many dimensions."""


def is_cheap(profile: bytes) -> bool:
    """Whether applying `profile` is bounded by its size: no profile, a broken one, or a small one without tables.

    Little CMS resamples any other one, and evaluates as many stages as it has.
    """
    if len(profile) < _HEADER + 4:
        return True  # it is not applied
    if len(profile) > _SMALL or profile[16:20] not in _SPACES:
        return False
    (count,) = struct.unpack_from(">I", profile, _HEADER)
    tags = {profile[at : at + 4] for at in range(_HEADER + 4, _HEADER + 4 + 12 * min(count, 100), 12)}
    return tags <= _PLAIN
