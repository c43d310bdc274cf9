"""A category that no code knows: one YAML and rendered photos, trained, activated by HTTP, and known where it matters.

`toys` uses three of the four conditions and calls them good, fair and poor; it has defects of its own, two views, and
is worth $3.
"""

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from regrade.models.registry.changes import install
from regrade.training.pipeline import execute, plan
from regrade.training.run.run import Run, RunConfig

pytestmark = [pytest.mark.xdist_group("stages"), pytest.mark.slow, pytest.mark.timeout(600)]

VERSION = "2026.1.1"
TOYS = """
name: toys
title: {en: Wooden toys, zh-CN: 木制玩具}
version: 3
item_types: [train, doll]
conditions:
  - name: unopened
    rubric: {en: "In its box, sealed.", zh-CN: 原盒未拆封。}
  - name: used
    rubric: {en: "Played with, all parts there.", zh-CN: 玩过，部件齐全。}
  - name: damaged
    rubric: {en: "A part is missing.", zh-CN: 缺少部件。}
clarifications:
  - {en: A missing sticker is fair., zh-CN: 缺贴纸算一般。}
grades: {unopened: {en: good, zh-CN: 良好}, used: {en: fair, zh-CN: 一般}, damaged: {en: poor, zh-CN: 较差}}
defect_types:
  - {name: missing_part, severity: major, title: {en: missing part, zh-CN: 缺件}}
  - {name: faded, title: {en: faded paint, zh-CN: 掉色}}
views:
  - {name: front, hint: {en: The front of the box., zh-CN: 盒子正面。}}
  - {name: contents, hint: {en: All parts laid out., zh-CN: 摆出全部部件。}}
policy:
  default_value: 3
  rates: {damaged: {clearance: 0.5}}
  require_review:
    - when: {condition_in: [damaged]}
      because: {en: count the parts of the toy, zh-CN: 请清点玩具部件}
"""
CONDITIONS = ("unopened", "used", "damaged")


def toy(condition: str, seed: int) -> Image.Image:
    """A block on a table: plain, speckled, or scribbled over."""
    random = np.random.default_rng(seed)
    image = Image.fromarray(random.integers(120, 200, (320, 320, 3), dtype=np.uint8))
    draw = ImageDraw.Draw(image)
    draw.rectangle((60, 60, 260, 260), fill=(150, 90, 40))
    for x, y in random.integers(65, 255, (60 if condition == "used" else 0, 2)):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill="black")
    if condition == "damaged":
        draw.line([(int(x), int(y)) for x, y in random.integers(65, 255, (24, 2))], fill="red", width=6)
    return image


