"""The peak day as numbers: when items arrive, of how many photos of which size they are, and ready bodies of them.

30,000 items of 4 photos in 10 hours are 3.3 photos/s on average; the peak hour has 3 times that, and lunch a third.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np
from photos import SIZES, item_body, item_of, photo_of, twin

HOURS: Final = (0.5, 0.9, 1.0, 0.9, 0.35, 0.8, 1.0, 3.0, 1.0, 0.55)
"""Arrivals of each hour over the average: lunch in the fifth, the peak in the eighth."""
PEAK: Final = max(HOURS)
MEGAPIXELS: Final = {0.5: 0.15, 2: 0.25, 5: 0.2, 12: 0.4}
"""Share of the photos of each size."""
PHOTOS: Final = {1: 0.06, 2: 0.12, 3: 0.2, 4: 0.27, 5: 0.17, 6: 0.1, 7: 0.05, 8: 0.03}
"""Share of the items of each number of photos."""
MEAN_PHOTOS: Final = sum(count * share for count, share in PHOTOS.items())


@dataclass(frozen=True)
class Arrivals:
    """`moments` in seconds from the beginning, ascending, and which body comes at each."""

    moments: list[float]
    order: list[int]
    seconds: float

    def since(self, second: float) -> "Arrivals":
        """Those from `second` on, with moments counted from there."""
        first = bisect_right(self.moments, second)
        return Arrivals([m - second for m in self.moments[first:]], self.order[first:], self.seconds - second)


def shape(part: float) -> float:
    """Arrivals at `part` of the day (0 to 1) over the day's average."""
    return HOURS[min(int(part * len(HOURS)), len(HOURS) - 1)]


def arrivals(peak_photos_per_s: float, seconds: float, bodies: int, seed: int, *, steady: bool = False) -> Arrivals:
    """A Poisson process with the rate of the day squeezed into `seconds`, by thinning (Lewis and Shedler 1979).

    `steady` keeps the peak's rate throughout. Bodies are drawn at random.
    """
    rng = np.random.default_rng(seed)
    count = rng.poisson(peak_photos_per_s / MEAN_PHOTOS * seconds)
    moments = np.sort(rng.uniform(0, seconds, count))
    if not steady:
        rates = np.array([shape(moment / seconds) for moment in moments]) / PEAK
        moments = moments[rng.uniform(size=count) < rates]
    return Arrivals(moments.tolist(), rng.integers(0, bodies, len(moments)).tolist(), seconds)


@dataclass(frozen=True)
class Items:
    """Bodies ready to be sent, how many photos each has, and the Content-Type of all."""

    bodies: list[bytes]
    photos: list[int]
    kind: str

    @property
    def mean_mb(self) -> float:
        """Of a body, in MiB."""
        return sum(map(len, self.bodies)) / len(self.bodies) / 2**20


def items(count: int, category: str | None, seed: int, largest: float = 12) -> Items:
    """`count` items whose photos and sizes follow the day's shares; no photo has more than `largest` megapixels."""
    rng = np.random.default_rng(seed)
    sizes = [size for size in MEGAPIXELS if size <= largest]
    shares = np.array([MEGAPIXELS[size] for size in sizes])
    rendered = {size: [photo_of(n, *SIZES[size]) for n in range(3)] for size in sizes}
    # The numbers of photos are spread over the items as the shares say, so that few items have the right mean too.
    numbers = np.repeat(list(PHOTOS), np.ceil(np.array(list(PHOTOS.values())) * count).astype(int))
    numbers = rng.permutation(numbers)[:count]
    made, used = [], 0
    for number in numbers.tolist():
        photos = []
        for size in rng.choice(sizes, number, p=shares / shares.sum()).tolist():
            used += 1
            photos.append(twin(rendered[size][used % 3], used))
        made.append(item_body(photos, item_of(category)))
    return Items([body for body, _ in made], numbers.tolist(), made[0][1])
