"""`/desk/people`: who works here: the stations with their tablets, and the people who sign in; for admins."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from regrade.models.errors import RegradeError
from regrade.serving.access.people.directory import Change
from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import FieldFault, InvalidFieldsError, NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.base.json_text import read_model
from regrade.serving.base.problems import spoken_problem
from regrade.serving.http.labels.fields import qr_rows
from regrade.serving.http.routes.accounts.place import invitation_link, pairing_link, place_of
from regrade.serving.http.routes.accounts.schemas import PersonIn, StationIn
from regrade.serving.http.routes.accounts.shown import Made, keep, kept
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_page, read_own_form, see
from regrade.serving.http.routes.desk.item_words import stamp
from regrade.serving.http.routes.desk.templates import DESK, desk_page
from regrade.serving.runtime import Runtime

router = APIRouter(include_in_schema=False)

AdminDep = Annotated[Session, Depends(at_page())]

PAGE: Final = f"{DESK}/people"
SHOWN: Final = "shown"
ROLES: Final = ("reviewer", "engineer", "admin", "seller")
QUIET_ZONE: Final = 4
"""Light modules around a QR code, as its standard wants."""

Fields = dict[str, str]


class Shown(Made):
    """A code as the page shows it; `path` draws the QR code of its link, `side` modules wide."""

    link: str
    path: str
    side: int


@router.get(PAGE)
async def accounts(request: Request, session: AdminDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """All stations and people, and what can be done with each; with `?shown`, the code that a form has just made."""
    made = kept(request, session) if SHOWN in request.query_params else None
    shown = None if made is None else _shown(request, runtime, made)
    return await _page(request, session, runtime, lang, shown=shown)


@router.get(f"{PAGE}/stations/{{act}}")
@router.get(f"{PAGE}/people/{{act}}")
async def back(act: str, request: Request, session: AdminDep) -> Response:
    """The address of a form that was refused, opened once more: the page itself."""
    return see(request, PAGE)


@router.post(f"{PAGE}/stations/{{act}}")
async def change_station(
    act: str, request: Request, session: AdminDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """Make, pair, rename or revoke a station, as a form of the page says; then on to the page, with the code if there
    is one."""
    return await _do(_stations, act, request, session, runtime, lang)


@router.post(f"{PAGE}/people/{{act}}")
async def change_person(
    act: str, request: Request, session: AdminDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """Make, invite, change, disable or enable a person, likewise."""
    return await _do(_people, act, request, session, runtime, lang)


async def _do(what: Any, act: str, request: Request, session: Session, runtime: Runtime, lang: str) -> Response:
    fields = await read_own_form(request, session, lang)
    try:
        made = await runtime.call(what, runtime, act, fields, session)
    except RegradeError as error:
        problem = spoken_problem(error, lang)
        fault = error.faults[0].to(lang) if isinstance(error, InvalidFieldsError) else problem.detail
        return await _page(request, session, runtime, lang, status=problem.status, fault=fault)
    if made is None:
        return see(request, PAGE)
    answer = see(request, f"{PAGE}?{SHOWN}")
    keep(request, answer, session, made)
    return answer


def _stations(runtime: Runtime, act: str, fields: Fields, session: Session) -> Made | None:
    stations, key = runtime.entrance.stations, session.key
    if act in ("add", "pair"):
        found = stations.add(_read(fields, StationIn).name, key) if act == "add" else stations.get(fields.get("id", ""))
        code, until = stations.open_pairing(found.id, key)
        return Made(kind="station", name=found.name, code=code, until=until)
    if act == "rename":
        stations.rename(fields.pop("id", ""), _read(fields, StationIn).name, key)
    elif act == "revoke":
        stations.revoke(fields.get("id", ""), key)
    else:
        raise NotFoundError(Message("problem.no_account_step", {"act": act[:40]}))
    return None


def _people(runtime: Runtime, act: str, fields: Fields, session: Session) -> Made | None:
    people, key = runtime.entrance.people, session.key
    if act in ("add", "invite"):
        if act == "add":
            until = _end_of(fields.pop("expires", ""))
            given = _read(fields, PersonIn)
            found = people.add(given.name, given.role, until, key, given.sellers)
        else:
            found = people.get(fields.get("id", ""))
        code, until = people.invite(found.id, key)
        return Made(kind="person", name=found.name, code=code, until=until)
    person_id = fields.pop("id", "")
    if act == "change":
        people.change(person_id, _change(people.get(person_id), fields), key)
    elif act in ("disable", "enable"):
        people.change(person_id, Change(disabled=act == "disable"), key)
    else:
        raise NotFoundError(Message("problem.no_account_step", {"act": act[:40]}))
    return None


def _change(before: Any, fields: Fields) -> Change:
    """What a form changes: it sends all that it shows."""
    expires = _end_of(fields.pop("expires", ""))
    given = _read(fields, PersonIn)
    # The form knows days alone: one that shows the day of before leaves it as it is.
    same = _day(before.expires_at) == _day(expires)
    return Change(
        None if given.name == before.name else given.name,
        None if given.role == before.role else given.role,
        None if same else (expires,),
        sellers=tuple(dict.fromkeys(given.sellers)) if tuple(given.sellers) != before.sellers else None,
    )


def _read(fields: Fields, model: type[Any]) -> Any:
    given: dict[str, Any] = dict(fields)
    if "sellers" in fields:  # a line each: names of companies have commas in them
        given["sellers"] = [one.strip() for one in fields["sellers"].splitlines() if one.strip()]
    return read_model(json.dumps(given).encode(), model, "request")


def _end_of(day: str) -> datetime | None:
    """The end of a day, in UTC, as a form sends it; None for none. Raises `InvalidFieldsError`."""
    if not day:
        return None
    try:
        found = date.fromisoformat(day) + timedelta(days=1)
        return datetime(found.year, found.month, found.day, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidFieldsError("invalid-request", "request", [FieldFault("expires", Message("fault.day"))]) from None


def _day(moment: datetime | None) -> str:
    """The last day of access that ends at `moment`, as a form shows it."""
    return "" if moment is None else f"{moment - timedelta(seconds=1):%Y-%m-%d}"


def _shown(request: Request, runtime: Runtime, made: Made) -> Shown:
    link_of = pairing_link if made.kind == "station" else invitation_link
    link = link_of(place_of(request, runtime).origin, request.scope["root_path"], made.code)
    rows = qr_rows(link)
    dark = ((x, y) for y, row in enumerate(rows) for x, module in enumerate(row) if module)
    path = "".join(f"M{x + QUIET_ZONE} {y + QUIET_ZONE}h1v1h-1z" for x, y in dark)
    side = len(rows) + 2 * QUIET_ZONE
    return Shown(**dict(made), link=link, path=path, side=side)


async def _page(
    request: Request,
    session: Session,
    runtime: Runtime,
    lang: str,
    *,
    status: int = 200,
    fault: str | None = None,
    shown: Shown | None = None,
) -> Response:
    await runtime.call(runtime.entrance.last_used.flush)
    stations = await runtime.call(runtime.entrance.stations.all)
    people = await runtime.call(runtime.entrance.people.all)
    values = {"stations": stations, "people": people, "roles": ROLES, "stamp": stamp, "device": device_of, "day": _day}
    return desk_page(request, "people.html", lang, session, status=status, fault=fault, shown=shown, **values)


_SYSTEMS: Final = ("iPad", "iPhone", "Android", "Windows", "CrOS", "Macintosh", "Linux")
_BROWSERS: Final = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}


def device_of(user_agent: str) -> str:
    """A browser and its system in few words, such as `Chrome, Android`; what it said of itself where none is known."""
    system = next((name for name in _SYSTEMS if name in user_agent), None)
    browser = next((shown for name, shown in _BROWSERS.items() if f"{name}/" in user_agent), None)
    return ", ".join(filter(None, (browser, system))) or user_agent[:40]
