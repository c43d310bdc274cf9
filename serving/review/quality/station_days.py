"""What stations have sent, summed up a station and day: the light in photos, the model's confidence, its grades."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from regrade.models.types import CONDITIONS
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspection_photos, inspections

LIGHT: Final = ("brightness", "sharpness", "warmth", "tint")
MEASURES: Final = (*LIGHT, "confidence")
"""What is charted of each station, every day."""
DIGITS: Final = 9
"""Of a mean; beyond them it depends on the order in which a database happens to read."""


@dataclass(slots=True)
class Day:
    """One station's day. `items` counts inspections; `means` has those of `MEASURES` that are known, light over photos
    and confidence over graded items; `grades` counts the model's conditions in the order of `CONDITIONS`."""

    day: date
    items: int = 0
    means: dict[str, float] = field(default_factory=dict)
    grades: list[int] = field(default_factory=lambda: [0] * len(CONDITIONS))


def utc_day(connection: Connection, moment: Any) -> Any:
    """The day of a column of moments, in UTC; a date, or a text that `date.fromisoformat` reads."""
    return func.date(func.timezone("UTC", moment) if connection.dialect.name == "postgresql" else moment).label("day")


def station_days(
    database: Database, since: datetime, *, category: str | None = None, seller: str | None = None
) -> dict[str, list[Day]]:
    """The days of each station from `since` on, oldest first. Items without a station count for nothing.

    Days are those of UTC. The database sums up, so that what is read grows with stations and days alone.
    """
    found: defaultdict[str, dict[str, Day]] = defaultdict(dict)

    def day_of(row: Any) -> Day:
        written = str(row.day)
        return found[row.station].setdefault(written, Day(date.fromisoformat(written)))

    wanted: list[ColumnElement[bool]] = [inspections.c.created_at >= since, inspections.c.station.is_not(None)]
    if category is not None:
        wanted.append(inspections.c.category == category)
    if seller is not None:
        wanted.append(inspections.c.seller == seller)
    with database.read() as connection:
        part = (inspections.c.station, utc_day(connection, inspections.c.created_at))
        grades = select(
            *part,
            inspections.c.model_condition.label("condition"),
            func.count().label("items"),
            func.count(inspections.c.model_confidence).label("known"),
            func.sum(inspections.c.model_confidence).label("confidence"),
        )
        sums: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0])
        for row in connection.execute(grades.where(*wanted).group_by(*part, inspections.c.model_condition)):
            day = day_of(row)
            day.items += row.items
            if row.condition in CONDITIONS:
                day.grades[CONDITIONS.index(row.condition)] += row.items
            total = sums[row.station, str(row.day)]
            total[0] += row.confidence or 0.0
            total[1] += row.known
        for (station, written), (total_confidence, known) in sums.items():
            if known:
                found[station][written].means["confidence"] = round(total_confidence / known, DIGITS)
        light = select(*part, *(func.avg(inspection_photos.c[name]).label(name) for name in LIGHT))
        light = light.join(inspection_photos, inspection_photos.c.inspection_id == inspections.c.id)
        for row in connection.execute(light.where(*wanted).group_by(*part)):
            known_light = {name: getattr(row, name) for name in LIGHT}
            day_of(row).means |= {
                name: round(float(mean), DIGITS) for name, mean in known_light.items() if mean is not None
            }
    return {station: [days[key] for key in sorted(days)] for station, days in sorted(found.items())}
