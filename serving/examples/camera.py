"""What a browser's fake camera sees: raw video, as Chromium plays it from a file, over and over."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

FLAGS: Final = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
"""With which Chromium shows a fake camera and asks nobody whether it may."""


def flags(played: Path) -> list[str]:
    """Those, and that it shows the video `played`."""
    return [*FLAGS, f"--use-file-for-fake-video-capture={played}"]


def write_video(path: Path, frames: Sequence[Image.Image]) -> Path:
    """`frames`, all of one size with even sides, as YUV4MPEG2 (4:2:0, ten a second); the path."""
    width, height = frames[0].size
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            y, cb, cr = (np.asarray(band) for band in frame.convert("YCbCr").split())
            out.write(b"FRAME\n" + y.tobytes() + cb[::2, ::2].tobytes() + cr[::2, ::2].tobytes())
    return path
