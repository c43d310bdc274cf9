"""`regrade replay` over a small store that the service itself has made: exact, repeatable, and nothing is written."""

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from PIL import Image
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

from regrade.datasets.category import load_categories
from regrade.models.errors import PolicyError
from regrade.models.grader import Grader
from regrade.serving.base.errors import DatabaseError, DataDirError, ReplayError, RubricError
from regrade.serving.base.settings import Settings
from regrade.serving.cli import replay as command
from regrade.serving.examples.items import PHOTOS
from regrade.serving.http.app import create_app
from regrade.serving.policy.load import DEFAULT_POLICY
from regrade.serving.replay.document import item_url
from regrade.serving.rubric.definitions import rubric_yaml

EVIL = "<script>alert(1)</script>"
ITEMS = {
    "open": ("carton-open-1.jpg", {"category": "packaging", "seller": "harbour-home", "value": 64}),
    "torn": ("carton-torn-1.jpg", {"category": "packaging", "seller": "harbour-home", "value": 139}),
    "phone": ("phone-cracked-1.jpg", {"category": "electronics", "seller": "north-mobile", "value": 329}),
    "sealed": ("carton-sealed-1.jpg", {"category": "packaging", "seller": "harbour-home", "value": 64}),
    "shoes": ("shoes-clean-1.jpg", {"category": "footwear", "seller": EVIL, "value": 48}),
    "shirt": ("shirt-bagged-1.jpg", {"category": "apparel", "value": 24}),
}
VERDICTS: dict[str, dict[str, Any]] = {
    "open": {"condition": "opened", "defects": []},
    "torn": {"condition": "damaged", "disposition": "clearance"},
    "phone": {"condition": "used", "defects": [{"photo": 0, "type": "scuff", "severity": "major"}]},
}


@dataclass
class Store:
    """A data directory, what the API said of the inspections in it last, by RMA, and a replay from while it ran."""

    data_dir: Path
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    while_serving: str = ""

    def recovery(self, rma: str) -> float:
        """What the item's action recovers."""
        return float(self.said[rma]["disposition"]["expected_recovery"]["amount"])

    def digest(self) -> str:
        """A hash of the database and the photos."""
        files = [self.data_dir / "regrade.db", *sorted((self.data_dir / "photos").rglob("*"))]
        return hashlib.sha256(b"".join(str(p).encode() + p.read_bytes() for p in files if p.is_file())).hexdigest()


def run_in(data_dir: Path, *words: object) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)
    given = ["replay", "--data-dir", str(data_dir), *(str(word) for word in words)]
    return CliRunner().invoke(app, given, catch_exceptions=False)


def write_policy(path: Path, version: int = 2, **changes: Any) -> Path:
    """The shipped policy as another version, with some fields set and rules under `never` added."""
    data = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8"))
    never = [*data["never"], *changes.get("never", ())]
    data = {**data, "version": version, **changes, "never": never}
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, grader: Grader) -> Store:
    """Six graded items, of which a reviewer has decided the first three, and one to be photographed again."""
    root = tmp_path_factory.mktemp("replay")
    found, tokens = Store(root / "data"), list[str]()
    # Without looks drawn by lot: a golden store has no luck.
    policy = write_policy(root / "policy.yaml", 1, quality_control={"sample_share": 0.0, "second_share": 0.0})
    settings = Settings(_env_file=None, data_dir=found.data_dir, workers=1, policy_file=policy)
    with TestClient(create_app(settings, grader=grader, announce=tokens.append)) as client:
        client.headers["Authorization"] = f"Bearer {tokens[0]}"
        while client.get("/v2/health/ready").status_code != 200:
            pass
        for rma, (photo, given) in ITEMS.items():
            value = {"amount": given["value"], "currency": "USD"}
            item = {"rma": rma, "declared_value": value, **{k: v for k, v in given.items() if k != "value"}}
            files = [("photos", (photo, (PHOTOS / photo).read_bytes(), "image/jpeg"))]
            found.said[rma] = client.post("/v1/inspections", files=files, data={"item": json.dumps(item)}).json()
            assert found.said[rma]["status"] == "needs_review"
        black = io.BytesIO()
        Image.new("RGB", (640, 480)).save(black, "JPEG")
        files = [("photos", ("black.jpg", black.getvalue(), "image/jpeg"))]
        assert client.post("/v1/inspections", files=files, data={"item": '{"rma": "X"}'}).json()["status"] == "retake"
        for rma, verdict in VERDICTS.items():
            claimed = client.post("/v1/reviews/claim").json()
            lease, inspection = claimed["lease"]["token"], claimed["inspection"]
            assert inspection["item"]["rma"] == rma
            answer = client.post(f"/v1/reviews/{inspection['id']}", json={"lease": lease, **verdict})
            assert answer.status_code == 200, answer.text
            found.said[rma] = answer.json()
        found.while_serving = run_in(found.data_dir, "--policy", write_policy(root / "new.yaml"), "--json").stdout
    return found


