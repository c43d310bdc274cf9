"""Charts as SVG, drawn on the server. Pure: numbers go in, markup comes out.

Nothing in it is styled but by classes (of `quality.css`), which a strict content security policy allows. Each chart is
an image with a name; what it shows stands in a table too, or in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a line at `x`; `low` to `high` is the interval around it, None where there is none."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


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


def line_chart(
    marks: Sequence[Mark],
    *,
    name: str,
    ticks: Sequence[tuple[float, str]],
    labels: Sequence[tuple[float, str]] = (),
    limits: tuple[float, float] | None = None,
    level: float | None = None,
    band: tuple[float, float] | None = None,
    since: float | None = None,
    width: int = 640,
    height: int = 190,
    left: int = 48,
) -> str:
    """A line over time with intervals around its points.

    `ticks` are values and their labels on the y axis, `labels` the same on the x axis. `limits` are the ends of the
    y axis, by default what is drawn. `level` is a horizontal line (what is promised), `band` what is usual, `since` an
    x from which on the line is drawn as changed. `name` says what the chart shows.
    """
    drawn = [value for mark in marks for value in (mark.y, mark.low, mark.high) if value is not None]
    drawn += [value for value in (level, *(band or ())) if value is not None]
    low, high = limits or (min(drawn, default=0.0), max(drawn, default=1.0))
    bottom = height - (20 if labels else 4)
    xs = [mark.x for mark in marks]
    x = Scale(min(xs, default=0.0), max(xs, default=1.0), left + 4, width - (20 if labels else 8))
    y = Scale(low, high, bottom - 4, 8)
    parts = [f'<rect class="ground" x="{left}" y="4" width="{width - left - 4}" height="{bottom - 4}"/>']
    if band is not None:
        top = y(band[1])
        parts.append(_box("usual", left, top, width - left - 4, y(band[0]) - top))
    for value, label in ticks:
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 4}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text class="tick end" x="{left - 5}" y="{y(value) + 4:.1f}">{escape(label)}</text>')
    for value, label in labels:
        parts.append(f'<text class="tick middle" x="{x(value):.1f}" y="{height - 5}">{escape(label)}</text>')
    ranged = [mark for mark in marks if mark.low is not None and mark.high is not None]
    if len(ranged) > 1:
        edge = [(x(mark.x), y(mark.high or 0.0)) for mark in ranged]
        edge += [(x(mark.x), y(mark.low or 0.0)) for mark in reversed(ranged)]
        parts.append(f'<polygon class="interval" points="{_points(edge)}"/>')
    if level is not None:
        parts.append(f'<line class="level" x1="{left}" x2="{width - 4}" y1="{y(level):.1f}" y2="{y(level):.1f}"/>')
    parts.append(f'<polyline class="line" points="{_points([(x(mark.x), y(mark.y)) for mark in marks])}"/>')
    if since is not None:
        late = [(x(mark.x), y(mark.y)) for mark in marks if mark.x >= since]
        parts.append(f'<polyline class="line changed" points="{_points(late)}"/>')
    if len(marks) <= 30:
        parts += [f'<circle class="dot" cx="{x(mark.x):.1f}" cy="{y(mark.y):.1f}" r="2.5"/>' for mark in marks]
    return _image(parts, name, width, height, "chart")


def heat_map(
    counts: Sequence[Sequence[int]], names: Sequence[str], *, name: str, cell: int = 54, left: int = 96
) -> str:
    """A table of counts, rows by columns, both called `names`: the darker, the larger its share of the row."""
    parts = []
    for column, label in enumerate(names):
        x = left + column * cell + cell / 2
        parts.append(f'<text class="tick middle" x="{x:.1f}" y="14">{escape(label)}</text>')
    for row, (label, of_row) in enumerate(zip(names, counts, strict=True)):
        top = 20 + row * 34
        parts.append(f'<text class="tick end" x="{left - 6}" y="{top + 21}">{escape(label)}</text>')
        total = sum(of_row)
        for column, count in enumerate(of_row):
            shade = 0 if not total or not count else 1 + min(4, int(count / total * 5))
            kind = "right" if row == column else "wrong"
            x = left + column * cell
            parts.append(_box(f"cell {kind} shade{shade}", x + 1, top, cell - 2, 32))
            dark = " light" if shade >= 4 else ""
            parts.append(f'<text class="count middle{dark}" x="{x + cell / 2:.1f}" y="{top + 21}">{count}</text>')
    return _image(parts, name, left + cell * len(names) + 2, 24 + 34 * len(names), "heat")


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(height, 0):.1f}"/>'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _image(parts: Sequence[str], name: str, width: int, height: int, kind: str) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg class="{kind}" role="img" aria-label={quoteattr(name)} {size}>{"".join(parts)}</svg>'
