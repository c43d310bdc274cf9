"""The scores of a training run as JSON and pictures, since people judge a confusion matrix by looking at it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from regrade.training.conditions import Trained


def write_report(trained: "Mapping[str, Trained]", folder: Path) -> list[Path]:
    """Write `scores.json` and `scores.png` (confusion and reliability of every bundle) to `folder`."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    scores, picture = folder / "scores.json", folder / "scores.png"
    scores.write_text(json.dumps({name: t.to_json() for name, t in trained.items()}, indent=1) + "\n", encoding="utf-8")
    figure, axes = plt.subplots(2, len(trained), figsize=(3.6 * len(trained), 7.2), layout="constrained")
    for column, (name, t) in enumerate(trained.items()):
        _confusion(axes[0, column], t)
        _reliability(axes[1, column], t)
        axes[0, column].set_title(f"{name.strip('_')}\ntest, N={t.test.estimates['accuracy'].n}", fontsize=11)
    figure.savefig(picture, dpi=110)
    plt.close(figure)
    return [scores, picture]


def _confusion(axis: "object", trained: "Trained") -> None:
    from matplotlib.axes import Axes

    assert isinstance(axis, Axes)
    counts = np.array(trained.test.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(trained.labels))
    axis.set_xticks(ticks, trained.labels, rotation=40, ha="right", fontsize=8)
    axis.set_yticks(ticks, trained.labels, fontsize=8)
    axis.set_xlabel("graded", fontsize=9)
    axis.set_ylabel("label", fontsize=9)
    for row in ticks:
        for column in ticks:
            ink = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, str(counts[row, column]), ha="center", va="center", color=ink, fontsize=9)


def _reliability(axis: "object", trained: "Trained") -> None:
    from matplotlib.axes import Axes

    assert isinstance(axis, Axes)
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for part, style in (("cv", "o-"), ("test", "s--")):
        scored = trained.cv if part == "cv" else trained.test
        confidence, right, _ = zip(*scored.reliability, strict=True)
        error = scored.estimates["ece"]
        axis.plot(confidence, right, style, markersize=4, label=f"{part}: ECE {error.value:.3f}")
    axis.set(xlim=(0.2, 1.02), ylim=(0, 1.02))
    axis.set_xlabel("confidence", fontsize=9)
    axis.set_ylabel("share right", fontsize=9)
    axis.legend(fontsize=8, loc="upper left")
