"""Webhooks of sellers: they are sent what the seller may see, as long as whoever made them may see it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.event import listen as listen_for

from regrade.serving.access.codes import Codes
from regrade.serving.access.keys import KeyStore
from regrade.serving.access.people.directory import Change, People
from regrade.serving.base.errors import InvalidFieldsError, NotFoundError, TooManyWebhooksError
from regrade.serving.erasure.eraser import Eraser
from regrade.serving.erasure.records import Actor
from regrade.serving.events import owners
from regrade.serving.events.deliveries import Deliveries
from regrade.serving.events.endpoints import By, Endpoint
from regrade.serving.events.queue import Queue
from regrade.serving.inspections.selection import Criteria
from regrade.serving.outbox.kinds import SELLER_KINDS
from regrade.serving.outbox.tables import webhooks
from regrade.serving.storage.scope import seeing
from regrade.serving.storage.tables import people
from tests.serving.events.conftest import SOON, Deliver, Receiver
from tests.serving.events.test_delivery import until

Listen = Callable[..., Receiver]
OWN, OTHER = "acme", "globex"
URL = "https://acme.example.com/hooks"


def of(site: Any, *sellers: str, name: str = "Sel") -> By:
    """Somebody with a key that is bound to sellers."""
    return By(KeyStore(site.database).create("seller", name, sellers or (OWN,))[1])


def hook(site: Any, by: By, receiver: Receiver | None = None, **more: Any) -> Endpoint:
    """What `by` makes, who sees what they see over HTTP."""
    with seeing(by.sees):
        made: Endpoint = site.endpoints.add(URL if receiver is None else receiver.url, by, **more)
    return made


def kinds(receiver: Receiver, count: int) -> list[tuple[str, str]]:
    return [(event["type"], event["data"]["id"]) for event in receiver.wait(count)]


def test_it_is_sent_its_sellers_items_in_order_and_the_sites_webhook_all(
    site: Any, listen: Listen, deliver: Deliver
) -> None:
    theirs, sites = listen(), listen()
    made = hook(site, of(site), theirs)
    site.endpoints.add(sites.url, site.by)
    deliver()
    items = [site.graded(f"R-{number}", seller=(OWN, OTHER, None)[number % 3]) for number in range(9)]
    for item in items:
        site.decided(item)
    sites.wait(18)
    own = {item.id for item in items if item.item.get("seller") == OWN}
    got = kinds(theirs, 6)
    assert {one for _, one in got} == own
    for item in own:
        assert [kind for kind, one in got if one == item] == ["inspection.graded", "inspection.decided"]
    assert theirs.verified(site.endpoints.secret(made)) == theirs.events
    assert len(theirs.got) == 6


def test_a_seller_is_told_of_no_other_types(site: Any) -> None:
    by = of(site)
    with pytest.raises(InvalidFieldsError, match="inspection"):
        hook(site, by, types=["station.changed"])
    row = hook(site, by)
    with site.database.read() as connection:
        stored = connection.execute(webhooks.select().where(webhooks.c.id == row.id)).one()
    assert owners.kinds_of(stored) == SELLER_KINDS
    with pytest.raises(InvalidFieldsError):
        site.endpoints.change(row.id, by, {"types": ["promise.broken"]})


@pytest.mark.parametrize("given", [{"seller": OTHER}, {"adapter": "loop"}, {"seller": "nobody"}])
def test_what_is_not_theirs_to_give_is_refused(site: Any, given: dict[str, Any]) -> None:
    by = of(site)
    with pytest.raises(InvalidFieldsError):
        hook(site, by, **given)
    made = hook(site, by)
    with pytest.raises(InvalidFieldsError):
        site.endpoints.change(made.id, by, given)
    assert site.endpoints.all() == [made]


def test_who_is_bound_to_several_says_which(site: Any) -> None:
    by = of(site, OWN, OTHER)
    with pytest.raises(InvalidFieldsError, match="seller"):
        hook(site, by)
    assert hook(site, by, seller=OTHER).seller == OTHER
    with pytest.raises(InvalidFieldsError):  # of one for good: what waits, and its log, are that seller's
        site.endpoints.change(site.endpoints.all()[0].id, by, {"seller": OWN})


def test_nobody_of_another_seller_finds_it_nor_what_became_of_it(site: Any, listen: Listen, deliver: Deliver) -> None:
    made, sites = hook(site, of(site), listen()), site.endpoints.add(URL, site.by, seller=OWN)
    dispatcher = deliver()
    site.graded(seller=OWN)
    log = Deliveries(site.database)
    until(lambda: [one.state for one in log.page(made.id, 9).items] == ["delivered"])
    number = log.page(made.id, 9).items[0].number
    dispatcher.stop()
    stranger, colleague = of(site, OTHER), of(site)
    site.endpoints.change(sites.id, site.by, {"enabled": False})
    steps: dict[str, Callable[[str, By], Any]] = {
        "get": lambda one, _: site.endpoints.get(one),
        "change": lambda one, by: site.endpoints.change(one, by, {"enabled": False}),
        "rotate": site.endpoints.rotate,
        "replay": lambda one, by: site.endpoints.replay(one, by, datetime(2026, 1, 1, tzinfo=UTC)),
        "ping": lambda one, by: site.endpoints.noted(one, by, "ping"),
        "log": lambda one, _: log.page(one, 9),
        "retry": lambda one, by: log.send_again(one, number, by),
        "remove": site.endpoints.remove,
    }
    before = site.endpoints.all()
    for by, one in ((stranger, made), (stranger, sites), (colleague, sites)):
        for step, do in steps.items():
            with seeing(by.sees), pytest.raises(NotFoundError):
                do(one.id, by)
            if step not in ("get", "log"):
                with pytest.raises(NotFoundError):  # nor where a route had forgotten who asks
                    do(one.id, by)
        with seeing(by.sees):
            assert [found.id for found in site.endpoints.all()] == ([made.id] if by is colleague else [])
    assert site.endpoints.all() == before
    for do in steps.values():
        with seeing(colleague.sees):
            do(made.id, colleague)
    assert [one.id for one in site.endpoints.all()] == [sites.id]


LOSSES: dict[str, Callable[[Any, str], object]] = {
    "revoked": lambda site, key: KeyStore(site.database).revoke(key),
    "disabled": lambda site, key: _people(site).change(key, Change(disabled=True), "test"),
    "bound to others": lambda site, key: _people(site).change(key, Change(sellers=(OTHER,)), "test"),
    "another role": lambda site, key: _people(site).change(key, Change(role="reviewer"), "test"),
    "past the end": lambda site, key: _end(site, key),
}


def _people(site: Any) -> People:
    return People(site.database, Codes(b"c" * 32))


def _end(site: Any, key: str) -> None:
    with site.database.write() as connection:
        over = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(update(people).where(people.c.key_id == key).values(expires_at=over))


@pytest.mark.parametrize("how", LOSSES)
def test_who_may_not_see_it_any_more_is_sent_nothing_more_also_of_what_waited(
    site: Any, listen: Listen, deliver: Deliver, how: str
) -> None:
    receiver, sites = listen(), listen()
    person = _people(site).add("Sel", "seller", None, "test", (OWN,))
    key = next(one for one in KeyStore(site.database).all_keys() if one.id == person.id)
    made = hook(site, By(key), receiver)
    site.endpoints.add(sites.url, site.by)
    site.graded("waited", seller=OWN)
    LOSSES[how](site, person.id)
    deliver()
    site.graded("later", seller=OWN)
    sites.wait(2)
    assert receiver.got == []
    shown = site.endpoints.get(made.id)
    assert (shown.stopped, shown.owner_name) == ("owner", "Sel")


def test_a_colleague_takes_it_over_by_resuming_and_is_sent_what_happened_meanwhile(
    site: Any, listen: Listen, deliver: Deliver
) -> None:
    receiver, first, second = listen(), of(site, name="Ann"), of(site, name="Bo")
    made = hook(site, first, receiver)
    dispatcher = deliver()
    assert first.key is not None
    KeyStore(site.database).revoke(first.key.id)
    item = site.graded(seller=OWN)
    admin = By(KeyStore(site.database).create("admin", "Root")[1])
    assert site.endpoints.change(made.id, admin, {"enabled": True}).stopped == "owner"  # nor does the site lend it
    with seeing(second.sees):
        taken = site.endpoints.change(made.id, second, {"enabled": True})
    assert (taken.stopped, taken.owner_name) == (None, "Bo")
    dispatcher.wake()
    assert kinds(receiver, 1) == [("inspection.graded", item.id)]
    with site.desk.trail() as trail:
        steps = [(one.name, one.detail["step"]) for one in trail if one.action == "webhook"]
    assert ("Bo", "take over") in steps


def test_a_seller_has_so_many_and_takes_none_from_others(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "MOST_OF_A_SELLER", 2)
    monkeypatch.setattr(owners, "MOST_OF_SELLERS", 3)
    monkeypatch.setattr(owners, "MOST", 1)
    first, second, other = of(site), of(site), of(site, OTHER)
    hook(site, first)
    hook(site, second)
    with pytest.raises(TooManyWebhooksError):
        hook(site, first)
    hook(site, other)
    with pytest.raises(TooManyWebhooksError):  # all sellers together
        hook(site, other)
    site.endpoints.add(URL, site.by)
    with pytest.raises(TooManyWebhooksError):
        site.endpoints.add(URL, site.by)


def test_many_webhooks_of_others_are_passed_over_in_one_step(site: Any) -> None:
    mine, others = hook(site, of(site)), [hook(site, of(site, f"seller {number}")) for number in range(20)]
    for number in range(3):
        site.graded(f"R-{number}", seller=OWN)
    asked = list[str]()
    listen_for(site.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    Queue(site.database, SOON).turn("here", datetime.now(UTC), [], [])
    assert sum("webhook_deliveries" in one for one in asked) == 1
    assert [site.endpoints.get(one.id).behind for one in (mine, *others)] == [0] * 21
    assert [one.type for one in Deliveries(site.database).page(mine.id, 9).items] == ["inspection.graded"] * 3
    with site.database.read() as connection:
        assert set(connection.execute(select(webhooks.c.position)).scalars()) == {3}


def test_how_much_the_site_does_is_in_no_figure(site: Any) -> None:
    by = of(site)
    made = hook(site, by)
    for number in range(5):
        site.graded(f"R-{number}", seller=OTHER)
    site.graded("R-own", seller=OWN)
    with seeing(by.sees):
        assert site.endpoints.get(made.id).behind == 1
        assert site.endpoints.replay(made.id, by, datetime(2026, 1, 1, tzinfo=UTC)) == 1


def test_a_seller_is_told_that_all_of_theirs_was_erased_and_its_name_with_it(
    site: Any, listen: Listen, deliver: Deliver, eraser: Eraser
) -> None:
    receiver, sites = listen(), listen()
    hook(site, of(site), receiver)
    site.endpoints.add(sites.url, site.by, seller=OWN)
    item, other = site.graded(seller=OWN), site.graded(seller=OTHER)
    assert sum(eraser.erase_all(Criteria(seller=OWN), Actor("test"), None)) == 1
    assert eraser.rename(OWN)
    deliver()  # only now: by the name that the events had, nothing would be found
    for one in (receiver, sites):
        assert kinds(one, 2) == [("inspection.graded", item.id), ("inspection.erased", item.id)]
        assert OWN not in str(one.events).replace("acme.example", "")
    assert other.id not in str(receiver.events)


def test_what_cannot_be_written_is_tried_ever_less_often_given_up_and_holds_up_no_other(
    site: Any, listen: Listen, deliver: Deliver
) -> None:
    receiver, tries = listen(), list[str]()
    made = site.endpoints.add(receiver.url, site.by)

    def write(event: Any) -> bytes:
        if event.inspection.item["rma"] == "poison":
            tries.append(event.id)
            raise KeyError("what is stored")
        return b'{"id": "%s"}' % event.id.encode()

    deliver(write)
    poison = site.graded("poison")
    site.decided(poison)
    site.graded("well")
    receiver.wait(1)
    log = Deliveries(site.database)
    until(lambda: [one.state for one in log.page(made.id, 9).items].count("dead") == 2)
    first = next(one for one in log.page(made.id, 9).items if one.type == "inspection.graded" and one.state == "dead")
    assert (first.attempts, first.error, first.status) == (5, "unwritable", None)
    assert len(tries) == 10
    shown = site.endpoints.get(made.id)
    assert (shown.failures, shown.last_error) == (0, None)  # it says nothing of the receiver