@pytest.fixture
def replay(store: Store) -> Callable[..., dict[str, Any]]:
    """Replays and returns the JSON; the store must be as it was."""

    def go(*words: object) -> dict[str, Any]:
        before = store.digest()
        done = run_in(store.data_dir, *words, "--json")
        assert done.exit_code == 0
        assert store.digest() == before
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    return go


def test_a_policy_that_differs_in_its_version_alone_changes_nothing(store: Any, replay: Any, tmp_path: Path) -> None:
    told = replay("--policy", write_policy(tmp_path / "new.yaml"))
    recorded = round(sum(store.recovery(rma) for rma in ITEMS), 2)
    assert told["items"] == {"graded": 6, "decided_by_human": 3, "not_graded": 1, "undecidable": 0}
    assert told["decided_under"] == {"default@1": 6}
    assert (told["policy"], told["currency"]) == ("default@2", "USD")
    assert (told["total"]["changed"], told["total"]["newly_in_review"], told["total"]["no_longer_in_review"]) == (
        0,
        0,
        0,
    )
    assert told["total"]["recovery_recorded"] == told["total"]["recovery_new"] == pytest.approx(recorded)
    assert (told["largest"], told["violations"], told["undecidable"]) == ([], [], [])


def test_the_same_is_told_while_the_service_runs_and_at_every_run(store: Any, tmp_path: Path) -> None:
    policy = write_policy(tmp_path / "new.yaml")
    out = [run_in(store.data_dir, "--policy", policy, "--json", "--out", tmp_path / f"{n}.html").stdout for n in (1, 2)]
    assert out[0] == out[1] == store.while_serving
    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()


def test_other_figures_for_the_same_action_are_told_from_other_actions(store: Any, replay: Any, tmp_path: Path) -> None:
    cheaper = {"harbour-home": {"categories": {"packaging": {"costs": {"repackage": {"handling": 2.50}}}}}}
    told = replay("--policy", write_policy(tmp_path / "new.yaml", sellers=cheaper))
    repackaged = [rma for rma in ("open", "sealed") if store.said[rma]["disposition"]["action"] == "repackage"]
    assert len(repackaged) == 2
    assert told["total"]["difference"] == told["total"]["difference_by_figures"] == 2.0
    assert (told["total"]["changed"], told["total"]["difference_by_actions"]) == (0, 0.0)
    assert told["by_seller"]["harbour-home"]["difference"] == told["by_category"]["packaging"]["difference"] == 2.0
    assert [item["difference"] for item in told["largest"]] == [1.0, 1.0]
    assert {item["id"] for item in told["largest"]} == {store.said[rma]["id"] for rma in repackaged}


