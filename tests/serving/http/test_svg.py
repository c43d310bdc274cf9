"""Charts are well-formed, named, inside their frame, and safe to put into a page."""

from xml.etree import ElementTree

import pytest

from regrade.serving.http.routes.desk.svg import (
    Label,
    Mark,
    Scale,
    heat_map,
    line_chart,
    range_bar,
    round_ticks,
    spark_line,
    stacked_bars,
)


def parse(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


def points_of(root: ElementTree.Element, kind: str) -> list[tuple[float, ...]]:
    lines = [one.get("points", "") for one in root if one.get("class") == kind]
    return [tuple(map(float, point.split(","))) for line in lines for point in line.split()]


def test_names_and_labels_are_escaped_and_nothing_is_styled_inline() -> None:
    evil = "\"><script>alert('1')</script>"
    drawn = [
        line_chart([Mark(0, 1), Mark(1, 2)], name=evil, ticks=[(1, evil)], labels=[Label(0, evil, evil)]),
        heat_map([[1]], [evil], name=evil, sides=(evil, evil)),
        spark_line([Mark(0, 1)], name=evil, limits=(0, 1), usual=(0, 1), watched=0),
        range_bar(0.1, 0.0, 0.2, name=evil, limits=(0, 1)),
        stacked_bars([[1, 2]], name=evil),
    ]
    for markup in drawn:
        root = parse(markup)
        assert (root.get("role"), root.get("aria-label")) == ("img", evil)
        assert root.findall(".//script") == []
        assert "style=" not in markup


def test_every_point_lies_inside_the_frame_whatever_the_limits() -> None:
    marks = [Mark(0, 0.5, 0.1, 0.9), Mark(1, 7.0, -3.0, 9.0), Mark(2, 0.2, 0.0, 0.4)]
    root = parse(line_chart(marks, name="n", ticks=[], limits=(0.0, 1.0), level=4.0))
    points = points_of(root, "line")
    assert len(points) == 3
    assert all(0 <= x <= 560 and 0 <= y <= 184 for x, y in points)


def test_an_interval_that_leaves_the_chart_ends_in_an_arrow_and_others_in_a_bar() -> None:
    root = parse(line_chart([Mark(0, 0.5, 0.1, 0.9), Mark(1, 0.5, 0.1, 1.7)], name="n", ticks=[], limits=(0.0, 1.0)))
    inside, beyond = (one.get("d", "") for one in root if one.get("class") == "whisker")
    assert ("L" in inside, "L" in beyond) == (False, True)


def test_one_value_and_none_at_all_are_drawn_too() -> None:
    assert Scale(3, 3, 0, 10)(3) == 5
    for marks in ([], [Mark(4, 0.0)]):
        assert parse(line_chart(marks, name="n", ticks=[])).get("role") == "img"
    assert [one.tag for one in parse(stacked_bars([[0, 0]], name="n"))] == []


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 0.33, [0.0, 0.1, 0.2, 0.3]),
        (0.0, 0.05, [0.0, 0.02, 0.04]),
        (0.4, 1.0, [0.4, 0.6, 0.8, 1.0]),
        (-0.2, 1.0, [0.0, 0.5, 1.0]),
        (0.0, 400.0, [0, 100, 200, 300, 400]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high) == pytest.approx(ticks)


def test_a_change_is_drawn_over_the_line_from_its_first_day() -> None:
    marks = [Mark(x, 1.0 if x < 6 else 0.0) for x in range(10)]
    root = parse(spark_line(marks, name="n", limits=(0, 1), usual=(0.9, 1.1), watched=4, since=6))
    assert [len(points_of(root, kind)) for kind in ("line before", "line", "line changed")] == [5, 6, 4]
    (mark,) = (one for one in root if one.get("class") == "since")
    assert mark.get("x1") == f"{points_of(root, 'line changed')[0][0]:.1f}"
    steady = parse(spark_line(marks, name="n", limits=(0, 1), usual=(0.9, 1.1), watched=4))
    assert points_of(steady, "line changed") == []


def test_a_range_is_as_wide_as_its_interval_and_marks_what_is_promised() -> None:
    root = parse(range_bar(0.5, 0.25, 0.75, name="n", limits=(0, 1), level=0.1, bad=True, width=112))
    (bar,) = (one for one in root if one.get("class") == "range bad")
    (level,) = (one for one in root if one.get("class") == "level")
    assert (bar.get("x"), bar.get("width"), level.get("x1")) == ("31.0", "50.0", "16.0")


def test_bars_are_divided_as_their_counts_are() -> None:
    root = parse(stacked_bars([[1, 0, 3], [2, 2, 0]], name="n", width=100))
    assert [(one.get("class"), one.get("width")) for one in root] == [
        ("part0", "25.0"), ("part2", "75.0"), ("part0", "50.0"), ("part1", "50.0"),
    ]  # fmt: skip


def test_a_heat_map_holds_every_count_and_darkens_with_the_share_of_its_row() -> None:
    root = parse(heat_map([[9, 1], [0, 0]], ["a", "b"], name="n", sides=("rows", "columns")))
    assert [one.text for one in root if "count" in one.get("class", "")] == ["9", "1", "0", "0"]
    assert [one.text for one in root if "share" in one.get("class", "")] == ["90%", "10%"]
    cells = [one.get("class") for one in root if one.tag == "rect"]
    assert cells == ["cell right shade5", "cell wrong shade1", "cell wrong shade0", "cell right shade0"]


def test_a_heat_map_needs_a_name_for_every_row() -> None:
    with pytest.raises(ValueError, match="shorter"):
        heat_map([[1]], ["a", "b"], name="n", sides=("r", "c"))
