"""Rubrics over HTTP: for whom, in which language, and unchanged ones not sent again."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from regrade.serving.examples.items import PHOTOS


@pytest.fixture
def served(serve: Any, tmp_path: Path) -> Any:
    """A service with a seller's own rubric, and a reviewer's client."""
    folder = tmp_path / "rubrics"
    folder.mkdir()
    (folder / "a.yaml").write_text(
        "{category: packaging, seller: 阿克米, version: 2, extends: packaging@1, grades: [{grade: 良品}]}",
        encoding="utf-8",
    )
    service = serve(rubric_dir=folder)
    return service, service.as_role("reviewer")


def test_a_reviewer_reads_the_rubric_in_his_language(served: Any) -> None:
    _, reviewer = served
    english = reviewer.get("/v1/rubrics/packaging")
    assert english.status_code == 200
    assert english.json()["label"] == "packaging@1"
    assert [c["condition"] for c in english.json()["conditions"]] == ["unopened", "opened", "used", "damaged"]
    chinese = reviewer.get("/v1/rubrics/packaging", headers={"Accept-Language": "zh-CN"})
    assert chinese.headers["content-language"] == "zh-CN"
    assert "结构仍然牢固" in chinese.json()["conditions"][2]["text"]
    assert chinese.headers["etag"] != english.headers["etag"]


def test_a_seller_with_a_rubric_of_his_own_gets_that_one(served: Any) -> None:
    _, reviewer = served
    own = reviewer.get("/v1/rubrics/packaging", params={"seller": "阿克米"}).json()
    assert (own["label"], own["seller"], own["grades"][0]["grade"]) == ("阿克米/packaging@2", "阿克米", "良品")
    assert reviewer.get("/v1/rubrics/apparel", params={"seller": "阿克米"}).json()["label"] == "apparel@1"


def test_an_unchanged_rubric_is_not_sent_again(served: Any) -> None:
    _, reviewer = served
    etag = reviewer.get("/v1/rubrics/apparel").headers["etag"]
    again = reviewer.get("/v1/rubrics/apparel", headers={"If-None-Match": f'"x", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)


def test_an_example_is_sent_as_it_is_rendered(served: Any) -> None:
    service, reviewer = served
    url = reviewer.get("/v1/rubrics/packaging").json()["conditions"][3]["examples"][0]["url"]
    answer = service.as_role("station").get(url)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == (PHOTOS / "carton-torn-1.jpg").read_bytes()


@pytest.mark.parametrize("path", ["/v1/rubrics/toys", "/v1/rubrics/examples/items.json", "/v1/rubrics/examples/..%2Fa"])
def test_what_is_not_there_is_answered_404(served: Any, path: str) -> None:
    _, reviewer = served
    answer = reviewer.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_role_may_read_it_for_inspectors_decide_by_it_too_and_nobody_without_a_key(served: Any) -> None:
    service, _ = served
    for role in ("station", "reviewer", "engineer"):
        assert service.as_role(role).get("/v1/rubrics/packaging").status_code == 200
    for path in ("/v1/rubrics/packaging", "/v1/rubrics/examples/carton-torn-1.jpg"):
        assert httpx.get(service.url + path, trust_env=False).status_code == 401


def test_a_rubric_that_is_wrong_keeps_the_service_from_starting(tmp_path: Path) -> None:
    from regrade.serving.base.errors import RubricError
    from regrade.serving.base.settings import Settings
    from regrade.serving.installation.data_dir import DataDirLock
    from regrade.serving.runtime import Runtime

    (tmp_path / "a.yaml").write_text("category: toys", encoding="utf-8")
    with pytest.raises(RubricError, match="conditions: missing"):
        Runtime(Settings(_env_file=None, data_dir=tmp_path / "data", rubric_dir=tmp_path))
    DataDirLock(tmp_path / "data").release()  # nobody holds it