def dataset(folder: Path) -> Path:
    """A manifest of 72 photos, beside the definition of the category."""
    (folder / "images").mkdir()
    lines = []
    for n in range(72):
        condition, path = CONDITIONS[n % 3], folder / "images" / f"toy-{n}.png"
        toy(condition, n).save(path)
        photo = {"id": path.stem, "file": f"images/{path.name}", "width": 320, "height": 320, "group": path.stem}
        label = {"category": "toys", "item_type": "train", "condition": condition, "votes": [condition]}
        split = ("train", "train", "val", "test")[n // 3 % 4]
        rest = {"defect_codes": [], "split": split, "source": "rendered", "licence": "CC0-1.0"}
        lines.append({**photo, **label, **rest, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    (folder / "bench.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    (folder / "categories").mkdir()
    (folder / "categories" / "toys.yaml").write_text(TOYS, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of bundles into which a run with the networks of the release, which stay, has put one of toys."""
    folder = dataset(tmp_path_factory.mktemp("toys"))
    config = RunConfig(
        category="toys",
        data=folder,
        categories=folder / "categories",
        out=folder / "bundles",
        over_defaults=True,
        version=VERSION,
        detector=False,
        device="cpu",
        cache=folder / "cache",
        activate=False,
    )
    with Run.create(folder / "run", config) as run:
        execute(run, plan(run))
    return folder / "run" / "candidate"


@pytest.fixture
def service(serve: Any, trained: Path) -> Any:
    """A service that was running before toys were activated."""
    started = serve()
    assert started.client.get("/v1/rubrics/toys").status_code == 404
    install(started.settings.bundle_store, trained, "toys", VERSION)
    answer = started.client.post("/v1/models/toys/activate", json={"version": VERSION})
    assert answer.status_code == 200, answer.text
    return started


@pytest.fixture
def photo(tmp_path: Path) -> bytes:
    toy("used", 1001).save(tmp_path / "toy.jpg", quality=90)
    return (tmp_path / "toy.jpg").read_bytes()


def read(client: httpx.Client, path: str, lang: str) -> Any:
    answer = client.get(path, headers={"Accept-Language": lang})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("lang", "title", "scale", "text", "hint", "defect"),
    [
        ("en", "Wooden toys", ["good", "fair", "poor"], "A part is missing.", "The front of the box.", "faded paint"),
        ("zh-CN", "木制玩具", ["良好", "一般", "较差"], "缺少部件。", "盒子正面。", "掉色"),
    ],
)
def test_its_rubric_has_title_scale_views_and_money(
    service: Any, lang: str, title: str, scale: list[str], text: str, hint: str, defect: str
) -> None:
    told = read(service.client, "/v1/rubrics/toys", lang)
    assert (told["label"], told["title"], told["item_types"]) == ("toys@3", title, ["train", "doll"])
    assert [(one["condition"], one["grade"]) for one in told["conditions"]] == [*zip(CONDITIONS, scale, strict=True)]
    assert told["conditions"][2]["text"] == text
    assert [one["grade"] for one in told["grades"]] == scale
    assert (told["views"][0]["hint"], len(told["views"])) == (hint, 2)
    assert told["defects"][1]["title"] == defect
    assert (told["bundle"], told["economics"]["default_value"]) == (VERSION, {"amount": 3.0, "currency": "USD"})


def test_a_grade_has_its_scale_and_its_money(service: Any, photo: bytes) -> None:
    made = service.post([photo], {"rma": "R-1", "category": "toys"}).json()
    assert made["models"] == {"toys": VERSION}
    assert (
        made["grade"]["name"]
        == dict(zip(CONDITIONS, ["good", "fair", "poor"], strict=True))[made["grade"]["condition"]]
    )
    assert made["grade"]["probabilities"]["opened"] == 0
    assert "$3.00 is assumed, the default for Wooden toys" in " ".join(made["disposition"]["reasons"])
    chinese = read(service.client, f"/v1/inspections/{made['id']}", "zh-CN")
    assert chinese["grade"]["name"] in ("良好", "一般", "较差")
    assert "木制玩具" in " ".join(chinese["disposition"]["reasons"])


def test_the_desk_decides_by_its_scale_and_its_own_defects(service: Any, photo: bytes) -> None:
    made = service.post([photo], {"rma": "R-1", "category": "toys"}).json()
    lease = service.client.post("/v1/reviews/claim").json()["lease"]["token"]
    path, missing = f"/v1/reviews/{made['id']}", [{"photo": 0, "type": "missing_part"}]
    refused = service.client.post(path, json={"lease": lease, "condition": "opened"})
    assert refused.status_code == 422
    assert "Legal values: unopened, used, damaged" in refused.json()["detail"]
    decided = service.client.post(path, json={"lease": lease, "condition": "damaged", "defects": missing})
    assert decided.status_code == 200, decided.text
    assert (decided.json()["grade"]["name"], decided.json()["defects"][0]["type"]) == ("poor", "missing_part")
    assert read(service.client, f"/v1/inspections/{made['id']}", "zh-CN")["grade"]["name"] == "较差"


def test_station_and_desk_speak_of_it_in_both_languages(service: Any) -> None:
    page = httpx.get(f"{service.url}/station", headers={"Accept-Language": "zh-CN"}, trust_env=False).text
    assert "木制玩具" in page
    assert "摆出全部部件。" in page
    for name in ("station", "desk"):
        words = httpx.get(f"{service.url}/{name}/strings", trust_env=False).json()
        assert [words[lang]["category.toys"] for lang in ("en", "zh-CN")] == ["Wooden toys", "木制玩具"]
        assert [words[lang]["defect.missing_part"] for lang in ("en", "zh-CN")] == ["missing part", "缺件"]
    assert "view.toys/front" in httpx.get(f"{service.url}/station/strings", trust_env=False).json()["en"]


def test_what_was_decided_is_exported_with_its_scale(service: Any, photo: bytes) -> None:
    from regrade.labeling.versions.definitions import definitions
    from regrade.serving.review.settled import decisions

    made = service.post([photo], {"rma": "R-1", "category": "toys"}).json()
    lease = service.client.post("/v1/reviews/claim").json()["lease"]["token"]
    service.client.post(f"/v1/reviews/{made['id']}", json={"lease": lease, "condition": "used"})
    (told,) = decisions(service.settings.data_dir)
    assert (told["category"], told["condition"]) == ("toys", "used")
    assert (told["looks"][0]["rubric"], told["looks"][0]["seller_grade"]) == ("toys@3", "fair")
    assert definitions(service.settings.data_dir, None)["toys"].defect_names == ("missing_part", "faded")


def test_another_definition_is_in_force_as_soon_as_it_is_activated(service: Any, photo: bytes, tmp_path: Path) -> None:
    from regrade.models.registry.reseal import reseal

    edited = tmp_path / "toys.yaml"
    edited.write_text(TOYS.replace("default_value: 3", "default_value: 5").replace("Wooden toys", "Toys"), "utf-8")
    reseal(service.settings.bundle_store, edited, "2026.1.2", VERSION)
    for version, value, title in (("2026.1.2", "$5.00", "Toys"), (VERSION, "$3.00", "Wooden toys")):
        assert service.client.post("/v1/models/toys/activate", json={"version": version}).status_code == 200
        told = read(service.client, "/v1/rubrics/toys", "en")
        assert (told["bundle"], told["title"]) == (version, title)
        made = service.post([photo], {"rma": version, "category": "toys"}).json()
        assert f"{value} is assumed" in " ".join(made["disposition"]["reasons"])


def test_no_code_names_a_category() -> None:
    """But the one file of each, what the demo posts, measurements and tests."""
    project = Path(__file__).parents[2]
    kept = (
        "serving/pages/vendor",
        "serving/locales/glossary.yaml",
        "datasets/categories",
        "serving/demo",
        "serving/examples",
        "models/bundles",
        "models/registry/shipped_*",
    )
    listed = ["git", "-C", str(project), "ls-files", "models", "datasets", "labeling", "training", "serving"]
    files = subprocess.run([*listed, *(f":!{one}" for one in kept)], check=True, capture_output=True, text=True).stdout
    named = re.compile(r"\b(packaging|electronics|footwear|apparel)\b", re.IGNORECASE)
    code = (project / name for name in files.splitlines() if not name.endswith((".md", ".jpg", ".png", ".onnx")))
    assert [str(path) for path in code if named.search(path.read_text(encoding="utf-8"))] == []
