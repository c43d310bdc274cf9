"""Several services, each a process of its own, on one PostgreSQL and one data directory.

More kills, and on a server that syncs: `benchmarks/postgres_kills.py`.
"""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections
from tests.databases import MISSING, Cluster, programs

# By the folder that `tests.databases` has put on the path.
from kill_check import check  # isort: skip
from photos import photo_of  # isort: skip
from postgres_kills import claimed_twice  # isort: skip
from several import Several, Work, end_all, kill  # isort: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgresql,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("several services"),
    pytest.mark.skipif(programs() is None, reason=MISSING),
]

DEAR = {"category": "electronics", "declared_value": {"amount": 5000, "currency": "USD"}}
"""So dear that a person must look at it."""


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    """Two services."""
    made = Several.on(cluster, tmp_path_factory.mktemp("several"), 2)
    made.start_all()
    yield made
    for one in made.all:
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait(30)


def post(url: str, key: str, rma: str, photo: bytes, idempotency: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} | ({} if idempotency is None else {"Idempotency-Key": idempotency})
    files = [("photos", ("0.jpg", photo, "image/jpeg"))]
    data = {"item": json.dumps({"rma": rma, **DEAR})}
    return httpx.post(f"{url}/v1/inspections", headers=headers, files=files, data=data, timeout=60, trust_env=False)


def stored(site: Several) -> int:
    database = Database(site.settings["REGRADE_DATABASE_URL"], read_only=True)
    with database.read() as connection:
        count = connection.execute(select(func.count()).select_from(inspections)).scalar_one()
    database.close()
    return count


def test_a_key_that_is_sent_to_two_services_at_once_makes_one_inspection(site: Several) -> None:
    station, before = site.key("station"), stored(site)
    with ThreadPoolExecutor(4) as pool:
        for round_ in range(3):
            photo = photo_of(round_, 320, 240)
            sent = [(one.url, station, f"same-{round_}", photo, f"key-{round_}") for one in site.all * 2]
            answers = list(pool.map(lambda given: post(*given), sent))
            assert {answer.status_code for answer in answers} <= {200, 201}
            assert len({answer.json()["id"] for answer in answers}) == 1
    assert stored(site) == before + 3


def test_an_item_is_given_to_one_reviewer_whichever_service_is_asked(site: Several) -> None:
    station = site.key("station")
    for number in range(6):
        assert post(site.all[number % 2].url, station, f"one-{number}", photo_of(9, 320, 240)).status_code == 201
    keys = [site.key("reviewer") for _ in range(4)]

    def claim(number: int) -> Any:
        headers = {"Authorization": f"Bearer {keys[number % 4]}"}
        url = site.all[number // 4].url
        return httpx.post(f"{url}/v1/reviews/claim", headers=headers, timeout=60, trust_env=False)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(claim, range(8)))
    assert {answer.status_code for answer in answers} == {200}
    given = [answer.json()["inspection"]["id"] for answer in answers]
    assert len(set(given)) == 4, "each reviewer has one item, and no item two"
    # Whoever asks both services at once holds one item, under the lease that was given last.
    assert all(given[number] == given[number + 4] for number in range(4))


def test_an_item_is_seen_by_the_other_service_at_once(site: Several) -> None:
    station = site.key("station")
    made = post(site.all[0].url, station, "seen", photo_of(5, 320, 240)).json()
    headers = {"Authorization": f"Bearer {station}"}
    found = httpx.get(f"{site.all[1].url}/v1/inspections/{made['id']}", headers=headers, trust_env=False)
    assert found.json()["item"]["rma"] == "seen"


def test_kills_of_a_service_and_of_the_database_lose_nothing(site: Several, cluster: Cluster) -> None:
    work, chance, before = Work(site), random.Random(1), stored(site)
    work.begin()
    try:
        rounds = [kill(work, cluster, victim, chance) for victim in ("database", "service", "database")]
    finally:
        work.stopped.set()
    told = work.end()
    assert [code for code in told.answers if code.startswith("5") and code != "503"] == []
    assert end_all(site) == [0]
    found = check(site, told)
    for nothing in ("lost_items", "lost_decisions", "lost_erasures", "came_back", "left_of_erased"):
        assert found[nothing] == [], nothing
    assert found["stored_twice"] == before
    assert found["verify_exit_code"] == 0, found["verify"]
    assert claimed_twice(site.settings["REGRADE_DATABASE_URL"]) == 0
    assert len(rounds) == 3
