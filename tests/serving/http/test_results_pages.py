"""What the desk's results say to a browser, above all of what somebody got wrong."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from regrade.serving.http.routes.desk.svg import bars
from regrade.serving.http.routes.results.sections import sections
from regrade.serving.results.asked import Asked
from regrade.serving.results.figures import figures

PAGE = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def desk(service: Any) -> httpx.Client:
    """A browser in which a reviewer is logged in."""
    browser: httpx.Client = service.with_key(None)
    browser.headers.update(PAGE)
    browser.post("/desk/login", data={"key": service.key("reviewer")}, headers={"origin": service.url})
    return browser


def alert(answer: httpx.Response) -> str:
    """The words of the page's alert, or an empty text."""
    assert answer.headers["content-type"].startswith("text/html"), answer.text
    return answer.text.partition('role="alert">')[2].partition("</p>")[0]


def test_what_is_wrong_is_told_by_the_words_beside_the_fields(desk: httpx.Client) -> None:
    wrong = {
        "since=soon": "Came in from: soon is neither a day",
        "since=2026-11-30&until=2026-11-01": "Came in until: ends on 2026-11-01, before it begins on 2026-11-30.",
        "updated_since=2026-11-30&updated_until=2026-11-01": "Changed until: ends on",
        "status=done": "Status: must be one of",
        "columns=secret": "Columns: must be one of",
        "cursor=x": "The address of this page is damaged.",
        "person=a%00b": "Decided by: ",
    }
    for address, said in wrong.items():
        answer = desk.get(f"/desk/results?{address}")
        assert (answer.status_code, alert(answer).startswith(said)) == (422, True), alert(answer)
    target = desk.get("/desk/results/figures?target=0")
    assert alert(target).startswith("Target age in hours: must be a number of hours")
    chinese = desk.get("/desk/results?since=2026-11-30&until=2026-11-01", headers={"accept-language": "zh-CN"})
    assert "结束于 2026-11-01" in alert(chinese)


def test_a_file_that_is_asked_for_wrongly_is_refused_on_a_page_and_to_programs_as_a_problem(desk: httpx.Client) -> None:
    for address in ("csv?since=soon", "parquet?since=soon&seller=acme"):
        answer = desk.get(f"/desk/results/export/{address}")
        assert (answer.status_code, alert(answer).partition(":")[0]) == (422, "Came in from")
        assert 'value="soon"' in answer.text
    many = desk.get("/desk/results/export/csv", params={"id": ["x"] * 51})
    assert alert(many).startswith("Chosen: must have at most 50 entries.")
    program = desk.get("/desk/results/export/csv?since=soon", headers={"accept": "*/*"})
    assert (program.status_code, program.headers["content-type"]) == (422, "application/problem+json")
    assert program.json()["errors"][0]["field"] == "since"
    fine = desk.get("/desk/results/export/csv?columns=rma&columns=id&since=2026-11-01")
    assert (fine.status_code, fine.content) == (200, b"\xef\xbb\xbfrma,id\r\n")


def test_of_nothing_there_is_no_share(service: Any) -> None:
    found = figures(service.runtime.database, Asked(), None, now=datetime(2026, 11, 30, tzinfo=UTC))
    told = " ".join(cell for one in sections(found, "en") for cell in (one.hint, *(sum(one.rows, ()))))
    assert "0 of them (–)" in told
    assert "%" not in told


def test_bars_on_a_telephone_have_their_names_above_and_letters_of_their_own_size() -> None:
    rows = [
        ("Hours on a day like the busiest, of the busiest year", 3.0, "3.0"),
        ("最忙的一天里复核台需要的小时数，按实际测得的用时", 1.0, "1.0"),
    ]
    narrow, wide = bars(rows, name="x", width=300, above=True), bars(rows, name="x", left=70)
    assert 'viewBox="0 0 300 80" width="300"' in narrow
    assert "Hours on a day like the busiest, of the b…" in narrow
    assert ">Hours on …<" in wide
    assert ">最忙的一…<" in wide
