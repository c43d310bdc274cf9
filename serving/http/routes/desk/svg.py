"""Charts as SVG, drawn on the server. Pure: numbers go in, markup comes out.

Nothing in it is styled but by classes (of `quality.css`), which a strict content security policy allows. Each chart is
an image with a name; what it shows stands in a table too, or in words. What matters is never told by colour alone:
what is promised is dashed, what has changed is thicker and begins at a mark, and shades differ in lightness.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width
from xml.sax.saxutils import escape, quoteattr


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a line at `x`; `low` to `high` is the interval around it, None where there is none."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """What stands under the x axis at `x`, with a smaller second line."""

    x: float
    text: str
    below: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from `low` to `high` to pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.high <= self.low:
            return (self.start + self.end) / 2
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start)


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most `most` round values (1, 2 or 5 times a power of ten apart) from `low` to `high` > `low`."""
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(count * step, 10) for count in range(first, last + 1)]


def line_chart(
    marks: Sequence[Mark],
    *,
    name: str,
    ticks: Sequence[tuple[float, str]],
    labels: Sequence[Label] = (),
    limits: tuple[float, float] | None = None,
    level: float | None = None,
    width: int = 560,
    height: int = 184,
    left: int = 48,
) -> str:
    """A line over time, with the interval of each point as a bar through it.

    `ticks` are values and their labels on the y axis, `labels` stand under the x axis. `limits` are the ends of the y
    axis, by default those of what is drawn; an interval that leaves them ends in an arrow. `level` is a horizontal,
    dashed line. `name` says what the chart shows.
    """
    drawn = [value for mark in marks for value in (mark.y, mark.low, mark.high) if value is not None]
    low, high = limits or (min(drawn, default=0.0), max(drawn, default=1.0))
    bottom = height - (34 if any(label.below for label in labels) else 20 if labels else 4)
    xs = [mark.x for mark in marks]
    x = Scale(min(xs, default=0.0), max(xs, default=1.0), left + 18, width - 22)
    y = Scale(low, high, bottom, 10)
    parts = [f'<rect class="ground" x="{left}" y="4" width="{width - left - 4}" height="{bottom - 4}"/>']
    for value, written in ticks:
        parts.append(_line("grid", left, y(value), width - 4, y(value)))
        parts.append(f'<text class="tick end" x="{left - 5}" y="{y(value) + 4:.1f}">{escape(written)}</text>')
    for label in labels:
        at = f'class="tick middle" x="{x(label.x):.1f}"'
        parts.append(f'<text {at} y="{bottom + 15}">{escape(label.text)}</text>')
        if label.below:
            parts.append(f'<text {at} y="{bottom + 28}">{escape(label.below)}</text>')
    for mark in marks:
        if mark.low is not None and mark.high is not None:
            parts.append(_whisker(x(mark.x), y(mark.low), y(mark.high), over=mark.high > high))
    if level is not None:
        parts.append(_line("level", left, y(level), width - 4, y(level)))
    parts.append(f'<polyline class="line" points="{_points([(x(mark.x), y(mark.y)) for mark in marks])}"/>')
    parts += [f'<circle class="dot" cx="{x(mark.x):.1f}" cy="{y(mark.y):.1f}" r="3.5"/>' for mark in marks]
    return _image(parts, name, width, height, "chart")


def spark_line(
    marks: Sequence[Mark],
    *,
    name: str,
    limits: tuple[float, float],
    usual: tuple[float, float],
    watched: float,
    since: float | None = None,
    width: int = 150,
    height: int = 46,
) -> str:
    """A small line over time in front of the band of what is `usual`.

    What is to the left of `watched` made the band, and is drawn paler. From `since` on the line is drawn as changed,
    and a mark shows where that begins.
    """
    xs = [mark.x for mark in marks]
    x = Scale(min(xs, default=0.0), max(xs, default=1.0), 2, width - 3)
    y = Scale(*limits, height - 3, 3)
    top = y(usual[1])
    parts = [
        f'<rect class="ground" x="0" y="0" width="{width}" height="{height}"/>',
        _box("usual", 0, top, width, y(usual[0]) - top),
    ]
    points = [(x(mark.x), y(mark.y)) for mark in marks]
    before = [point for point, mark in zip(points, marks, strict=True) if mark.x <= watched]
    after = [point for point, mark in zip(points, marks, strict=True) if mark.x >= watched]
    parts.append(f'<polyline class="line before" points="{_points(before)}"/>')
    parts.append(f'<polyline class="line" points="{_points(after)}"/>')
    if since is not None:
        parts.append(_line("since", x(since), 0, x(since), height))
        late = [point for point, mark in zip(points, marks, strict=True) if mark.x >= since]
        parts.append(f'<polyline class="line changed" points="{_points(late)}"/>')
    return _image(parts, name, width, height, "spark")


def range_bar(
    value: float,
    low: float,
    high: float,
    *,
    name: str,
    limits: tuple[float, float],
    level: float | None = None,
    bad: bool = False,
    width: int = 150,
    height: int = 22,
) -> str:
    """One value with its interval on a line from `limits[0]` to `limits[1]`; `level` is what is promised."""
    x = Scale(*limits, 6, width - 6)
    middle = height / 2
    parts = [_line("grid", x(limits[0]), middle, x(limits[1]), middle)]
    if level is not None:
        parts.append(_line("level", x(level), 1, x(level), height - 1))
    kind = "range bad" if bad else "range"
    parts.append(_box(kind, x(low), middle - 4, max(2.0, x(high) - x(low)), 8))
    parts.append(f'<circle class="dot{" bad" if bad else ""}" cx="{x(value):.1f}" cy="{middle:.1f}" r="4"/>')
    return _image(parts, name, width, height, "ranged")


