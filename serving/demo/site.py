"""A made-up returns site: its stations, goods and people, and what of them a quality page should find.

All figures here are invented, but none of them is a grade: what the models say of an item is drawn from what they
really said of its photos (`regrade.serving.demo.grades`). Two things are not in order: a lamp at one station was
changed, and one reviewer agrees less with the others than they do among each other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from regrade.models.types import CONDITIONS

STATIONS: Final = (*(f"LA-{number:02}" for number in range(1, 9)), *(f"NJ-{number:02}" for number in range(1, 5)))
LAMP: Final = "LA-07"
LAMP_CHANGED: Final = timedelta(days=21)
"""How long before now the lamp of `LAMP` was changed."""
LAMP_STEP: Final = {"brightness": -19.0, "sharpness": 0.0, "warmth": -12.0, "tint": 0.6}
"""What its new lamp does to the photos: darker and bluer."""

ITEMS_A_DAY: Final = 8
"""Items that each station sends on an average day."""
PHOTOS_EACH: Final = 2
"""Photos of an item, at most."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing that was rendered: the beginning of its photos' names, and what condition a person says it is in."""

    category: str
    photos: str
    truth: str


SUBJECTS: Final = (
    Subject("packaging", "carton-sealed", "unopened"),
    Subject("packaging", "carton-open", "opened"),
    Subject("packaging", "carton-used", "used"),
    Subject("packaging", "carton-torn", "damaged"),
    Subject("electronics", "phone-intact", "opened"),
    Subject("electronics", "phone-used", "used"),
    Subject("electronics", "phone-cracked", "damaged"),
    Subject("footwear", "shoes-clean", "opened"),
    Subject("footwear", "shoes-used", "used"),
    Subject("apparel", "shirt-bagged", "unopened"),
    Subject("apparel", "shirt-used", "used"),
    Subject("apparel", "shirt-stained", "damaged"),
)


@dataclass(frozen=True, slots=True)
class Goods:
    """What arrives in one category. `arrives` is its share of all items, `mix` that of each of its `SUBJECTS`."""

    category: str
    sellers: tuple[str, ...]
    value: float
    arrives: float
    mix: tuple[float, ...]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What there is of it, in the order of `mix`."""
        return tuple(one for one in SUBJECTS if one.category == self.category)


GOODS: Final = (
    Goods("packaging", ("harbour-home", "cedar-kitchen"), 64.0, 0.36, (0.46, 0.24, 0.08, 0.22)),
    Goods("footwear", ("stride-line", "trail-foot"), 48.0, 0.19, (0.68, 0.32)),
    Goods("apparel", ("plain-tee", "loom-and-co"), 24.0, 0.25, (0.60, 0.24, 0.16)),
    Goods("electronics", ("north-mobile",), 129.0, 0.20, (0.58, 0.24, 0.18)),
)


@dataclass(frozen=True, slots=True)
class Person:
    """A reviewer: how often they see what an item is, and about how many seconds they need."""

    name: str
    skill: float
    seconds: float


PEOPLE: Final = (
    Person("Mei Chen", 0.98, 17.0),
    Person("Jonas Weber", 0.965, 21.0),
    Person("Aisha Bello", 0.955, 19.0),
    Person("Diego Ramos", 0.94, 24.0),
    Person("Sam Okafor", 0.80, 13.0),
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One item at a station: what it is, the light there, and a number in [0, 1) that draws the variation shown."""

    number: int
    at: datetime
    station: str
    goods: Goods
    seller: str
    value: float
    subject: Subject
    variation: float
    light: tuple[Mapping[str, float], ...]

    @property
    def truth(self) -> str:
        """What condition it is in."""
        return self.subject.truth


def arrivals(now: datetime, weeks: int, seed: int) -> Iterator[Arrival]:
    """All items of the `weeks` before `now`, oldest first. A day is the same however far it lies back."""
    usual = _usual_light(seed)
    numbers = 0
    for back in range(7 * weeks, -1, -1):
        random = np.random.default_rng((seed, back))
        morning = datetime(now.year, now.month, now.day, 13, tzinfo=UTC) - timedelta(days=back)
        found: list[tuple[datetime, str]] = []
        for station in STATIONS:
            seconds = random.uniform(0, 9 * 3600, size=max(6, random.poisson(ITEMS_A_DAY)))
            found += [(morning + timedelta(seconds=float(value)), station) for value in seconds]
        mood = {station: _mood(random) for station in STATIONS}
        for at, station in sorted(found):
            numbers += 1
            light = usual[station] + mood[station] + (_step() if _new_lamp(station, at, now) else 0.0)
            made = _arrival(random, numbers, at, station, light)
            if at < now:
                yield made


def seen(random: np.random.Generator, truth: str, person: Person, hint: str | None) -> str:
    """What `person` takes an item for; `hint` is the model's grade where they are shown it, and tempts them."""
    if random.random() < person.skill:
        return truth
    return hint if hint is not None and random.random() < 0.5 else beside(random, truth)


def beside(random: np.random.Generator, condition: str) -> str:
    """A condition that is taken for `condition`: mostly the next one."""
    place = CONDITIONS.index(condition)
    odds = np.array([0.0 if at == place else 6.0 ** -abs(at - place) for at in range(len(CONDITIONS))])
    return CONDITIONS[random.choice(len(CONDITIONS), p=odds / odds.sum())]


def _arrival(random: np.random.Generator, number: int, at: datetime, station: str, light: Any) -> Arrival:
    goods = GOODS[random.choice(len(GOODS), p=[one.arrives for one in GOODS])]
    subject = goods.subjects[random.choice(len(goods.mix), p=goods.mix)]
    names = tuple(LAMP_STEP)
    spread = np.array([5.0, 0.03, 2.2, 0.9])
    photos = [light + random.normal(0.0, spread) for _ in range(PHOTOS_EACH)]
    return Arrival(
        number=number,
        at=at,
        station=station,
        goods=goods,
        seller=goods.sellers[random.integers(len(goods.sellers))],
        value=float(np.round(goods.value * random.choice((0.5, 0.8, 1.0, 1.25, 1.9)), 2)),
        subject=subject,
        variation=float(random.random()),
        light=tuple(dict(zip(names, np.round(one, 3).tolist(), strict=True)) for one in photos),
    )


def _usual_light(seed: int) -> dict[str, Any]:
    """Station to its usual brightness, sharpness, warmth and tint, as an array of shape (4,)."""
    random = np.random.default_rng((seed, 10_000))
    return {
        station: random.normal(0.0, (6.0, 0.03, 2.5, 0.8)) + np.array([132.0, 0.72, 9.0, 0.5]) for station in STATIONS
    }


def _mood(random: np.random.Generator) -> Any:
    """By how much the light of one day differs from the usual."""
    return random.normal(0.0, (1.0, 0.004, 0.5, 0.2))


def _step() -> Any:
    return np.array(list(LAMP_STEP.values()))


def _new_lamp(station: str, at: datetime, now: datetime) -> bool:
    return station == LAMP and at.date() > (now - LAMP_CHANGED).date()
