import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from regrade.datasets.category import load_categories
from regrade.datasets.hygiene.duplicates import fingerprint
from regrade.datasets.hygiene.embeddings import PhotoEmbeddings
from regrade.datasets.manifest import Record
from regrade.labeling.select import candidates as candidates_module
from regrade.labeling.select.candidates import Candidate, Opinion, opinions, photos_in
from regrade.labeling.select.selection import Selection, parse_quotas, select
from regrade.labeling.select.words import CATALOGUES
from regrade.models.errors import DatasetError

pytestmark = pytest.mark.slow

DEMO = Path(__file__).parents[3] / "serving" / "examples" / "photos"
CONDITIONS = {name: one.condition_names for name, one in load_categories().items()}


def opinion(category: str, *probabilities: float) -> Opinion:
    return Opinion(category, probabilities)


def views_of(rows: np.ndarray, same: dict[int, int] | None = None) -> PhotoEmbeddings:
    """Photos of noise with these embeddings; `same` makes one photo a copy of another."""
    prints = []
    for i in range(len(rows)):
        noise = np.random.default_rng((same or {}).get(i, i)).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        prints.append(fingerprint(noise.repeat(4, axis=0).repeat(4, axis=1), f"{i:064x}"))
    return PhotoEmbeddings(tuple(prints), rows.astype(np.float32))


def candidates_of(count: int, **fields: Any) -> list[Candidate]:
    return [Candidate(f"photo-{i}", Path(f"{i}.jpg"), f"{i:064x}", **fields) for i in range(count)]


def labelled_record(group: str = "g") -> Record:
    sizes: dict[str, Any] = {"width": 9, "height": 9, "split": "train", "source": "test", "licence": "own"}
    more: dict[str, Any] = {"category": "packaging", "item_type": "carton", "condition": "used"}
    return Record(id="known", file=Path("known.jpg"), sha256="f" * 64, group=group, **sizes, **more)


def run(opinions: list[Opinion], budget: int, *, same: dict[int, int] | None = None, **options: Any) -> Selection:
    rows = np.random.default_rng(2).normal(size=(len(opinions) + 1, 16))
    candidates = options.pop("candidates", None) or candidates_of(len(opinions))
    quotas = options.pop("quotas", {})
    return select(
        candidates, opinions, [labelled_record()], views_of(rows, same), budget, quotas, options.pop("seed", 0)
    )


def test_what_was_asked_before_ctrl_c_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(candidate: Candidate, grader: Any) -> Opinion:
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(candidate.id)
        return opinion("packaging", 0.1, 0.2, 0.3, 0.4)

    monkeypatch.setattr(candidates_module, "_ask", ask)
    grader: Any = SimpleNamespace(versions={"packaging": "1"})
    with pytest.raises(KeyboardInterrupt):
        opinions(candidates_of(5), grader, tmp_path)
    assert [p.suffix for p in tmp_path.iterdir()] == [".npz"]
    asked[:] = ["again"]
    assert len(opinions(candidates_of(5), grader, tmp_path)) == 5
    assert asked == ["again", "photo-3", "photo-4"]


UNSURE, SURE = (0.4, 0.35, 0.25, 0.0), (0.97, 0.01, 0.01, 0.01)


def test_what_the_grader_is_unsure_of_comes_before_what_it_is_sure_of() -> None:
    found = run([opinion("packaging", *(UNSURE if i % 8 == 0 else SURE)) for i in range(40)], 1)
    assert found.choices[0].candidate.id in {f"photo-{i}" for i in range(0, 40, 8)}
    assert found.choices[0].margin == pytest.approx(0.05)


def test_categories_take_turns_and_share_the_budget() -> None:
    names = ["apparel"] * 20 + ["packaging"] * 20 + ["footwear"] * 2
    found = run([opinion(name, *UNSURE) for name in names], 12)
    order = [c.opinion.category for c in found.choices]
    assert order[:3] == ["apparel", "footwear", "packaging"]
    assert {name: order.count(name) for name in order} == {"apparel": 5, "footwear": 2, "packaging": 5}


def test_copies_of_labelled_photos_and_of_each_other_are_passed_over() -> None:
    found = run([opinion("packaging", *UNSURE)] * 10, 10, same={0: 10, 3: 2})
    assert {c.candidate.id for c in found.choices} == {f"photo-{i}" for i in (1, 2, 4, 5, 6, 7, 8, 9)}
    assert found.passed_over == {"are copies of another candidate": 1, "show what is labelled already": 1}


def test_photos_of_a_labelled_group_are_passed_over() -> None:
    found = run(
        [opinion("packaging", *UNSURE)] * 4, 4, candidates=[*candidates_of(3), *candidates_of(4, group="g")[3:]]
    )
    assert len(found.choices) == 3


def test_photos_that_fail_the_quality_gate_are_passed_over_and_all_of_them_is_an_error() -> None:
    bad = Opinion("", (), ("blurry",))
    assert [c.candidate.id for c in run([bad, opinion("packaging", *UNSURE)], 5).choices] == ["photo-1"]
    with pytest.raises(DatasetError, match="none of 2 photos is left to choose from: 2 fail the quality gate"):
        run([bad, bad], 5)


