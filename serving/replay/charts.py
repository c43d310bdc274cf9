"""Charts of a replay's report, as SVG that needs no script and no style from elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import date

from markupsafe import Markup, escape

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 26


def review_chart(days: Mapping[date, Sequence[int]], title: str) -> Markup:
    """Two lines over the days: the reviews needed before and after. `title` says what it shows, for those who hear it.

    Days without an item are left out, as a day off is no day without work.
    """
    order = sorted(days)
    top = _ceiling(max((max(days[day]) for day in order), default=0))
    parts = [_axes(top)]
    for index, name in enumerate(("before", "after")):
        points = [(_x(place, len(order)), _y(days[day][index], top)) for place, day in enumerate(order)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(Markup('<polyline class="{}" points="{}"/>').format(name, line))
        for (x, y), day in zip(points, order, strict=True):
            dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="3"><title>{}: {}</title></circle>')
            parts.append(dot.format(name, x, y, day.isoformat(), days[day][index]))
    for place in sorted({0, len(order) // 2, len(order) - 1}):
        anchor = "start" if place == 0 else "end" if place == len(order) - 1 else "middle"
        label = Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
        parts.append(label.format(_x(place, len(order)), HEIGHT - 6, anchor, order[place].isoformat()))
    return _svg(parts, HEIGHT, title)


def bar_chart(rows: Sequence[tuple[str, float, str]], title: str) -> Markup:
    """A bar a row to the left or right of zero; `rows` are names, values and the values as written."""
    largest = max((abs(value) for _, value, _ in rows), default=0) or 1
    middle, half = 410, 190
    parts = []
    for index, (name, value, written) in enumerate(rows):
        y, length = 6 + index * 26, half * abs(value) / largest
        x = middle if value >= 0 else middle - length
        bar = Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="16"/>')
        parts.append(bar.format("gain" if value >= 0 else "loss", x, y, length))
        anchor, at = ("start", x + length + 6) if value >= 0 else ("end", x - 6)
        parts.append(Markup('<text x="4" y="{}">{}</text>').format(y + 13, name))
        parts.append(Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(at, y + 13, anchor, written))
    height = 12 + 26 * len(rows)
    parts.append(Markup('<line x1="{0}" x2="{0}" y1="0" y2="{1}"/>').format(middle, height))
    return _svg(parts, height, title)


def _axes(top: int) -> Markup:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        lines.append(Markup('<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(_LEFT, WIDTH - _RIGHT, y, y))
        label = Markup('<text x="{}" y="{:.1f}" text-anchor="end">{:g}</text>')
        lines.append(label.format(_LEFT - 6, y + 4, top * share))
    return Markup("").join(lines)


def _svg(parts: Sequence[Markup], height: int, title: str) -> Markup:
    head = Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}">').format(escape(title), WIDTH, height)
    return head + Markup("").join(parts) + Markup("</svg>")


def _x(place: int, count: int) -> float:
    wide = WIDTH - _LEFT - _RIGHT
    return _LEFT + (wide / 2 if count == 1 else wide * place / (count - 1))


def _y(value: float, top: int) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / top)


def _ceiling(largest: int) -> int:
    """The next round number: 1, 2 or 5 times a power of ten, and even, so that its half is whole."""
    power = 1
    while True:
        for step in (2, 4, 10):
            if step * power >= largest:
                return step * power
        power *= 10
