"""Claims and leases: who is given what, and that no two reviewers are given the same."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from regrade.serving.base.errors import InvalidFieldsError, LeaseError
from regrade.serving.review import Filters, Verdict


def test_the_oldest_item_that_fits_is_claimed(kit: Any) -> None:
    first, second = kit.add(seller="acme"), kit.add(seller="zen")
    assert kit.claim("Ann").inspection.id == first.id
    assert kit.claim("Bob", seller="zen").inspection.id == second.id


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"category": "apparel"}, [1]),
        ({"seller": "zen"}, [1, 2]),
        ({"seller": ""}, [0]),
        ({"station": "s2", "seller": "zen"}, [2]),
        ({"reason": "no_guarantee"}, [0, 1, 2]),
        ({"reason": "other"}, []),
        ({"kind": "unsure"}, [0, 1, 2]),
        ({"kind": "blind"}, []),
        ({"min_value": 30}, [1, 2]),
        ({"min_value": 30, "max_value": 30}, [1]),
        ({"max_value": 29}, []),
        ({"older_than": timedelta(hours=23, minutes=58)}, [0, 1]),
    ],
)
def test_the_queue_shows_what_fits_the_filters(kit: Any, filters: dict[str, Any], fits: list[int]) -> None:
    made = [
        kit.add(station="s1"),
        kit.add(category="apparel", seller="zen", value=30, station="s1"),
        kit.add(seller="zen", value=45, station="s2"),
    ]
    page = kit.desk.queue_page(kit.reviewer("Ann"), Filters(**filters))
    assert [row.task.inspection_id for row in page.rows] == [made[index].id for index in fits]
    claimed = kit.desk.claim(kit.reviewer("Ann"), Filters(**filters))
    assert (None if claimed is None else claimed.inspection.id) == (made[fits[0]].id if fits else None)


def test_who_holds_an_item_is_given_it_again_under_a_new_lease(kit: Any) -> None:
    made = [kit.add(), kit.add()]
    first = kit.claim("Ann")
    kit.time += timedelta(minutes=9)
    second = kit.claim("Ann")
    assert (first.inspection.id, second.inspection.id) == (made[0].id, made[0].id)
    with pytest.raises(LeaseError, match="not the one"):
        kit.desk.decide(made[0].id, first.token, kit.reviewer("Ann"), Verdict("used"))


def test_asking_for_others_gives_the_held_item_back(kit: Any) -> None:
    made = [kit.add(seller="acme"), kit.add(seller="zen")]
    kit.claim("Ann", seller="acme")
    assert kit.claim("Ann", seller="zen").inspection.id == made[1].id
    assert kit.claim("Bob").inspection.id == made[0].id


def test_the_next_item_is_held_beside_the_current_one(kit: Any) -> None:
    made = [kit.add(), kit.add(), kit.add()]
    current = kit.claim("Ann")
    following = kit.desk.hold_next(kit.reviewer("Ann"))
    assert following.inspection.id == made[1].id
    assert kit.desk.hold_next(kit.reviewer("Ann")).inspection.id == made[1].id
    assert kit.claim("Ann").inspection.id == made[0].id
    assert kit.claim("Bob").inspection.id == made[2].id
    with pytest.raises(LeaseError, match="not the one"):
        kit.desk.decide(made[0].id, current.token, kit.reviewer("Ann"), Verdict("used"))


def test_the_next_item_may_be_decided_under_its_own_token(kit: Any) -> None:
    kit.add(), kit.add()
    current, ann = kit.claim("Ann"), kit.reviewer("Ann")
    following = kit.desk.hold_next(ann)
    kit.desk.decide(current.inspection.id, current.token, ann, Verdict("used"))
    decided = kit.desk.decide(following.inspection.id, following.token, ann, Verdict("opened"))
    assert decided.inspection.status == "reviewed"


def test_an_item_that_is_released_can_be_had_by_others(kit: Any) -> None:
    made, ann = kit.add(), kit.reviewer("Ann")
    claimed = kit.claim("Ann")
    assert kit.desk.release(claimed.task.id, kit.reviewer("Bob")) is False
    assert kit.desk.release(claimed.task.id, ann) is True
    assert kit.desk.release(claimed.task.id, ann) is False
    assert kit.claim("Bob").inspection.id == made.id
    with pytest.raises(LeaseError):
        kit.desk.decide(made.id, claimed.token, ann, Verdict("used"))


def test_a_lease_that_expired_is_taken_over_and_that_is_told(kit: Any) -> None:
    made = kit.add()
    kit.claim("Ann")
    kit.time += timedelta(minutes=10)
    assert kit.claim("Bob").inspection.id == made.id
    actions = [(entry.action, entry.name) for entry in kit.desk.history(made.id)]
    assert actions == [("claim", "Ann"), ("expire", "Bob"), ("claim", "Bob")]
    assert kit.desk.history(made.id)[1].detail["name"] == "Ann"


def test_threads_are_never_given_the_same_item(kit: Any) -> None:
    made = {kit.add().id for _ in range(24)}
    names = [f"r{number}" for number in range(8)]
    for name in names:
        kit.reviewer(name)

    def work_off(name: str) -> list[str]:
        done = []
        while claimed := kit.desk.claim(kit.reviewer(name)):
            kit.desk.decide(claimed.inspection.id, claimed.token, kit.reviewer(name), Verdict("used"))
            done.append(claimed.inspection.id)
        return done

    with ThreadPoolExecutor(8) as pool:
        done = [inspection for own in pool.map(work_off, names) for inspection in own]
    assert (len(done), set(done)) == (24, made)


WORK_OFF = """
import sys
from datetime import timedelta
from regrade.serving.access.keys import KeyStore
from regrade.serving.storage.database import Database
from regrade.serving.evidence import Signer
from regrade.models.registry.store import store_of
from regrade.serving.review import Desk, Lottery, Verdict
from regrade.serving.rubric.in_force import in_force

