"""A small simulation of how items wait for the cores: the service's own discipline, in simulated time.

Items are let into a window in order of arrival; the photos of the items in the window share the cores in turn, one
photo of each at a time, and a photo that has begun is not interrupted. With one photo an item this is the
first-come-first-served queue of the textbooks (M/M/c, M/D/c).
"""

import heapq
from collections import deque

import numpy as np
from numpy.typing import NDArray

WARM_UP = 0.1
"""Share of the items at the start that is left out of what is reported: they find the service empty."""


def latencies(arrivals: NDArray[np.float64], work: NDArray[np.float64], cores: int, window: int) -> NDArray[np.float64]:
    """Seconds from the arrival of each item to the end of its last photo, (N,).

    `arrivals` (N,): seconds, ascending; `work` (N, K): seconds that each photo keeps a core busy. At most `window`
    items have photos under way; the others wait in order of arrival.
    """
    total, photos = work.shape
    at, seconds = arrivals.tolist(), work.tolist()
    begun, left, ended = [0] * total, [photos] * total, [0.0] * total
    running: list[tuple[float, int]] = []
    turn: deque[int] = deque()
    arrived = entered = inside = done = 0
    free = cores
    while done < total:
        if running and (arrived == total or running[0][0] <= at[arrived]):
            now, item = heapq.heappop(running)
            free += 1
            left[item] -= 1
            if not left[item]:
                ended[item] = now
                inside -= 1
                done += 1
        else:
            now = at[arrived]
            arrived += 1
        while inside < window and entered < arrived:
            turn.append(entered)
            entered += 1
            inside += 1
        while free and turn:
            item = turn.popleft()
            heapq.heappush(running, (now + seconds[item][begun[item]], item))
            begun[item] += 1
            free -= 1
            if begun[item] < photos:
                turn.append(item)
    return np.asarray(ended) - arrivals


def poisson_hour(
    items_per_s: float, photo_s: NDArray[np.float64], photos: int, cores: int, window: int, *, items: int, seed: int
) -> NDArray[np.float64]:
    """Latencies in seconds of `items` items (less the first `WARM_UP`) that arrive as a Poisson process.

    Each of an item's `photos` photos takes a time drawn from the sample `photo_s` (S,), in seconds. The same seed
    gives the same photos and the same arrivals on a stretched clock, so that loads and cores are compared on equal
    terms.
    """
    rng = np.random.default_rng(seed)
    gaps = rng.standard_exponential(items)
    work = rng.choice(photo_s, size=(items, photos))
    return latencies(np.cumsum(gaps) / items_per_s, work, cores, window)[int(items * WARM_UP) :]
