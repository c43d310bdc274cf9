"""`/v1/stations` and `/v1/pairing`: stations for admins, and the key that a tablet gets for a code."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from regrade.serving.access.entrance import for_code
from regrade.serving.access.keys import ApiKey
from regrade.serving.access.stations import Station
from regrade.serving.connections.table import trust
from regrade.serving.http.routes.accounts.place import address_of, pairing_link, place_of
from regrade.serving.http.routes.accounts.schemas import (
    CodeOut,
    OwnStationOut,
    PairedOut,
    PairIn,
    StationIn,
    StationOut,
    StationsOut,
)
from regrade.serving.http.routes.common import RuntimeDep, caller, json_body, problems, read_json
from regrade.serving.http.routes.queries import refuse_unknown

router = APIRouter(prefix="/v1", tags=["stations and people"])

BODIES = (StationIn, PairIn)

AdminDep = Annotated[ApiKey, Depends(caller())]
StationDep = Annotated[ApiKey, Depends(caller("station"))]


@router.get("/stations", summary="List the stations", responses=problems(401, 403))
async def list_stations(runtime: RuntimeDep, key: AdminDep) -> StationsOut:
    """All stations by name, those without a tablet included. Keys made by `regrade keys create` are none."""
    await runtime.call(runtime.entrance.last_used.flush)
    found = await runtime.call(runtime.entrance.stations.all)
    return StationsOut(stations=[_out(one) for one in found])


@router.post(
    "/stations",
    summary="Make a station",
    status_code=201,
    openapi_extra=json_body(StationIn),
    responses=problems(401, 403, 409, 413, 422, 507),
)
async def add(request: Request, runtime: RuntimeDep, key: AdminDep) -> StationOut:
    """Makes a station, which has no tablet yet. 409 where the name is taken."""
    body = await read_json(request, StationIn)
    return _out(await runtime.call(runtime.entrance.stations.add, body.name, key))


@router.get("/stations/own", summary="Read whose station a key is", responses=problems(401, 403))
async def own(key: StationDep) -> OwnStationOut:
    """The station that the caller's key is bound to: what is sent with it is that station's, and no other's."""
    return OwnStationOut(station=key.name if key.bound else None)


@router.patch(
    "/stations/{station_id}",
    summary="Rename a station",
    openapi_extra=json_body(StationIn),
    responses=problems(401, 403, 404, 409, 413, 422, 507),
)
async def rename(station_id: str, request: Request, runtime: RuntimeDep, key: AdminDep) -> StationOut:
    """Gives a station another name. Items that came before keep the one that they came with."""
    body = await read_json(request, StationIn)
    return _out(await runtime.call(runtime.entrance.stations.rename, station_id, body.name, key))


@router.delete("/stations/{station_id}", summary="Revoke a tablet", responses=problems(401, 403, 404, 507))
async def revoke(station_id: str, runtime: RuntimeDep, key: AdminDep) -> StationOut:
    """Ends the tablet of a station at once, and voids a code that waits. The station stays: its items do too."""
    return _out(await runtime.call(runtime.entrance.stations.revoke, station_id, key))


@router.post("/stations/{station_id}/pairing", summary="Make a pairing code", responses=problems(401, 403, 404, 507))
async def open_pairing(station_id: str, request: Request, runtime: RuntimeDep, key: AdminDep) -> CodeOut:
    """A code for one tablet, good once and for ten minutes. One that waited is void. The tablet that the station has
    goes on until the code is used, and is then out."""
    code, expires_at = await runtime.call(runtime.entrance.stations.open_pairing, station_id, key)
    link = pairing_link(place_of(request, runtime).origin, request.scope["root_path"], code)
    return CodeOut(code=code, link=link, expires_at=expires_at)


@router.post(
    "/pairing",
    summary="Pair a tablet",
    openapi_extra=json_body(PairIn),
    responses=problems(404, 413, 422, 429, 507),
)
async def pair(request: Request, runtime: RuntimeDep) -> PairedOut:
    """Exchanges a pairing code for the station's key, which is good until another tablet is paired or it is revoked.

    It needs no key. A code that is wrong, used or expired is 404; after some wrong ones it is 429, whatever the code.
    """
    await refuse_unknown(request)
    body = await read_json(request, PairIn)
    address = address_of(request)
    runtime.entrance.guesses.take(scopes := for_code(address))
    agent = request.headers.get("user-agent", "")
    token, station = await runtime.call(runtime.entrance.stations.pair, body.code, address, agent)
    runtime.entrance.guesses.right(scopes)
    trust(request.scope)
    return PairedOut(key=token, station=station.name)


def _out(station: Station) -> StationOut:
    return StationOut.model_validate(station, from_attributes=True)
