import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from regrade.models.errors import PhotoError, PolicyError, RegradeError, UnknownCategoryError
from regrade.serving.examples.items import PHOTOS
from regrade.serving.http.schemas import InspectionOut
from tests.commands import run_command

pytestmark = pytest.mark.slow

CARTON = PHOTOS / "carton-torn-1.jpg"
CARTON_AGAIN = PHOTOS / "carton-torn-2.jpg"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: object) -> str:
    """What `regrade grade` prints on standard output; its errors are raised."""
    return run_command("grade", *arguments).stdout


def exits(*arguments: object) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of the installed command."""
    command: list[str | Path] = [Path(sys.executable).with_name("regrade"), "grade", *(str(one) for one in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def graded(*arguments: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return answer


def test_json_has_the_shape_of_the_api() -> None:
    answer = graded(CARTON, CARTON_AGAIN, "--category", "packaging", "--value", 120, "--currency", "USD")
    assert InspectionOut.model_validate(answer).model_dump(mode="json") == answer
    assert answer["item"] == {"category": "packaging", "declared_value": {"amount": 120.0, "currency": "USD"}}
    assert answer["category"]["source"] == "declared"
    assert [(p["index"], p["width"], p["height"]) for p in answer["photos"]] == [(0, 1200, 900), (1, 1200, 900)]
    assert sum(answer["grade"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_without_a_category_the_model_says() -> None:
    answer = graded(CARTON)
    assert answer["category"]["name"] == "packaging"
    assert answer["category"]["source"] == "predicted"
    assert "declared_value" not in answer["item"]


def test_a_higher_value_recovers_more() -> None:
    low, high = (graded(CARTON, "--value", value)["disposition"]["expected_recovery"] for value in (20, 400))
    assert high["amount"] > low["amount"]


def test_the_summary_names_condition_action_and_alternatives() -> None:
    answer, words = graded(CARTON, "--value", 120), run(CARTON, "--value", 120)
    assert words.startswith(f"packaging: {answer['grade']['condition']}")
    assert all(condition in words for condition in answer["grade"]["probabilities"])
    assert answer["disposition"]["reasons"][0] in words


def test_draw_writes_the_whole_photo_under_a_title(tmp_path: Path) -> None:
    run(CARTON, "--draw", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as drawn:
        assert drawn.format == "PNG"
        assert drawn.width == 1200
        assert drawn.height > 900


def test_draw_puts_several_photos_on_one_sheet(tmp_path: Path) -> None:
    run(CARTON, CARTON_AGAIN, "--draw", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as drawn:
        assert drawn.width > 2 * 1000


def test_a_turned_photo_is_drawn_upright(tmp_path: Path) -> None:
    with Image.open(CARTON) as photo:
        exif = Image.Exif()
        exif[0x0112] = 6
        photo.save(tmp_path / "turned.jpg", exif=exif)
    run(tmp_path / "turned.jpg", "--draw", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as drawn:
        assert drawn.width == 900


def test_an_unfit_photo_is_to_be_taken_again(tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), (3, 3, 3)).save(tmp_path / "dark.png")
    answer = graded(tmp_path / "dark.png")
    assert answer["status"] == "retake"
    assert answer["grade"] is None
    assert answer["retake"][0]["issue"] == "too_dark"
    assert "bench light" in run(tmp_path / "dark.png", "--draw", tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 0


def test_a_missing_file_exits_with_2_and_its_name(tmp_path: Path) -> None:
    status, out, errors = exits(tmp_path / "none.jpg")
    assert (status, out) == (2, "")
    assert "There is no file" in errors
    assert "none.jpg" in errors
    assert "Traceback" not in errors


def test_what_is_no_image_exits_with_2_and_its_name(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("not a photo")
    status, out, errors = exits(CARTON, tmp_path / "note.jpg")
    assert (status, out) == (2, "")
    assert "note.jpg" in errors
    assert "not a JPEG, PNG, WebP, HEIC or AVIF" in errors.replace("\n", " ")


def test_an_unknown_category_exits_with_2_and_lists_the_known_ones() -> None:
    status, out, errors = exits(CARTON, "--category", "fruit")
    assert (status, out) == (2, "")
    assert "fruit" in errors
    assert "packaging" in errors


@pytest.mark.parametrize("arguments", [[], [CARTON, "--value", -1], [CARTON, "--value", "much"]])
def test_wrong_usage_exits_with_2(arguments: list[object]) -> None:
    status, out, errors = exits(*arguments)
    assert (status, out) == (2, "")
    assert errors


def test_an_endless_value_is_refused() -> None:
    with pytest.raises(RegradeError, match="finite"):
        run(CARTON, "--value", "inf")


def test_a_currency_without_a_rate_is_refused() -> None:
    with pytest.raises(PolicyError, match="XXX"):
        run(CARTON, "--value", 10, "--currency", "XXX")


def test_a_folder_is_no_photo(tmp_path: Path) -> None:
    with pytest.raises(RegradeError, match="cannot be read"):
        run(tmp_path)


def test_an_empty_file_names_itself(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PhotoError, match=r"empty\.jpg") as caught:
        run(CARTON, tmp_path / "empty.jpg")
    assert (caught.value.code, caught.value.photo) == ("empty", 1)


@pytest.mark.parametrize("name", ["out.jpg", "nowhere/out.png"])
def test_a_drawing_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegradeError, match=r"name a \.png file"):
        run(CARTON, "--draw", tmp_path / name)


def test_an_unknown_category_is_raised_as_such() -> None:
    with pytest.raises(UnknownCategoryError, match="apparel"):
        run(CARTON, "--category", "fruit")
