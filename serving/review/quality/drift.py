"""Whether a station has changed: each is compared with itself, by the weeks before.

Days are charted by a two-sided CUSUM (Page 1954; Montgomery, "Introduction to Statistical Quality Control", ch. 9) of
robust z-scores: how far a day lies from the baseline's median, in units of 1.4826 times its median absolute deviation
(Iglewicz and Hoaglin 1993). The reference value is 1 and the decision interval 4: drifts of two standard deviations
and more are to be found, in a few days, and hardly ever one where there is none. One odd day raises no alarm, since
z-scores count for at most 4. Grades are compared as a mix, by Pearson's chi-square test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np

from regrade.models.types import CONDITIONS
from regrade.serving.base.i18n import LANGUAGES, Message, text
from regrade.serving.review.quality.station_days import LIGHT, MEASURES, Day
from regrade.serving.review.quality.statistics import homogeneity

WATCHED: Final = timedelta(days=28)
"""The newest days, which are watched; what is before them is the baseline."""
KEPT: Final = timedelta(days=84)
"""How far back days are looked at: the watched ones and eight weeks of baseline."""
LEAST_DAYS: Final = 7
"""Days that a baseline needs. A station that is younger than the watched days is compared with its first ones."""
LEAST_ITEMS: Final = 5
"""Items that a day needs: means over fewer say more of the items than of the station."""

REFERENCE: Final = 1.0
DECISION: Final = 4.0
MOST: Final = 4.0

LEAST_CHANGE: Final[Mapping[str, float]] = {
    "brightness": 6.0,
    "sharpness": 0.03,
    "warmth": 4.0,
    "tint": 3.0,
    "confidence": 0.02,
}
"""A change that matters, in the measure's own unit: smaller ones raise no alarm however surely they are there. A
third of it is also the least deviation that is taken for a usual one, lest a very steady station alarms at nothing."""
LEAST_P: Final = 0.001
LEAST_SHIFT: Final = 0.08
"""The mix of grades has changed where chance would do so once in 1000 times, and one grade's share by 8 points."""


@dataclass(frozen=True, slots=True)
class Point:
    """One day of a chart: the measure's mean and the larger of both CUSUMs, which alarms above `DECISION`."""

    day: date
    value: float
    cusum: float


@dataclass(frozen=True, slots=True)
class Chart:
    """One measure of one station. `low` to `high` is what is usual (three robust deviations about `centre`); the days
    up to `baseline_until` made it. `changed`: since when and by how much it is off now; None where it is not."""

    station: str
    measure: str
    centre: float
    low: float
    high: float
    baseline_until: date
    points: tuple[Point, ...]
    changed: "Change | None"