def test_a_new_rule_shows_what_was_done_against_it_and_what_would_be_done(
    store: Any, replay: Any, tmp_path: Path
) -> None:
    because = {"en": "the brand forbids <new> boxes", "zh-CN": "品牌方禁止换箱"}
    rule = {"action": "repackage", "when": {"seller_in": ["harbour-home"]}, "because": because}
    told = replay("--policy", write_policy(tmp_path / "new.yaml", never=[rule]))
    broke = [rma for rma in ("open", "sealed") if store.said[rma]["disposition"]["action"] == "repackage"]
    nexts = {rma: store.said[rma]["disposition"]["alternatives"][0] for rma in broke}
    (violation,) = told["violations"]
    assert (violation["action"], violation["because"], violation["items"]) == ("repackage", because, len(broke))
    assert set(violation["examples"]) == {store.said[rma]["id"] for rma in broke}
    lost = sum(nexts[rma]["expected_recovery"]["amount"] - store.recovery(rma) for rma in broke)
    assert told["total"]["difference_by_actions"] == told["total"]["difference"] == pytest.approx(lost)
    assert told["total"]["difference_by_figures"] == 0.0
    for rma in broke:
        assert told["actions"]["repackage"][nexts[rma]["action"]] >= 1
    first = told["largest"][0]
    assert first["url"] == f"http://127.0.0.1:8080/desk/items/{first['id']}"


def test_what_a_reviewer_chose_stays_until_it_is_forbidden(store: Any, replay: Any, tmp_path: Path) -> None:
    assert replay("--policy", write_policy(tmp_path / "a.yaml"))["actions"]["clearance"] == {"clearance": 1}
    rule = {"action": "clearance", "because": "not through discounters"}
    told = replay("--policy", write_policy(tmp_path / "b.yaml", never=[rule]))
    best = store.said["torn"]["disposition"]["alternatives"][0]
    assert told["actions"]["clearance"] == {best["action"]: 1}
    assert told["violations"][0]["examples"] == [store.said["torn"]["id"]]


def test_items_that_the_policy_cannot_convert_are_told_and_not_guessed(replay: Any, tmp_path: Path) -> None:
    data = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8"))
    own = {name: one.policy.block() for name, one in load_categories().items() if one.policy}
    whole = {"currency": "EUR", "fx": {"date": "2026-11-01", "rates": {}}, "categories": data["categories"] | own}
    policy = write_policy(tmp_path / "new.yaml", **whole)
    text = policy.read_text(encoding="utf-8").replace("'2026-11-01'", "2026-11-01")
    policy.write_text(text, encoding="utf-8")
    told = replay("--policy", policy)
    assert told["items"]["undecidable"] == 6
    assert "no exchange rate for 'USD'" in told["undecidable"][0]["why"]
    assert told["total"]["items"] == 0


def test_days_and_sellers_narrow_what_is_replayed(replay: Any, tmp_path: Path) -> None:
    policy = write_policy(tmp_path / "new.yaml")
    assert replay("--policy", policy, "--seller", "north-mobile")["items"]["graded"] == 1
    assert replay("--policy", policy, "--since", "2100-01-01")["items"]["graded"] == 0
    assert replay("--policy", policy, "--until", "2020-01-01")["items"]["graded"] == 0
    told = replay("--policy", policy, "--since", "2020-01-01T08:00:00+08:00", "--until", "2100-01-01")
    assert (told["since"], told["until"]) == ("2020-01-01T00:00:00+00:00", "2100-01-02T00:00:00+00:00")
    assert told["items"]["graded"] == 6


