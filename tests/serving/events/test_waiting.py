"""What waits for its turn at a slow receiver: sent as it stands once its turn comes, or no longer sent at all."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from regrade.serving.erasure.eraser import Eraser
from regrade.serving.erasure.records import Actor
from regrade.serving.events.dispatcher import AT_ONCE
from tests.serving.events.conftest import Deliver, Receiver, hook
from tests.serving.events.test_delivery import states, until

Listen = Callable[..., Receiver]


def test_what_is_erased_while_it_waits_is_not_sent(site: Any, eraser: Eraser, listen: Listen, deliver: Deliver) -> None:
    go_on = threading.Event()
    receiver = listen(lambda event, times: ((go_on.wait(20) and 200) or 200, {}))
    made = hook(site, receiver)
    items = [site.graded(f"RMA-{number}") for number in range(AT_ONCE + 4)]
    deliver(write=lambda event: json.dumps({"id": event.id, "data": {"item": event.inspection.item}}).encode())
    under_way = {event["data"]["item"]["rma"] for event in receiver.wait(AT_ONCE)}
    waiting = [item for item in items if item.item["rma"] not in under_way]
    assert len(waiting) == 4
    for item in waiting:
        eraser.erase(item.id, Actor("admin"))
    go_on.set()
    until(lambda: states(site, made.id) == ["delivered"] * (len(items) + len(waiting)))
    told = [body.decode() for _, body in receiver.got]
    for item in waiting:
        assert not any(f'"{item.item["rma"]}"' in body for body in told)


@pytest.mark.parametrize("step", ["pause", "remove"])
def test_what_waits_for_its_turn_is_not_sent_to_a_webhook_that_was_stopped(
    site: Any, listen: Listen, deliver: Deliver, step: str
) -> None:
    go_on, quiet = threading.Event(), listen()
    receiver = listen(lambda event, times: ((go_on.wait(20) and 200) or 200, {}))
    made = hook(site, receiver)
    for number in range(AT_ONCE + 4):
        site.graded(f"RMA-{number}")
    deliver()
    receiver.wait(AT_ONCE)
    if step == "pause":
        site.endpoints.change(made.id, site.by, {"enabled": False})
    else:
        site.endpoints.remove(made.id, site.by)
    go_on.set()
    other = hook(site, quiet)  # which shows that the rounds went on
    site.graded("RMA-last")
    until(lambda: states(site, other.id) == ["delivered"])
    assert len(receiver.got) == AT_ONCE


def test_after_a_pause_while_much_is_under_way_each_is_sent_once_and_in_order(
    site: Any, listen: Listen, deliver: Deliver
) -> None:
    go_on = threading.Event()
    receiver, quiet = listen(lambda event, times: ((go_on.wait(20) and 200) or 200, {})), listen()
    made = hook(site, receiver)
    items = [site.graded(f"RMA-{number}") for number in range(AT_ONCE + 4)]
    for item in items:
        site.decided(item)
    dispatcher = deliver()
    receiver.wait(AT_ONCE)
    site.endpoints.change(made.id, site.by, {"enabled": False})
    other = hook(site, quiet)
    site.graded("RMA-between")  # once it came, the pause was seen
    until(lambda: states(site, other.id) == ["delivered"])
    site.endpoints.change(made.id, site.by, {"enabled": True})
    dispatcher.wake()
    site.graded("RMA-after")
    quiet.wait(2)
    assert len(receiver.got) == AT_ONCE  # still the first ones, whose answer is awaited
    go_on.set()
    until(lambda: states(site, made.id) == ["delivered"] * (2 * len(items) + 2))
    ids = [event["id"] for event in receiver.events]
    assert len(ids) == len(set(ids))
    for item in items:
        mine = [event["type"] for event in receiver.events if event["data"]["id"] == item.id]
        assert mine == ["inspection.graded", "inspection.decided"]
