"""Looking for codes in a photo: as it was decoded for the networks, and closer where that tells nothing."""

from regrade.models.codes.identity import ExpectedCodes
from regrade.models.codes.reader import CLOSER, read_codes
from regrade.models.codes.types import Code
from regrade.models.errors import PhotoError
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.models.types import Photo
from regrade.serving.identity.compare import tells


def look_for_codes(
    photo: Photo, data: bytes, expected: ExpectedCodes, limits: IntakeLimits, *, again: bool
) -> tuple[Code, ...] | None:
    """The codes in `photo`, whose file is `data`; None where they could not be read within their time.

    Where codes are `expected`, none of their kind is among what was read and the file has more pixels, it is decoded
    `again`, larger: most photos show no code, and are not made to pay for it where nobody waits for one.
    """
    codes = read_codes(photo)
    larger = limits.reaching(CLOSER)
    more = min(larger.working_side, max(photo.width, photo.height)) > max(photo.rgb.shape[:2]) * 1.25
    if codes is None or not again or not expected or not more or tells(codes, expected):
        return codes
    try:
        closer = read_codes(open_photo(data, photo.index, larger, sha256=photo.sha256))
    except PhotoError:  # what is wrong with it, the first look has not shown
        return codes
    return None if closer is None else tuple(dict.fromkeys([*closer, *_others(codes, closer)]))


def _others(codes: tuple[Code, ...], closer: tuple[Code, ...]) -> list[Code]:
    """Those that the closer look has not seen again."""
    known = {(code.text, code.format) for code in closer}
    return [code for code in codes if (code.text, code.format) not in known]