def write_rubric(path: Path, source: str, *changes: tuple[str, str]) -> Path:
    text = rubric_yaml(load_categories()[source.removesuffix(".yaml")])
    for old, new in (("version: 1", "version: 2"), *changes):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_new_mapping_changes_grade_names_exactly(store: Any, replay: Any, tmp_path: Path) -> None:
    rubric = write_rubric(tmp_path / "p.yaml", "packaging.yaml", ("en: D", "en: Scrap"))
    told = replay("--rubric", rubric)
    (one,) = told["rubrics"]
    damaged = [r for r in ("open", "torn", "sealed") if store.said[r]["grade"]["condition"] == "damaged"]
    assert (one["old"], one["new"], one["items"], one["decided_by_human"]) == ("packaging@1", "packaging@2", 3, 2)
    assert one["changes"] == [{"field": "grades", "how": "changed"}]
    assert one["grades"]["D"] == {"Scrap": len(damaged)}
    assert (one["changed"], one["changed_by_seller"]["harbour-home"]["items"]) == (len(damaged), len(damaged))
    assert one["text"] == {
        "conditions": [], "decisions_in_doubt": {}, "look_again": [], "share_at_most_if_none_changes": 0.0,
    }  # fmt: skip
    assert (told["untouched"], told["not_graded"]) == (3, 1)


def test_a_new_text_casts_doubt_on_decisions_and_changes_none(store: Any, replay: Any, tmp_path: Path) -> None:
    rubric = write_rubric(tmp_path / "p.yaml", "packaging.yaml", ("pieces torn\n        off.", "pieces missing."))
    (one,) = replay("--rubric", rubric)["rubrics"]
    assert one["changed"] == 0
    assert one["decided_under"] == {"packaging@1": 2}
    assert one["text"]["conditions"] == ["damaged"]
    assert one["text"]["decisions_in_doubt"] == {"damaged": 1}
    (again,) = one["text"]["look_again"]
    assert (again["id"], again["rubric"]) == (store.said["torn"]["id"], "packaging@1")


def test_a_sellers_first_rubric_is_compared_with_the_houses(replay: Any, tmp_path: Path) -> None:
    path = tmp_path / "n.yaml"
    grades = [{"grade": "Heavy", "condition_in": ["used"], "severity_in": ["major"]}, {"grade": "Rest"}]
    fields = {"category": "electronics", "seller": "north-mobile", "version": 1, "extends": "electronics@1"}
    path.write_text(yaml.safe_dump({**fields, "grades": grades}), encoding="utf-8")
    (one,) = replay("--rubric", path)["rubrics"]
    assert (one["old"], one["new"]) == ("electronics@1", "north-mobile/electronics@1")
    assert one["grades"] == {"C": {"Heavy": 1}}


def test_the_rubric_in_force_changes_nothing(store: Any, tmp_path: Path) -> None:
    same = tmp_path / "packaging.yaml"
    same.write_text(rubric_yaml(load_categories()["packaging"]), encoding="utf-8")
    done = run_in(store.data_dir, "--rubric", same, "--out", tmp_path / "r.html")
    assert "nothing would change" in done.stdout
    assert "nothing would change" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_a_report_needs_nothing_else_and_takes_no_name_for_markup(store: Any, tmp_path: Path, lang: str) -> None:
    rule = {"action": "repackage", "because": {"en": "no <b>boxes</b>", "zh-CN": "不得<b>换箱</b>"}}
    policy = write_policy(tmp_path / "new.yaml", never=[rule])
    words = (
        "--policy",
        policy,
        "--out",
        tmp_path / "r.html",
        "--lang",
        lang,
        "--desk-url",
        "https://qa.example",
    )
    assert run_in(store.data_dir, *words).exit_code == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert re.search(r"(no|不得)&lt;b&gt;|no &lt;b&gt;", page)
    outside = set(re.findall(r"(?:src|href|action|url)\s*[=(]\s*[\"']?([^\"')>]+)", page))
    assert all(link.startswith(("https://qa.example/desk/items/", "data:image/jpeg;base64,")) for link in outside)
    sizes = [Image.open(io.BytesIO(base64.b64decode(d))).size for d in re.findall(r"base64,([^\"]+)", page)]
    assert sizes
    assert {max(size) for size in sizes} == {160}
    assert not re.search(r"\breplay\.\w+", page)


