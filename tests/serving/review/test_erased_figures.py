"""Figures are the same before and after an erasure: what they are made of stays."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from regrade.serving.erasure.eraser import Eraser
from regrade.serving.erasure.pseudonyms import Pseudonyms
from regrade.serving.erasure.records import Actor
from regrade.serving.evidence import Signer
from regrade.serving.inspections.selection import Criteria
from regrade.serving.review.quality.errors_and_agreement import agreement_by, error_rates, pairs_of
from regrade.serving.review.quality.station_days import station_days
from regrade.serving.storage.photostore import LocalPhotoStore
from regrade.serving.storage.tables import tasks

MakeKit = Callable[..., Any]
BY = Actor("test")


def eraser_of(kit: Any, folder: Path) -> Eraser:
    keys = folder / "keys"
    photos = LocalPhotoStore(folder / "photos")
    return Eraser(kit.database, photos, lambda _: None, Signer.load(keys), Pseudonyms.load(keys))


def busy(make_kit: MakeKit) -> Any:
    """A desk at which every item has a second look, and every automatic grade a blind one, some of them still open."""
    kit = make_kit(sample=1.0, second=1.0)
    for number in range(12):
        seller, station = ("acme", "s1") if number % 2 else ("globex", "s2")
        kit.add(sure=number % 3 == 0, value=50.0 + number, seller=seller, station=station, promised=0.05)
    for number in range(16):
        kit.decide("Ann" if number % 2 else "Bob", "used" if number % 5 else "damaged", note="a note")
        kit.time += timedelta(seconds=30)
    return kit


def figures(kit: Any, rename: Callable[[str | None], str | None] = lambda seller: seller) -> Any:
    """All that the quality page and the statistics show, but for how many wait."""
    looks, counts = kit.desk.looks(), kit.desk.auto_graded_counts()
    pairs = pairs_of(looks)
    stats = kit.desk.stats()
    by_seller = [
        *((rename(name), found) for name, found in agreement_by(pairs, "seller")),
        *((rename(rate.part), rate.rate, rate.interval) for rate in error_rates(looks, counts, "seller")),
    ]
    days = station_days(kit.database, kit.time - timedelta(days=30))
    return {
        "agreement": {part: agreement_by(pairs, part) for part in ("category", "station", "week", "people")},
        "by_seller": sorted(by_seller, key=repr),
        "errors": {part: error_rates(looks, counts, part) for part in ("all", "category", "week")},
        "stats": (stats.overall, stats.by, stats.names, {kind: found["done"] for kind, found in stats.kinds.items()}),
        "drift": days,
    }


def test_figures_stay_when_everything_is_erased(make_kit: MakeKit, tmp_path: Path) -> None:
    kit = busy(make_kit)
    before = figures(kit)
    assert before["errors"]["all"][0].looked_at > 0
    assert before["agreement"]["people"] != []
    assert sum(eraser_of(kit, tmp_path).erase_all(Criteria(before=kit.time), BY)) == 12
    assert figures(kit) == before


def test_figures_by_seller_go_on_under_the_pseudonym(make_kit: MakeKit, tmp_path: Path) -> None:
    kit = busy(make_kit)
    eraser, pseudonym = eraser_of(kit, tmp_path), Pseudonyms.load(tmp_path / "keys").of_seller("acme")
    before = figures(kit, lambda seller: pseudonym if seller == "acme" else seller)
    assert sum(eraser.erase_all(Criteria(seller="acme"), BY)) == 6
    assert eraser.rename("acme")
    assert figures(kit) == before


def test_nobody_is_given_what_was_erased(make_kit: MakeKit, tmp_path: Path) -> None:
    kit = busy(make_kit)
    assert kit.desk.claim(kit.reviewer("Cem")) is not None
    list(eraser_of(kit, tmp_path).erase_all(Criteria(before=kit.time), BY))
    assert kit.desk.claim(kit.reviewer("Cem")) is None
    assert kit.desk.counts(kit.reviewer("Cem")).total == 0
    with kit.database.read() as connection:
        held = select(tasks.c.lease_key_id).where(tasks.c.state == "erased", tasks.c.lease_hash.is_not(None))
        assert connection.execute(held).all() == []
