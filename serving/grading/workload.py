"""How much work an item is: core-seconds, estimated from its photos' files and kept right by what was spent.

A photo costs something whatever its size (the networks), something a megapixel (its pixels are decoded and reduced)
and something a megabyte (its entropy coding is undone, and it is hashed). The three prices are measured once, when the
models are warm; from then on a single factor follows the machine: other work on it, other photos than the measured
ones, items whose declared category needs fewer networks.
"""

import io
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from PIL import Image, ImageChops, ImageDraw

from regrade.models.grader import Grader
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo, survey

_WEIGHT: Final = 0.1
"""Of the newest item in the factor: a change of pace is followed within some ten items."""
_STEP: Final = math.log(2)
"""One item, however far off, counts as at most twice or half of what was expected: a page fault is no new pace."""
_RANGE: Final = math.log(20)
_WIDTH, _HEIGHT = 1600, 1200


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do for an item. `megapixels` counts one of another kind as the many of JPEG that it costs.

    `slow` are the places of photos that are not quick to decode. That is done aside: `slow_megapixels` and `slow_bytes`
    are theirs, and not in `megapixels` and `bytes`.
    """

    photos: int
    megapixels: float
    bytes: int
    slow: tuple[int, ...] = ()
    slow_megapixels: float = 0.0
    slow_bytes: int = 0


def work_of(photos: Sequence[bytes]) -> Work:
    """The work of an item's photos, by their structure. What is no photo costs next to nothing: it is refused."""
    found = [survey(data) for data in photos]
    slow = tuple(n for n, structure in enumerate(found) if structure is not None and not structure.quick)
    megapixels = [0.0 if structure is None else structure.work for structure in found]
    slow_megapixels = sum(megapixels[n] for n in slow)
    slow_bytes = sum(len(photos[n]) for n in slow)
    quick_bytes = sum(map(len, photos)) - slow_bytes
    return Work(len(photos), sum(megapixels) - slow_megapixels, quick_bytes, slow, slow_megapixels, slow_bytes)


@dataclass(frozen=True, slots=True)
class Prices:
    """Core-seconds for each photo, megapixel and megabyte (10⁶ bytes)."""

    photo: float = 0.08
    megapixel: float = 0.001
    megabyte: float = 0.025

    def of(self, work: Work) -> float:
        """The price of `work`, but for decoding slow photos, in core-seconds; never 0."""
        price = work.photos * self.photo + work.megapixels * self.megapixel + work.bytes / 1e6 * self.megabyte
        return max(price, 1e-4)

    def of_slow(self, work: Work) -> float:
        """The price of decoding the slow photos of `work`, in core-seconds."""
        return work.slow_megapixels * self.megapixel + work.slow_bytes / 1e6 * self.megabyte


class CostModel:
    """Prices times a factor that follows what was spent: an exponentially weighted geometric mean of spent / priced."""

    def __init__(self, prices: Prices | None = None) -> None:
        self.prices = prices or Prices()
        self._log_factor = 0.0

    @property
    def factor(self) -> float:
        """Spent core-seconds for each that the prices say."""
        return math.exp(self._log_factor)

    def estimate(self, work: Work) -> float:
        """Core-seconds that `work` will take, but for decoding slow photos."""
        return self.prices.of(work) * self.factor

    def estimate_slow(self, work: Work) -> float:
        """Core-seconds that decoding the slow photos of `work` will take."""
        return self.prices.of_slow(work) * self.factor

    def learn(self, work: Work, spent: float) -> None:
        """Correct the factor by an item that took `spent` core-seconds."""
        if spent <= 0:
            return
        surprise = math.log(spent / self.prices.of(work)) - self._log_factor
        moved = self._log_factor + _WEIGHT * min(max(surprise, -_STEP), _STEP)
        self._log_factor = min(max(moved, -_RANGE), _RANGE)


def measure(grader: Grader) -> Prices:
    """The prices on this machine, from three photos made for it: small, large and smooth, large and grainy.

    Takes about as long as five photos do. The grader must be warm.
    """
    limits = replace(DEFAULT_LIMITS, working_side=grader.working_side)
    small, smooth, grainy = _photo(640, 480, 20), _photo(_WIDTH, _HEIGHT, 0), _photo(_WIDTH, _HEIGHT, 40)
    fixed = _fastest(lambda: grader.look(open_photo(small, limits=limits)))
    even = _fastest(lambda: open_photo(smooth, limits=limits))
    rough = _fastest(lambda: open_photo(grainy, limits=limits))
    megabytes = (len(grainy) - len(smooth)) / 1e6
    return Prices(fixed, even / (_WIDTH * _HEIGHT / 1e6), max(0.0, rough - even) / megabytes)


def _fastest(function: Callable[[], object]) -> float:
    """Seconds that `function` takes when nothing interferes: the shorter of two."""
    taken = []
    for _ in range(2):
        started = time.perf_counter()
        function()
        taken.append(time.perf_counter() - started)
    return min(taken)


def _photo(width: int, height: int, grain: int) -> bytes:
    """A grey JPEG of tiles that the quality gate lets pass, with noise of `grain` grey levels on it."""
    tiles = Image.new("L", (width, height), 90)
    draw = ImageDraw.Draw(tiles)
    for x in range(0, width, width // 8):
        for y in range(0, height, height // 6):
            draw.rectangle((x, y, x + width // 14, y + height // 11), fill=70 + (x * 7 + y * 3) % 160)
    if grain:
        tiles = ImageChops.add(tiles, Image.effect_noise((width, height), grain), offset=-128)
    out = io.BytesIO()
    Image.merge("RGB", (tiles, tiles, tiles)).save(out, "JPEG", quality=88)
    return out.getvalue()