def test_quotas_hold_for_the_likeliest_condition() -> None:
    mixed = [opinion("packaging", *((0.1, 0.5, 0.3, 0.1) if i % 2 else (0.1, 0.1, 0.3, 0.5))) for i in range(20)]
    found = run(mixed, 10, quotas={("packaging", "damaged"): 3})
    conditions = [c.opinion.condition for c in found.choices]
    assert (conditions.count("damaged"), conditions.count("opened")) == (3, 7)


def test_the_same_seed_gives_the_same_list_whatever_was_picked_before() -> None:
    opinions = [opinion("packaging", *np.random.default_rng(i).dirichlet(np.ones(4)).tolist()) for i in range(30)]
    first, second = (run(opinions, 8, seed=4) for _ in range(2))
    assert first == second


def test_each_choice_says_why_and_what_it_is_most_like() -> None:
    choices = run([opinion("packaging", *UNSURE)] * 6, 3).choices
    assert choices[0].like == "known"
    assert choices[0].reason.startswith("the grader cannot tell unopened (40%) from opened (35%); most like known")
    assert all(c.likeness is not None and -1 <= c.likeness <= 1 for c in choices)


def test_quotas_are_read_and_those_of_a_category_override() -> None:
    found = parse_quotas(["packaging/used=2", "used=9"], CONDITIONS)
    assert found == {(name, "used"): 2 if name == "packaging" else 9 for name in CONDITIONS}


@pytest.mark.parametrize("text", ["used", "used=", "used=-1", "used=x", "kaputt=3", "toys/used=3", "=3"])
def test_quotas_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(DatasetError, match="write CONDITION=N or CATEGORY/CONDITION=N"):
        parse_quotas([text], CONDITIONS)


@pytest.fixture(scope="module")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was seen of the demo photos, kept between the tests of the command."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def pick(labels: Callable[..., Any], warm_cache: Path, tmp_path: Path) -> Callable[..., list[dict[str, str]]]:
    """Run the command on the demo photos and return the rows of its table."""

    def run_command(*words: object, out: str = "next.csv") -> list[dict[str, str]]:
        file = tmp_path / out
        labels("select", "--photos", DEMO, "--cache", warm_cache, "--out", file, *words)
        with file.open(encoding="utf-8", newline="") as opened:
            return list(csv.DictReader(opened))

    return run_command


def test_the_command_picks_photos_with_the_shipped_grader(pick: Any, tmp_path: Path) -> None:
    sheet = tmp_path / "next.html"
    rows = pick("--budget", 5, "--out", sheet)
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert {row["id"] for row in rows} <= {photo.name for photo in DEMO.iterdir()}
    assert all(sum(float(row[f"p_{c}"]) for c in ("unopened", "opened", "used", "damaged")) > 0.999 for row in rows)
    page = sheet.read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 5
    assert "http" not in page.replace("http-equiv", "")


def test_the_contact_sheet_speaks_chinese_and_the_table_stays_as_it_is(pick: Any, tmp_path: Path) -> None:
    sheet = tmp_path / "next.html"
    rows = pick("--budget", 5, "--out", sheet, "--lang", "zh-CN")
    assert rows == pick("--budget", 5, out="english.csv")
    page = sheet.read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in page
    assert "下一批待标注照片" in page
    assert "<dt>有使用痕迹</dt>" in page
    assert page.count("；") >= 5
    assert not re.search(r"the grader|labelled|do not publish|unopened<", page, re.IGNORECASE)


def test_both_languages_say_the_same_things_with_the_same_figures() -> None:
    blanks = [{key: set(re.findall(r"{(\w+)}", text)) for key, text in CATALOGUES[one].items()} for one in CATALOGUES]
    assert blanks[0] == blanks[1]
    assert set(CATALOGUES) == {"en", "zh-CN"}


def test_the_command_gives_the_same_list_again(pick: Any) -> None:
    assert pick("--budget", 6) == pick("--budget", 6, out="again.csv")


def test_photos_of_the_dataset_are_not_picked_again(pick: Any, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    (dataset / "images").mkdir(parents=True)
    lines = []
    for candidate in photos_in(DEMO)[:8]:
        shutil.copyfile(candidate.file, dataset / "images" / candidate.file.name)
        fields = {
            "id": candidate.id,
            "file": f"images/{candidate.file.name}",
            "sha256": candidate.sha256,
            "votes": ["used"],
        }
        sizes: dict[str, Any] = {
            "width": 640,
            "height": 480,
            "category": "packaging",
            "item_type": "carton",
            "condition": "used",
        }
        more = {"group": candidate.id, "split": "train", "source": "demo", "licence": "own"}
        lines.append(json.dumps(fields | sizes | more) + "\n")
    (dataset / "bench.jsonl").write_text("".join(lines))
    rows = pick("--budget", 50, "--data", dataset)
    assert rows
    assert not {row["id"] for row in rows} & {c.id for c in photos_in(DEMO)[:8]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "list.csv", "--lang", "fr"], r"--lang.*legal values: en, zh-CN"),
        (["--out", "list.pdf"], r"legal values: \.csv, \.html"),
        (["--out", "list.csv"], "nothing to choose from: give --data DATASET"),
        (["--out", "list.csv", "--photos", "nowhere"], "no such folder of photos"),
        (["--out", "list.csv", "--photos", ".", "--category", "toys"], "legal values: apparel, electronics"),
    ],
)
def test_wrong_options_are_refused(
    words: list[str], message: str, labels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=message):
        labels("select", "--budget", 3, *words)
    assert list(tmp_path.iterdir()) == []
