"""Events on their way to real receivers: signed, in order, again where they did not arrive, and never lost."""

import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from regrade.serving.events.deliveries import Deliveries
from regrade.serving.events.queue import Queue, Schedule
from tests.serving.events.conftest import SOON, Deliver, Receiver, hook

Listen = Callable[..., Receiver]


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what shows in the database alone."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def states(site: Any, webhook_id: str) -> list[str]:
    """Of all deliveries to a webhook, oldest first."""
    return [one.state for one in reversed(Deliveries(site.database).page(webhook_id, 200).items)]


def test_what_happens_arrives_in_order_and_the_stock_library_finds_it_signed(
    site: Any, listen: Listen, deliver: Deliver
) -> None:
    receiver = listen()
    made = hook(site, receiver)
    deliver()
    item = site.graded()
    site.decided(item)
    receiver.wait(2)
    got = receiver.verified(site.endpoints.secret(made))
    assert [(one["type"], one["data"]["status"]) for one in got] == [
        ("inspection.graded", "needs_review"),
        ("inspection.decided", "reviewed"),
    ]
    assert [headers["webhook-id"] for headers, _ in receiver.got] == [event.id for event in site.told()]
    until(lambda: states(site, made.id) == ["delivered"] * 2)


def test_a_body_or_secret_that_is_another_is_not_taken_for_signed(site: Any, listen: Listen, deliver: Deliver) -> None:
    receiver = listen()
    made = hook(site, receiver)
    deliver()
    site.graded()
    receiver.wait(1)
    ((headers, body),) = receiver.got
    with pytest.raises(WebhookVerificationError):
        Webhook(site.endpoints.secret(made)).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(site.secrets.of(made.id, 2)).verify(body, headers)


def test_what_does_not_arrive_is_sent_again_and_what_follows_in_the_same_item_waits(
    site: Any, listen: Listen, deliver: Deliver
) -> None:
    receiver = listen(lambda event, times: (500 if event["type"] == "inspection.graded" and times < 3 else 200, {}))
    hook(site, receiver)
    item, other = site.graded("RMA-1"), site.graded("RMA-2")
    site.decided(item)
    site.decided(other)
    # Made before the dispatcher runs, and after the webhook: all of it is to be sent.
    deliver()
    receiver.wait(8)
    for one in (item, other):
        mine = [event["type"] for event in receiver.events if event["data"]["id"] == one.id]
        assert mine == ["inspection.graded"] * 3 + ["inspection.decided"]


def test_a_receiver_that_is_down_keeps_no_other_waiting(site: Any, listen: Listen, deliver: Deliver) -> None:
    well = listen()
    with socket.create_server(("127.0.0.1", 0)) as nobody:  # whose port is free from now on
        down = site.endpoints.add(f"http://127.0.0.1:{nobody.getsockname()[1]}", site.by)
    over = threading.Event()
    slow = listen(lambda event, times: ((over.wait(20) and 200) or 200, {}))
    hook(site, slow)
    hook(site, well)
    deliver()
    for number in range(20):
        site.graded(f"RMA-{number}")
    well.wait(20)
    over.set()
    until(lambda: site.endpoints.get(down.id).last_error == "connection")
    assert site.endpoints.get(down.id).pending == 20


def test_once_a_receiver_is_back_it_is_given_all(site: Any, listen: Listen, deliver: Deliver) -> None:
    up = threading.Event()
    receiver = listen(lambda event, times: (200 if up.is_set() else 503, {}))
    made = hook(site, receiver)
    deliver()
    items = [site.graded(f"RMA-{number}") for number in range(12)]
    for item in items:
        site.decided(item)
    receiver.wait(3)
    until(lambda: site.endpoints.get(made.id).failures > 0)
    up.set()
    until(lambda: states(site, made.id) == ["delivered"] * 24)
    order = defaultdict(list)
    for event in receiver.events:
        order[event["data"]["id"]].append(event["type"])
    for kinds in order.values():
        assert kinds == sorted(kinds, key=["inspection.graded", "inspection.decided"].index)


def test_retry_after_is_waited_for(site: Any, listen: Listen, deliver: Deliver) -> None:
    receiver = listen(lambda event, times: (429, {"Retry-After": "3600"}))
    made = hook(site, receiver)
    deliver()
    site.graded()
    receiver.wait(1)
    until(lambda: site.endpoints.get(made.id).resume_at is not None)
    resume = site.endpoints.get(made.id).resume_at
    assert timedelta(minutes=55) < resume - datetime.now(UTC) <= timedelta(hours=1)


def test_after_three_days_it_is_given_up_kept_and_can_be_sent_again(
    site: Any, listen: Listen, deliver: Deliver
) -> None:
    well = threading.Event()
    receiver = listen(lambda event, times: (200 if well.is_set() else 422, {}))
    made = hook(site, receiver)
    dispatcher = deliver(schedule=Schedule((0.05,), 0.05, give_up=timedelta(seconds=0.2)))
    item = site.graded()
    until(lambda: states(site, made.id) == ["dead"])
    site.decided(item)
    until(lambda: states(site, made.id) == ["dead", "dead"])
    well.set()
    log = Deliveries(site.database)
    first = log.page(made.id, 10).items[-1]
    assert (first.status, first.error, first.next_at) == (422, "status", None)
    log.send_again(made.id, first.number, site.by)
    dispatcher.wake()
    until(lambda: states(site, made.id) == ["delivered", "dead"])


