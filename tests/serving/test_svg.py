"""Charts are well-formed, named, inside their frame, and safe to put into a page."""

from xml.etree import ElementTree

import pytest

from regrade.serving.svg import Mark, Scale, heat_map, line_chart


def parse(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


def test_names_and_labels_are_escaped_and_nothing_is_styled_inline() -> None:
    evil = "\"><script>alert('1')</script>"
    drawn = line_chart([Mark(0, 1), Mark(1, 2)], name=evil, ticks=[(1, evil)], labels=[(0, evil)])
    root = parse(drawn)
    assert root.get("aria-label") == evil
    assert root.findall(".//script") == []
    assert "style=" not in drawn


def test_every_point_lies_inside_the_frame_whatever_the_limits() -> None:
    marks = [Mark(0, 0.5, 0.1, 0.9), Mark(1, 7.0, -3.0, 9.0), Mark(2, 0.2, 0.0, 0.4)]
    root = parse(line_chart(marks, name="n", ticks=[], limits=(0.0, 1.0), level=4.0, band=(0.2, 3.0), since=1.0))
    lines = [one.get("points", "") for one in root if one.tag in ("polyline", "polygon")]
    points = [tuple(map(float, point.split(","))) for line in lines for point in line.split()]
    assert len(points) == 3 + 6 + 2
    assert all(0 <= x <= 640 and 0 <= y <= 190 for x, y in points)


def test_one_value_and_none_at_all_are_drawn_too() -> None:
    assert Scale(3, 3, 0, 10)(3) == 5
    for marks in ([], [Mark(4, 0.0)]):
        assert parse(line_chart(marks, name="n", ticks=[])).get("role") == "img"


def test_a_heat_map_holds_every_count_and_darkens_with_the_share_of_its_row() -> None:
    root = parse(heat_map([[9, 1], [0, 0]], ["a", "b"], name="n"))
    assert [one.text for one in root if "count" in one.get("class", "")] == ["9", "1", "0", "0"]
    cells = [one.get("class") for one in root if one.tag == "rect"]
    assert cells == ["cell right shade5", "cell wrong shade1", "cell wrong shade0", "cell right shade0"]


def test_a_heat_map_needs_a_name_for_every_row() -> None:
    with pytest.raises(ValueError, match="shorter"):
        heat_map([[1]], ["a", "b"], name="n")
