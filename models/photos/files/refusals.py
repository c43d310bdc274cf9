"""What a person at a bench is told of a photo that is refused. Each is raised by whoever finds the fault."""

from regrade.models.errors import PhotoError


def truncated() -> PhotoError:
    """The file ends, or its pixels do, before the photo does."""
    return PhotoError("truncated", "The photo ends before its last pixel. Upload it again, or take it again.")


def unreadable() -> PhotoError:
    """The file is damaged, or of a kind that nobody can show."""
    return PhotoError(
        "unreadable", "The photo's data is damaged and cannot be decoded. Take it again, or save it anew as JPEG."
    )


def animated() -> PhotoError:
    """The file has more than one frame."""
    return PhotoError("animated", "The file is an animation. Send a single still photo.")


def too_complex(found: str) -> PhotoError:
    """The file has so many of its parts that reading it would cost more than a photo may. `found` counts them."""
    return PhotoError(
        "too_complex",
        f"The photo's file has {found}, far more than a camera writes. Take it again, or save it anew as JPEG.",
    )


def too_slow(seconds: float) -> PhotoError:
    """Decoding was cut off after `seconds` seconds."""
    return PhotoError(
        "too_slow", f"The photo was not decoded within {seconds:.3g} s. Take it again, or save it anew as JPEG."
    )
