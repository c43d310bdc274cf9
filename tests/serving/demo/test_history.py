"""The simulated history: what it holds is what the product itself would have made of it."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from regrade.models.errors import RegradeError
from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.models.registry.store import store_of
from regrade.serving.base.settings import Settings
from regrade.serving.demo.history import History, write_history
from regrade.serving.demo.site import LAMP, LAMP_CHANGED, PEOPLE, STATIONS, arrivals
from regrade.serving.evidence import Signer
from regrade.serving.inspections.listing import Filters
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.policy.load import load_policy
from regrade.serving.review import DecisionRow, Desk, Lottery
from regrade.serving.review.context import DeskContext
from regrade.serving.review.decisions import settle
from regrade.serving.review.quality.drift import alarms
from regrade.serving.review.quality.errors_and_agreement import agreement_by, error_rates, pairs_of
from regrade.serving.review.quality.influence import influence
from regrade.serving.review.quality.station_days import station_days
from regrade.serving.rubric.in_force import in_force
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspection_photos, inspections, tasks

# One worker writes the weeks for all of them.
pytestmark = [pytest.mark.xdist_group("demo-history"), pytest.mark.slow]

NOW = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
WEEKS = 6
TIMES = (timedelta(minutes=30), timedelta(seconds=60))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("site") / "data")


@pytest.fixture(scope="module")
def written(settings: Settings) -> History:
    """Six weeks of a site, written once for this module."""
    return write_history(settings, NOW, WEEKS)


@pytest.fixture
def database(settings: Settings, written: History) -> Iterator[Database]:
    opened = Database(settings.url, read_only=True)
    yield opened
    opened.close()


@pytest.fixture
def desk(database: Database) -> Desk:
    rules = (lambda: in_force(store_of(None)), Lottery(bytes(32)))
    return Desk(database, *rules, lease=TIMES[0], undo=TIMES[1], signer=Signer.generate(), now=lambda: NOW)


@pytest.fixture
def looks(desk: Desk) -> list[DecisionRow]:
    return desk.looks()


def test_it_tells_how_much_was_written(written: History, database: Database, looks: list[DecisionRow]) -> None:
    with database.read() as connection:
        stored = connection.execute(select(func.count()).select_from(inspections)).scalar_one()
    assert (written.inspections, written.decisions) == (stored, len(looks))
    assert written.reviewers == tuple(person.name for person in PEOPLE)


def test_the_changed_lamp_is_found_with_its_explanation_and_no_other(database: Database) -> None:
    days = station_days(database, NOW - timedelta(weeks=WEEKS))
    assert set(days) == set(STATIONS)
    found = [alarm for station, of in days.items() for alarm in alarms(station, of)]
    (light,) = (alarm for alarm in found if alarm.kind == "light")
    assert light.station == LAMP
    assert abs(light.since - (NOW - LAMP_CHANGED).date()) <= timedelta(days=2)
    assert "darker and bluer" in light.message.to("en")


def test_every_grade_is_one_that_the_shipped_models_gave_to_the_photos_shown(
    settings: Settings, database: Database
) -> None:
    grader, store = Grader.load(), InspectionStore(database)
    for one in store.page(Filters(), 200, None).items[::50]:
        files = [settings.data_dir / "photos" / photo.sha256[:2] / photo.sha256 for photo in one.photos]
        again = grader.grade([open_photo(file.read_bytes(), at) for at, file in enumerate(files)], one.item["category"])
        assert one.result.grade == again.grade
        assert one.result.models == again.models


def test_only_what_the_shipped_models_and_policy_are_sure_of_goes_without_a_person(
    written: History, desk: Desk, looks: list[DecisionRow]
) -> None:
    automatic = desk.auto_graded_counts()
    assert sum(part.items for part in automatic) == written.automatic < written.inspections / 10
    assert {row.part for row in error_rates(looks, automatic, "category")} <= {"packaging"}
    share = load_policy().terms(None).quality_control.sample_share
    assert {look.share for look in looks if look.kind == "sample"} <= {share}


def test_the_pairs_with_the_newcomer_agree_least(looks: list[DecisionRow]) -> None:
    at_the_desk = [look for look in looks if look.role != "station"]
    pairs = [pair for pair in pairs_of(at_the_desk) if pair.subject == "reviewers"]
    agreed = {True: Counter[bool](), False: Counter[bool]()}
    for pair in pairs:
        agreed[PEOPLE[-1].name in pair.people][pair.conditions[0] == pair.conditions[1]] += 1
    new, others = (agreed[one][True] / agreed[one].total() for one in (True, False))
    assert new < others - 0.05
    assert len(agreement_by(pairs, "people")) == 10


def test_inspectors_decide_at_their_benches_a_share_of_them_before_the_word_is_shown(looks: list[DecisionRow]) -> None:
    at_benches = [look for look in looks if look.role == "station"]
    assert {(look.reviewer == look.station, look.kind) for look in at_benches} == {(True, "unsure")}
    (found,) = influence(looks, "all")
    assert found.first + found.after == len(at_benches)
    assert found.first > len(at_benches) / 20
    assert found.moved is not None


def test_tasks_and_states_are_what_the_desk_makes_of_the_decisions(settings: Settings, written: History) -> None:
    """Had a first look not been written as the desk writes it, settling it again would change something."""
    database = Database(settings.url)
    bench = DeskContext(
        database, lambda: in_force(store_of(None)), Lottery(bytes(32)), *TIMES, lambda: NOW, Signer.generate()
    )

    def state(connection: Any) -> list[Any]:
        kept = [column for column in inspections.c if column.name != "updated_at"]  # settling is a change
        return [connection.execute(select(*columns)).all() for columns in (kept, tasks.c)]

    with database.write() as connection:
        before = state(connection)
        for name in (
            connection.execute(select(inspections.c.id).where(inspections.c.status != "x")).scalars().all()[::7]
        ):
            settle(connection, bench, name, NOW)
        assert state(connection) == before
    database.close()


def test_every_blind_look_was_by_somebody_else_and_is_in_the_audit_trail(desk: Desk, looks: list[DecisionRow]) -> None:
    people = Counter((look.inspection_id, look.key_id) for look in looks)
    assert max(people.values()) == 1
    blind = {look.review_id for look in looks if look.blind and look.role != "station"}
    with desk.trail() as trail:
        decided = {entry.detail["review"] for entry in trail if entry.action == "decide"}
    assert decided == blind


def test_every_photo_is_a_demo_photo_that_is_there(settings: Settings, database: Database) -> None:
    with database.read() as connection:
        hashes = set(connection.execute(select(inspection_photos.c.sha256).distinct()).scalars())
    stored = {path.name for path in (settings.data_dir / "photos").rglob("*") if path.is_file()}
    assert hashes
    assert hashes <= stored


def test_the_same_now_and_seed_give_the_same_site_and_another_seed_another() -> None:
    first, again, other = (list(arrivals(NOW, 1, seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert all(one.at < NOW for one in first)


def test_a_data_directory_in_use_is_left_alone(settings: Settings, written: History, tmp_path: Path) -> None:
    with pytest.raises(RegradeError, match="has inspections already"):
        write_history(settings, NOW, 1)
