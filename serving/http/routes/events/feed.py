"""`GET /v1/events`: what happened, for those who ask from time to time."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.text_forms import Name
from regrade.serving.events.log import Wanted
from regrade.serving.http.routes.common import LanguageDep, RuntimeDep, caller, problems
from regrade.serving.http.routes.events.out import EventsOut, event_out, seller_event_out
from regrade.serving.http.routes.sellers.out import refuse_internal
from regrade.serving.outbox.kinds import MEANINGS, SELLER_KINDS, Kind
from regrade.serving.storage.scope import seeing

router = APIRouter(prefix="/v1", tags=["events"])

_ID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_TYPES = "; ".join(f"`{name}`: {meaning}" for name, meaning in MEANINGS.items())


@router.get(
    "/events",
    summary="Read what happened",
    responses=problems(401, 403, 410, 422),
    description="Oldest first, each once. Read to the end, keep `next_cursor`, and ask again with it as `after`: "
    "nothing is passed over. 410 where the cursor is older than events are kept (`event_days`).\n\nThe same goes to "
    f"webhooks (`/v1/webhooks`). Types are: {_TYPES}.\n\nNot for reviewers: they would see what was found of items "
    "that they are to look at blind. A seller reads `inspection.…` of their own items, as they are shown them.",
)
async def read(
    runtime: RuntimeDep,
    lang: LanguageDep,
    key: Annotated[ApiKey, Depends(caller("station", "engineer", "seller"))],
    after: Annotated[
        str | None, Query(pattern=_ID, description="`next_cursor` of the page before, or the id of an event.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    type: Annotated[Kind | None, Query(description="Only events of this type.")] = None,  # noqa: A002 - the contract's
    seller: Annotated[Name | None, Query(description="Only events of this seller's items.")] = None,
    station: Annotated[Name | None, Query(description="Only events of items at this station.")] = None,
    inspection: Annotated[str | None, Query(pattern=_ID, description="Only events of this inspection.")] = None,
) -> EventsOut:
    """What happened after a cursor."""
    kinds: tuple[str, ...] | None = None if type is None else (type,)
    show = event_out
    if key.sees is not None:
        refuse_internal({"station": station})
        kinds = tuple(kind for kind in SELLER_KINDS if type in (None, kind))
        show = seller_event_out
    # Once all items of a seller were erased, a pseudonym stands in place of the name: of that they are told too.
    of = None if seller is None else (seller, runtime.seller_alias(seller))
    sees = None if key.sees is None else (*key.sees, *map(runtime.seller_alias, key.sees))
    with seeing(sees):
        page = await runtime.call(runtime.events.page, Wanted(kinds, of, station, inspection), limit, after)
    rubrics = runtime.rubrics
    return EventsOut(items=[show(one, lang, rubrics) for one in page.items], next_cursor=page.next_cursor)
