"""How many inspections came in, for who wants the number alone."""

from typing import Any


def test_items_of_a_station_are_counted(service: Any, photo: bytes) -> None:
    for rma, station in (("C-1", "Dock 4"), ("C-2", "Dock 4"), ("C-3", None)):
        service.post([photo], {"rma": rma} | ({"station": station} if station else {}))
    station = service.as_role("station")

    def count(**query: str) -> int:
        answer: int = station.get("/v1/inspections/count", params=query).json()["count"]
        return answer

    assert (count(), count(station="Dock 4"), count(station="")) == (3, 2, 1)
    assert count(station="Dock 4", since="2099-01-01T00:00:00Z") == 0


def test_a_filter_that_is_not_there_and_a_moment_without_a_zone_are_refused(service: Any) -> None:
    for query in ({"rma": "C-1"}, {"since": "2026-11-29T00:00:00"}):
        assert service.client.get("/v1/inspections/count", params=query).status_code == 422