database = Database(sys.argv[1])
key = KeyStore(database).create("reviewer", sys.argv[2])[1]
rules = in_force(store_of(None))
times = {"lease": timedelta(minutes=10), "undo": timedelta(0)}
desk = Desk(database, lambda: rules, Lottery(bytes(32)), **times, signer=Signer.generate())
sys.stdin.readline()
while claimed := desk.claim(key):
    desk.decide(claimed.inspection.id, claimed.token, key, Verdict("used"))
    print(claimed.inspection.id)
"""


def test_processes_are_never_given_the_same_item(kit: Any) -> None:
    made = {kit.add().id for _ in range(30)}
    url = str(kit.database.engine.url)
    command = [sys.executable, "-c", WORK_OFF, url]
    piped: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen([*command, name], **piped) for name in ("Ann", "Bob")]
    # Second looks by lot may follow; each is another look at its item, by the other reviewer.
    outputs = [worker.communicate("go\n", timeout=120)[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert {*outputs[0], *outputs[1]} == made
    assert all(len(set(own)) == len(own) for own in outputs)
    with kit.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT task_id FROM reviews").scalars().all()
    assert len(rows) == len(set(rows)) == len(outputs[0]) + len(outputs[1])


def test_pages_of_the_queue_follow_one_another(kit: Any) -> None:
    made = [kit.add().id for _ in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        page = kit.desk.queue_page(kit.reviewer("Ann"), limit=2, cursor=cursor)
        seen += [row.task.inspection_id for row in page.rows]
        cursor = page.next_cursor
    assert (seen, cursor) == (made, None)
    with pytest.raises(InvalidFieldsError, match="cursor"):
        kit.desk.queue_page(kit.reviewer("Ann"), cursor="damaged")


def test_the_counts_tell_what_waits_of_what(kit: Any) -> None:
    first = kit.add(seller="acme", station="s1")
    kit.add(seller="acme", category="apparel"), kit.add(seller="zen")
    kit.claim("Bob")
    counts = kit.desk.counts(kit.reviewer("Ann"))
    assert (counts.total, counts.held, counts.oldest) == (3, 1, first.created_at)
    assert counts.by["seller"] == {"acme": 2, "zen": 1}
    assert counts.by["category"] == {"footwear": 2, "apparel": 1}
    assert counts.by["station"] == {"": 2, "s1": 1}
    assert counts.by["kind"] == {"unsure": 3}
    whole = kit.desk.totals(kit.reviewer("Ann"))
    assert (whole.total, whole.held, whole.oldest) == (counts.total, counts.held, counts.oldest)
    assert kit.desk.queue_page(kit.reviewer("Ann")).counts == counts
    for seller, found in (("zen", 1), ("acme", 2), ("other", 0)):
        assert kit.desk.queue_page(kit.reviewer("Ann"), Filters(seller=seller)).counts.total == found


def test_the_queue_tells_who_holds_an_item(kit: Any) -> None:
    kit.add(), kit.add()
    until = kit.claim("Ann").expires_at
    rows = kit.desk.queue_page(kit.reviewer("Bob")).rows
    assert [(row.held_by, row.held_until) for row in rows] == [("Ann", until), (None, None)]
    kit.time += timedelta(minutes=10)
    assert kit.desk.queue_page(kit.reviewer("Bob")).rows[0].held_by is None
