"""The figure of `peers.py`, drawn from its result alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from charts import BLUE, GREY, ORANGE
from matplotlib.figure import Figure
from peer_servers import OURS, TITLES


def peers_figure(result: Mapping[str, Any]) -> Figure:
    """A row for each photo size: throughput with every round as a dot, and latency at the equal load."""
    sizes = result["megapixels"]
    figure = Figure(figsize=(13, 4.3 * len(sizes)), layout="constrained")
    axes = figure.subplots(len(sizes), 2, squeeze=False)
    for (left, right), (size, found) in zip(axes, sizes.items(), strict=True):
        servers = found["servers"]
        for x, (name, told) in enumerate(servers.items()):
            colour = BLUE if name == OURS else GREY
            left.bar(x, told["photos_per_s"], 0.65, color=colour, alpha=0.45)
            rounds = told["photos_per_s_by_round"]
            left.plot(np.linspace(x - 0.15, x + 0.15, len(rounds)), rounds, "o", color=colour, markersize=4)
            text = f"{told['photos_per_s']:.1f}"
            if "ours_over_this" in told:
                ratio = told["ours_over_this"]
                text += f"\nours {ratio['median']:.2f}×\n[{ratio['low']:.2f}, {ratio['high']:.2f}]"
            left.text(x, max(rounds) * 1.02, text, ha="center", va="bottom", fontsize=9)
            waits = told["latency_ms"]
            if isinstance(waits, str):
                right.text(
                    x, 0.03, "cannot\nsustain it", ha="center", transform=right.get_xaxis_transform(), fontsize=9
                )
                continue
            right.bar(x - 0.2, waits["p50"], 0.36, color=colour, alpha=0.45)
            right.bar(x + 0.2, waits["p99"], 0.36, color=ORANGE, alpha=0.7)
            right.text(x - 0.2, waits["p50"], f"{waits['p50']:.0f}", ha="center", va="bottom", fontsize=9)
            right.text(x + 0.2, waits["p99"], f"{waits['p99']:.0f}", ha="center", va="bottom", fontsize=9)
        for place in (left, right):
            place.set_xticks(range(len(servers)), [TITLES[name] for name in servers], fontsize=8.5)
            place.set_xlim(-0.6, len(servers) - 0.4)
            place.margins(y=0.25)
        left.set_ylabel("photos per second")
        left.set_title(f"{size} MP, saturated (dots: rounds)")
        right.set_ylabel("milliseconds an item")
        right.set_title(
            f"{size} MP, {found['open_loop_photos_per_s']:.1f} photos/s open loop: p50 (pale) and p99 (orange)"
        )
    return figure
