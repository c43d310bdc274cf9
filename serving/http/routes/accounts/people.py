"""`/v1/people`: who signs in by name, for admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from regrade.serving.access.keys import ApiKey
from regrade.serving.access.people.directory import Person
from regrade.serving.http.routes.accounts.place import invitation_link, place_of
from regrade.serving.http.routes.accounts.schemas import CodeOut, PeopleOut, PersonChangeIn, PersonIn, PersonOut
from regrade.serving.http.routes.common import RuntimeDep, caller, json_body, problems, read_json

router = APIRouter(prefix="/v1/people", tags=["stations and people"])

BODIES = (PersonIn, PersonChangeIn)

AdminDep = Annotated[ApiKey, Depends(caller())]


@router.get("", summary="List the people", responses=problems(401, 403))
async def list_people(runtime: RuntimeDep, key: AdminDep) -> PeopleOut:
    """All people by name, those who may no longer sign in included."""
    await runtime.call(runtime.entrance.last_used.flush)
    found = await runtime.call(runtime.entrance.people.all)
    return PeopleOut(people=[_out(one) for one in found])


@router.post(
    "",
    summary="Make a person",
    status_code=201,
    openapi_extra=json_body(PersonIn),
    responses=problems(401, 403, 409, 413, 422, 507),
)
async def add(request: Request, runtime: RuntimeDep, key: AdminDep) -> PersonOut:
    """Makes a person, who then needs an invitation. 409 where the name is taken."""
    body = await read_json(request, PersonIn)
    given = (body.name, body.role, body.expires_at, key, body.sellers)
    return _out(await runtime.call(runtime.entrance.people.add, *given))


@router.patch(
    "/{person_id}",
    summary="Change a person",
    openapi_extra=json_body(PersonChangeIn),
    responses=problems(401, 403, 404, 409, 413, 422, 507),
)
async def change(person_id: str, request: Request, runtime: RuntimeDep, key: AdminDep) -> PersonOut:
    """Changes name, role or the end of access, disables or enables. Who is disabled is out at once.

    409 where the name is taken, it would take access from the caller, or leave nobody who can sign in as an admin.
    """
    body = await read_json(request, PersonChangeIn)
    return _out(await runtime.call(runtime.entrance.people.change, person_id, body.change(), key))


@router.post("/{person_id}/invitation", summary="Invite a person", responses=problems(401, 403, 404, 409, 507))
async def invite(person_id: str, request: Request, runtime: RuntimeDep, key: AdminDep) -> CodeOut:
    """A code by which the person chooses a password or a passkey, good once and for seven days.

    It is also how access is reset: password, passkeys, sessions and invitations of before are void at once.
    """
    code, expires_at = await runtime.call(runtime.entrance.people.invite, person_id, key)
    link = invitation_link(place_of(request, runtime).origin, request.scope["root_path"], code)
    return CodeOut(code=code, link=link, expires_at=expires_at)


def _out(person: Person) -> PersonOut:
    return PersonOut.model_validate(person, from_attributes=True)