def stacked_bars(rows: Sequence[Sequence[int]], *, name: str, width: int = 150, height: int = 46) -> str:
    """Bars below one another, each as long as the others, divided as its counts are."""
    parts, each = [], height / max(1, len(rows))
    for row, counts in enumerate(rows):
        total, begin = sum(counts), 0.0
        for place, count in enumerate(counts):
            wide = width * count / total if total else 0.0
            if wide:
                parts.append(_box(f"part{place}", begin, row * each + 2, wide, each - 4))
            begin += wide
    return _image(parts, name, width, height, "mix")


def heat_map(
    counts: Sequence[Sequence[int]], names: Sequence[str], *, name: str, sides: tuple[str, str], cell: int = 62
) -> str:
    """A table of counts, rows by columns, both called `names`: the darker, the larger its share of the row.

    `sides` say whose the rows and whose the columns are. Each cell shows its count and its share of the row.
    """
    tall, left, top = 36, 92, 36
    parts = [
        f'<text class="side middle" x="{left + cell * len(names) / 2:.1f}" y="13">{escape(sides[1])}</text>',
        f'<text class="side" x="0" y="{top - 6}">{escape(sides[0])}</text>',
    ]
    for column, label in enumerate(names):
        x = left + column * cell + cell / 2
        parts.append(f'<text class="tick middle" x="{x:.1f}" y="{top - 6}">{escape(label)}</text>')
    for row, (label, of_row) in enumerate(zip(names, counts, strict=True)):
        y = top + row * tall
        parts.append(f'<text class="tick end" x="{left - 6}" y="{y + 22}">{escape(label)}</text>')
        total = sum(of_row)
        for column, count in enumerate(of_row):
            shade = 0 if not total or not count else 1 + min(4, int(count / total * 5))
            kind = "right" if row == column else "wrong"
            x = left + column * cell
            parts.append(_box(f"cell {kind} shade{shade}", x + 1, y + 1, cell - 2, tall - 2))
            light = " light" if shade >= 4 else ""
            middle = f'x="{x + cell / 2:.1f}"'
            parts.append(f'<text class="count middle{light}" {middle} y="{y + (16 if count else 22)}">{count}</text>')
            if count:
                share = f"{100 * count / total:.0f}%"
                parts.append(f'<text class="share middle{light}" {middle} y="{y + 29}">{share}</text>')
    return _image(parts, name, left + cell * len(names) + 2, top + tall * len(names) + 2, "heat")


def _whisker(x: float, bottom: float, top: float, *, over: bool) -> str:
    ends = "" if over else f"M{x - 4:.1f} {top:.1f}H{x + 4:.1f}"
    arrow = f"M{x - 4:.1f} {top + 5:.1f}L{x:.1f} {top:.1f}L{x + 4:.1f} {top + 5:.1f}" if over else ""
    path = f"M{x:.1f} {bottom:.1f}V{top:.1f}M{x - 4:.1f} {bottom:.1f}H{x + 4:.1f}{ends}{arrow}"
    return f'<path class="whisker" d="{path}"/>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(height, 0):.1f}"/>'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _image(parts: Sequence[str], name: str, width: int, height: int, kind: str) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg class="{kind}" role="img" aria-label={quoteattr(name)} {size}>{"".join(parts)}</svg>'


def bars(
    rows: Sequence[tuple[str, float, str]],
    *,
    name: str,
    level: float | None = None,
    width: int = 560,
    left: int = 150,
    each: int = 24,
    above: bool = False,
) -> str:
    """Bars below one another from 0 on: what each is of, its length, and its value as it is written beside it.

    What a bar is of stands `left` of it, or `above` it, which takes less width. `level` is a vertical, dashed line.
    """
    top = max([*(value for _, value, _ in rows), level or 0.0, 1e-9])
    if above:
        left, each = 0, each + 16
    x = Scale(0.0, top, left, width - 90)
    parts = []
    for place, (label, value, shown) in enumerate(rows):
        middle = (place + 1) * each - 12
        if above:
            said = f'<text class="tick" x="0" y="{middle - 11}">{escape(_short(label, width // 7))}</text>'
        else:
            said = f'<text class="tick end" x="{left - 6}" y="{middle + 4}">{escape(_short(label, left // 7))}</text>'
        beside = max(x(value), left) + 6
        parts += [said, _box("range", left, middle - 7, max(1.0, x(value) - left), 14)]
        parts.append(f'<text class="tick" x="{beside:.1f}" y="{middle + 4}">{escape(shown)}</text>')
    height = each * max(1, len(rows))
    if level is not None:
        parts.append(_line("level", x(level), 0, x(level), height))
    return _image(parts, name, width, height, "chart")


def _short(label: str, most: int) -> str:
    """`label`, cut to about `most` letters of this one's size: Chinese ones count for two."""
    wide = 0
    for place, letter in enumerate(label):
        wide += 2 if east_asian_width(letter) in "WF" else 1
        if wide > most:
            return f"{label[: max(1, place - 1)]}…"
    return label