def test_what_waits_while_nobody_answers_is_given_up_too(site: Any) -> None:
    made = site.endpoints.add("http://127.0.0.1:9999", site.by)
    site.graded()
    queue, now = Queue(site.database, Schedule()), datetime.now(UTC)
    queue.turn("here", now, [], [])
    assert queue.give_up(now + timedelta(days=2.9)) == 0
    assert queue.give_up(now + timedelta(days=3.1)) == 1
    assert states(site, made.id) == ["dead"]


def test_by_the_default_schedule_it_is_tried_for_three_days_ever_less_often() -> None:
    schedule, at, times = Schedule(), 0.0, 0
    while at < 72 * 3600:
        times += 1
        at += schedule.after(times).total_seconds()
    assert 8 <= times <= 14
    assert 204 <= schedule.silence(8).total_seconds() <= 308
    assert schedule.silence(400).total_seconds() <= 720


def test_a_receiver_that_is_gone_is_sent_nothing_more_until_somebody_says_so(
    site: Any, listen: Listen, deliver: Deliver
) -> None:
    back = threading.Event()
    receiver = listen(lambda event, times: (200 if back.is_set() else 410, {}))
    made = hook(site, receiver)
    dispatcher = deliver()
    site.graded()
    until(lambda: site.endpoints.get(made.id).stopped == "gone")
    site.graded("RMA-2")
    back.set()
    site.endpoints.change(made.id, site.by, {"enabled": True})
    dispatcher.wake()
    until(lambda: states(site, made.id) == ["delivered"] * 2)


def test_what_happens_during_a_pause_is_sent_after_it(site: Any, listen: Listen, deliver: Deliver) -> None:
    receiver = listen()
    made = hook(site, receiver)
    deliver()
    site.endpoints.change(made.id, site.by, {"enabled": False})
    site.graded("RMA-1")
    site.graded("RMA-2")
    assert site.endpoints.get(made.id).behind == 2
    site.endpoints.change(made.id, site.by, {"enabled": True})
    assert len(receiver.wait(2)) == 2


def test_a_redirect_is_not_followed(site: Any, listen: Listen, deliver: Deliver) -> None:
    elsewhere = listen()
    receiver = listen(lambda event, times: (307, {"Location": elsewhere.url}))
    made = hook(site, receiver)
    deliver()
    site.graded()
    until(lambda: site.endpoints.get(made.id).last_error == "redirect")
    assert elsewhere.got == []


def test_an_answer_that_drips_is_cut_off(site: Any, listen: Listen, deliver: Deliver) -> None:
    receiver = listen(lambda event, times: (200, {"Content-Length": "1000"}))  # of which nothing comes
    made = hook(site, receiver)
    deliver(seconds=0.3)
    site.graded()
    until(lambda: site.endpoints.get(made.id).last_error == "timeout")


def test_types_and_seller_narrow_what_is_sent(site: Any, listen: Listen, deliver: Deliver) -> None:
    receiver, everything = listen(), listen()
    hook(site, receiver, types=["inspection.decided"], seller="acme")
    hook(site, everything)
    deliver()
    for rma, seller in (("1", "acme"), ("2", "other"), ("3", None)):
        site.decided(site.graded(rma, seller=seller))
    everything.wait(6)
    assert [event["type"] for event in receiver.wait(1)] == ["inspection.decided"]


def test_for_a_while_both_secrets_sign(site: Any, listen: Listen, deliver: Deliver) -> None:
    receiver = listen()
    made = hook(site, receiver)
    old = site.endpoints.secret(made)
    turned = site.endpoints.rotate(made.id, site.by)
    new = site.endpoints.secret(turned)
    assert old != new
    deliver()
    site.graded()
    receiver.wait(1)
    assert receiver.verified(old) == receiver.verified(new)


def test_all_since_a_moment_is_sent_again_in_order_under_the_same_ids(
    site: Any, listen: Listen, deliver: Deliver
) -> None:
    receiver = listen()
    made = hook(site, receiver)
    dispatcher = deliver()
    site.graded("before")
    receiver.wait(1)
    since = datetime.now(UTC)
    site.decided(site.graded("after"))
    first = receiver.wait(3)[1:]
    until(lambda: states(site, made.id) == ["delivered"] * 3)
    assert site.endpoints.replay(made.id, site.by, since) == 2
    dispatcher.wake()
    assert receiver.wait(5)[3:] == first


def test_another_process_takes_over_what_the_first_has_left(site: Any, listen: Listen, deliver: Deliver) -> None:
    receiver = listen()
    made = hook(site, receiver)
    queue, now = Queue(site.database, SOON), datetime.now(UTC)
    queue.turn("one that was killed", now, [], [])
    site.graded()
    deliver(alone=True)
    receiver.wait(1)
    until(lambda: states(site, made.id) == ["delivered"])


def test_two_processes_never_send_for_the_same_webhook(site: Any, listen: Listen, deliver: Deliver) -> None:
    receiver = listen()
    made = hook(site, receiver)
    Queue(site.database, SOON).turn("another", datetime.now(UTC), [], [])
    deliver(alone=False)
    quiet = listen()
    mine = hook(site, quiet)
    site.graded()
    quiet.wait(1)
    until(lambda: states(site, mine.id) == ["delivered"])
    assert receiver.got == []
    assert site.endpoints.get(made.id).behind == 1


def test_removing_a_webhook_forgets_what_was_on_its_way(site: Any, listen: Listen, deliver: Deliver) -> None:
    receiver = listen(lambda event, times: (500, {}))
    made = hook(site, receiver)
    deliver()
    site.graded()
    receiver.wait(1)
    site.endpoints.remove(made.id, site.by)
    assert site.endpoints.all() == []
