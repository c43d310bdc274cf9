"""Days and hours of a column of moments, as each database counts them; in UTC."""

from typing import Any

from sqlalchemy import Connection, func


def day_of(connection: Connection, moment: Any) -> Any:
    """The day, as a text such as `2026-11-30`."""
    if connection.dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD").label("day")
    return func.substr(moment, 1, 10).label("day")


def hour_of(connection: Connection, moment: Any) -> Any:
    """The hour, as a text such as `2026-11-30 14`."""
    if connection.dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD HH24").label("hour")
    return func.substr(moment, 1, 13).label("hour")


def written(connection: Connection, moment: Any) -> Any:
    """The moment in RFC 3339, in UTC and with microseconds: texts are read many times as fast as moments are."""
    if connection.dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", moment), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    return func.replace(moment, " ", "T").concat("Z")