@dataclass(frozen=True, slots=True)
class Change:
    """A lasting change: the first day of it, and the medians before and since."""

    since: date
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something to look into, in words. `changes` are what it is made of."""

    kind: Literal["light", "confidence", "grades"]
    station: str
    since: date
    message: Message


def charts(station: str, days: Sequence[Day]) -> list[Chart]:
    """The charts of all `MEASURES` of which the station has enough days, oldest first in `days`."""
    found = []
    for measure in MEASURES:
        known = [day for day in days if day.items >= LEAST_ITEMS and measure in day.means]
        baseline, watched = _split(known)
        if watched:
            found.append(_chart(station, measure, baseline, watched))
    return found


def alarms(station: str, days: Sequence[Day], drawn: Sequence[Chart] | None = None) -> list[Alarm]:
    """What has changed at a station and lasts, at most one alarm a kind. `drawn` are its charts, if at hand already."""
    shown = charts(station, days) if drawn is None else drawn
    changed = {chart.measure: chart.changed for chart in shown if chart.changed is not None}
    found = []
    light = {measure: change for measure, change in changed.items() if measure != "confidence"}
    if light:
        found.append(_light_alarm(station, light))
    if (change := changed.get("confidence")) is not None:
        key = "desk.quality_confidence_fell" if change.after < change.before else "desk.quality_confidence_rose"
        params: dict[str, str | float] = {
            "station": station,
            "before": round(change.before, 2),
            "after": round(change.after, 2),
            "day": change.since.isoformat(),
        }
        found.append(Alarm("confidence", station, change.since, Message(key, params)))
    if (grades := _grades_alarm(station, days)) is not None:
        found.append(grades)
    return found


def _split(days: Sequence[Day]) -> tuple[Sequence[Day], Sequence[Day]]:
    """Baseline and watched days; none are watched where the baseline would be too short."""
    if len(days) <= LEAST_DAYS:
        return days, ()
    begin = days[-1].day - WATCHED
    count = max(LEAST_DAYS, sum(day.day <= begin for day in days))
    return days[:count], days[count:]


def _chart(station: str, measure: str, baseline: Sequence[Day], watched: Sequence[Day]) -> Chart:
    usual = np.array([day.means[measure] for day in baseline])
    centre = float(np.median(usual))
    scale = max(1.4826 * float(np.median(np.abs(usual - centre))), LEAST_CHANGE[measure] / 3)
    up = down = 0.0
    points = [Point(day.day, day.means[measure], 0.0) for day in baseline]
    onset: dict[str, date] = {}
    for day in watched:
        value = day.means[measure]
        z = float(np.clip((value - centre) / scale, -MOST, MOST))
        for side, before, step in (("up", up, z), ("down", down, -z)):
            if before + step - REFERENCE <= 0:
                onset.pop(side, None)
            else:
                onset.setdefault(side, day.day)
        # Held at twice the limit, so that a station which is mended is not held to be broken for weeks.
        up = min(max(0.0, up + z - REFERENCE), 2 * DECISION)
        down = min(max(0.0, down - z - REFERENCE), 2 * DECISION)
        points.append(Point(day.day, value, max(up, down)))
    changed = None
    if max(up, down) > DECISION:
        changed = _change([day for day in watched if day.day >= onset["up" if up > down else "down"]], measure, centre)
        if abs(changed.after - centre) < LEAST_CHANGE[measure]:
            changed = None
    return Chart(
        station, measure, centre, centre - 3 * scale, centre + 3 * scale, baseline[-1].day, tuple(points), changed
    )


def _change(days: Sequence[Day], measure: str, centre: float) -> Change:
    """The change within `days`, which are those since the CUSUM was last at rest. It may have left it a few days early,
    by chance: the change begins with the first day that is nearer to what is now than to what was."""
    after = float(np.median([day.means[measure] for day in days]))
    changed = [day for day in days if abs(day.means[measure] - after) <= abs(day.means[measure] - centre)]
    return Change(changed[0].day, centre, float(np.median([day.means[measure] for day in changed])))


def _light_alarm(station: str, changes: Mapping[str, Change]) -> Alarm:
    """One alarm for all that photos show, since one cause usually shows in several measures."""
    since = min(change.since for change in changes.values())
    said: dict[str, str | float] = {}
    for lang in LANGUAGES:
        words = [_words(measure, changes[measure], lang) for measure in LIGHT if measure in changes]
        said[f"words@{lang}"] = text("desk.quality_and", lang).join(words)
    return Alarm(
        "light", station, since, Message("desk.quality_light", {"station": station, "day": since.isoformat(), **said})
    )


def _words(measure: str, change: Change, lang: str) -> str:
    way = "more" if change.after > change.before else "less"
    share = round(abs(change.after / max(change.before, 1.0) - 1), 2) if measure == "brightness" else 0.0
    return text(f"desk.quality_{measure}_{way}", lang, share=share)


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each condition was graded at a station (`CONDITIONS`), in its baseline and `since` then: the last
    seven days, which alone tell how it is now."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    since: date


def grade_mix(days: Sequence[Day]) -> Mix | None:
    """The grades of a station's `days`, oldest first; None where there is no baseline to compare with."""
    baseline, watched = _split([day for day in days if sum(day.grades)])
    if not watched:
        return None
    recent = [day for day in watched if day.day > watched[-1].day - timedelta(days=7)]
    before, after = (tuple(np.sum([day.grades for day in part], axis=0).tolist()) for part in (baseline, recent))
    return Mix(before, after, recent[0].day)


def _grades_alarm(station: str, days: Sequence[Day]) -> Alarm | None:
    mix = grade_mix(days)
    if mix is None:
        return None
    before, after = np.array(mix.before), np.array(mix.after)
    _, _, chance = homogeneity(before.tolist(), after.tolist())
    if before.sum() < 50 or after.sum() < 20 or chance > LEAST_P:
        return None
    shares = after / after.sum() - before / before.sum()
    most = int(np.argmax(np.abs(shares)))
    if abs(shares[most]) < LEAST_SHIFT:
        return None
    params: dict[str, str | float] = {
        "station": station,
        "condition": CONDITIONS[most],
        "before": round(float(before[most] / before.sum()), 2),
        "after": round(float(after[most] / after.sum()), 2),
        "day": mix.since.isoformat(),
    }
    key = "desk.quality_grades_rose" if shares[most] > 0 else "desk.quality_grades_fell"
    return Alarm("grades", station, mix.since, Message(key, params))