def test_a_rubrics_report_shows_what_to_look_at_again(store: Any, tmp_path: Path) -> None:
    text, grade = ("clean, intact, closed", "clean, whole, closed"), ("en: B", "en: <i>B</i>")
    rubric = write_rubric(tmp_path / "p.yaml", "packaging.yaml", text, grade)
    words = ("--rubric", rubric, "--out", tmp_path / "r.html", "--with-photos")
    assert "A text cannot judge photos anew." in run_in(store.data_dir, *words).stdout
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert f"/desk/items/{store.said['open']['id']}" in page
    assert page.count("data:image/jpeg;base64,") == 1
    assert "&lt;i&gt;B&lt;/i&gt;" in page
    assert "<td>harbour-home</td>" in page
    assert "conditions.unopened.text: changed in English" in page


def test_a_report_says_that_it_holds_photos_and_holds_none_where_none_are_wanted(store: Any, tmp_path: Path) -> None:
    policy = write_policy(
        tmp_path / "new.yaml", never=[{"action": "repackage", "because": {"en": "no", "zh-CN": "不"}}]
    )
    pages = []
    for photos in ((), ("--without-photos",)):
        run_in(store.data_dir, "--policy", policy, "--out", tmp_path / "r.html", *photos)
        pages.append((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert ["This file holds photos" in page for page in pages] == [True, False]
    assert ["data:image/jpeg" in page for page in pages] == [True, False]


@pytest.mark.parametrize("base", ["https://qa.example", "https://qa.example/desk", "https://qa.example/desk/"])
def test_a_link_leads_to_the_desk_however_its_address_is_written(base: Any) -> None:
    assert item_url(base, "abc") == "https://qa.example/desk/items/abc"


def test_photos_that_are_gone_are_left_out_of_a_report(store: Any, tmp_path: Path) -> None:
    from regrade.serving.replay.page import Photos
    from regrade.serving.storage.records import StoredPhoto

    photos = Photos(Settings(_env_file=None, data_dir=store.data_dir))
    assert photos.url(StoredPhoto(0, "0" * 64, "image/jpeg", 1, 1, 1)) is None
    assert photos.url(None) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "either the new policy"), (("--policy", "p", "--rubric", "r"), "either the new policy"),
        (("--policy", "p", "--with-photos"), "name its file with --out"),
        (("--policy", "p", "--lang", "fr"), "Legal values: en, zh-CN"),
        (("--policy", "p", "--since", "last week"), "--since: 'last week' is neither a day nor a moment"),
        (("--policy", "p", "--until", "2026-02-30"), "--until: '2026-02-30' is neither"),
        (("--policy", "p", "--since", "2026-11-01T08:00:00"), "does not say its time zone"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_what_to_do(store: Any, words: Any, message: str) -> None:
    with pytest.raises(ReplayError, match=re.escape(message)):
        run_in(store.data_dir, *words)


def test_files_that_cannot_be_read_or_written_are_told(store: Any, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="Cannot read the policy"):
        run_in(store.data_dir, "--policy", tmp_path / "none.yaml")
    with pytest.raises(RubricError, match="Cannot read the rubric"):
        run_in(store.data_dir, "--rubric", tmp_path / "none.yaml")
    with pytest.raises(ReplayError, match="Cannot write the report"):
        run_in(store.data_dir, "--policy", write_policy(tmp_path / "p.yaml"), "--out", tmp_path / "no" / "r.html")


def test_a_folder_without_a_database_stays_without_one(tmp_path: Path) -> None:
    policy = write_policy(tmp_path / "p.yaml")
    with pytest.raises(DataDirError, match="There is no database in"):
        run_in(tmp_path / "empty", "--policy", policy)
    assert not (tmp_path / "empty").exists()


def test_an_older_schema_is_told_and_left_alone(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "regrade.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
    with pytest.raises(DatabaseError, match="has the schema 0001, this regrade needs"):
        run_in(tmp_path, "--policy", write_policy(tmp_path / "p.yaml"))
