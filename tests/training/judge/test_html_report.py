"""The report is one file, complete, and without photos where it must be."""

import dataclasses
import html.parser
import re
from pathlib import Path

import typer
from typer.testing import CliRunner

from regrade.datasets.manifest import DefectBox
from regrade.models.estimates import Estimate
from regrade.models.types import Defect
from regrade.training import evaluate_cli
from regrade.training.judge.evaluation import Evaluation
from regrade.training.judge.html_report import percent, points, render, score, write_evaluation
from regrade.training.judge.mistakes import missed_boxes, picture, worst_grades
from regrade.training.judge.predictions import Predictions


class Links(html.parser.HTMLParser):
    """Collects everything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data")]


def test_the_report_fetches_nothing(evaluated: Evaluation) -> None:
    links = Links()
    links.feed(render(evaluated, pictures=True))
    assert len(links.found) > 10
    assert all(link.startswith(("data:image/", "#")) for link in links.found)


def test_only_the_report_with_photos_holds_photos_and_says_not_to_publish_it(
    evaluated: Evaluation, tmp_path: Path
) -> None:
    write_evaluation(evaluated, tmp_path)
    bare, full = ((tmp_path / name).read_text() for name in ("report.html", "report-with-photos.html"))
    assert "image/jpeg" not in bare
    assert "do not publish" not in bare
    assert "do not publish" in full
    assert full.count("data:image/jpeg") >= 5
    assert (tmp_path / "evaluation.json").is_file()
    assert "report-with-photos.html" in (tmp_path / ".gitignore").read_text().splitlines()


def test_without_pictures_no_report_with_photos_is_written(evaluated: Evaluation, tmp_path: Path) -> None:
    names = {path.name for path in write_evaluation(evaluated, tmp_path, pictures=False)}
    assert names == {"evaluation.json", "report.html"}
    assert not (tmp_path / "report-with-photos.html").exists()


def test_sources_that_were_left_out_of_training_are_told(evaluated: Evaluation) -> None:
    packaging = dataclasses.replace(evaluated.categories["packaging"], leave_out=("fuyi",))
    page = render(dataclasses.replace(evaluated, categories={"packaging": packaging}), pictures=False)
    assert re.search(r"trained without: <b>fuyi</b>", page)


def test_names_from_the_data_are_escaped(evaluated: Evaluation) -> None:
    provenance = {**evaluated.provenance, "sources": ["<script>alert(1)</script>"]}
    page = render(dataclasses.replace(evaluated, provenance=provenance), pictures=False)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_figures_stand_with_their_interval_and_undefined_ones_as_a_dash() -> None:
    assert "0.80" in score(Estimate(0.8, 0.7, 0.9, 10, 10))
    assert "0.70–0.90" in score(Estimate(0.8, 0.7, 0.9, 10, 10))
    assert "80%" in percent(Estimate(0.8, 0.7, 0.9, 10, 10))
    nan = float("nan")
    assert all("–</span>" in show(Estimate(nan, nan, nan, 0, 0)) for show in (score, percent, points))


def test_a_change_is_bold_only_where_its_interval_leaves_zero_out() -> None:
    assert points(Estimate(-0.05, -0.08, -0.01, 9, 9)).startswith("<b>−5.0")
    assert points(Estimate(0.05, -0.01, 0.08, 9, 9)).startswith("+5.0")


def test_the_worst_mistake_is_the_one_furthest_from_its_label(graded: Predictions) -> None:
    p = graded.probabilities.copy()
    p[:] = 0.01
    p[range(len(graded)), graded.truth] = 0.97
    used, damaged = (int((graded.truth == k).argmax()) for k in (2, 3))
    p[damaged], p[used] = [0.97, 0.01, 0.01, 0.01], [0.01, 0.97, 0.01, 0.01]
    found = worst_grades(dataclasses.replace(graded, probabilities=p))
    assert [m.id for m in found] == [graded.ids[damaged], graded.ids[used]]
    assert (found[0].labelled, found[0].graded, found[0].confidence) == ("damaged", "unopened", 0.97)
    assert found[0].picture.startswith(b"\xff\xd8\xff")


def test_one_photo_of_a_group_of_near_duplicates_is_shown(graded: Predictions) -> None:
    p = graded.probabilities[:, ::-1].copy()
    p[:, 0] += (graded.truth != 0) * 2
    wrong = dataclasses.replace(graded, probabilities=p / p.sum(axis=1, keepdims=True))
    shown = len(worst_grades(wrong, most=99))
    together = dataclasses.replace(wrong, groups=wrong.groups.copy())
    together.groups[:] = "one"
    assert shown > 1
    assert len(worst_grades(together, most=99)) == 1


def test_missed_defects_are_those_that_no_box_found(graded: Predictions) -> None:
    drawn = DefectBox("tear", "major", (0.0, 0.0, 50.0, 50.0))
    records = tuple(dataclasses.replace(r, defects=(drawn,)) if i < 2 else r for i, r in enumerate(graded.records))
    hit = Defect(0, "tear", 0.9, (10.0, 10.0, 20.0, 20.0), "major")
    found = dataclasses.replace(graded, records=records, defects=((hit,), *((),) * (len(graded) - 1)))
    assert [m.id for m in missed_boxes(found)] == [graded.ids[1]]


def test_boxes_are_drawn_on_the_picture(graded: Predictions) -> None:
    bare = picture(graded.records[0], ())
    assert picture(graded.records[0], [Defect(0, "tear", 0.9, (10.0, 10.0, 90.0, 90.0), "major")]) != bare


def test_the_command_writes_its_results_and_shows_a_row_for_each_source(tiny_dataset: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    evaluate_cli.register(app)
    arguments = ["evaluate", "packaging", "--data", str(tiny_dataset), "--out", str(tmp_path), "--resamples", "100"]
    result = CliRunner().invoke(app, [*arguments, "--no-shortcuts", "--no-pictures"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "packaging" in result.output
    assert "rendered" in result.output
    assert "electronics" not in result.output
    assert (tmp_path / "report.html").is_file()
