"""`/desk/items`: one item with all that is known of it, to be read; and finding it by its label."""

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.text_forms import MAX_NAME, searched
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_page, see
from regrade.serving.http.routes.desk.item_words import line, stamp, view
from regrade.serving.http.routes.desk.templates import DESK, desk_page

router = APIRouter(prefix="/items")

ReaderDep = Annotated[Session, Depends(at_page("reviewer", "engineer"))]

MOST: Final = 50


@router.get("")
async def find(request: Request, session: ReaderDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """The item that `q` names by id, RMA or SKU; of several, or of none, a list."""
    asked = searched(request.query_params.get("q", "")[: 10 * MAX_NAME])[: MAX_NAME + 1]
    found = await runtime.call(runtime.desk.lookup, asked, session.key, MOST + 1) if asked else []
    if len(found) == 1:
        return see(request, f"{DESK}/items/{quote(found[0].id, safe='')}")
    return desk_page(
        request,
        "items.html",
        lang,
        session,
        asked=asked,
        found=[line(one) for one in found[:MOST]],
        more=len(found) > MOST,
        most=MOST,
        stamp=stamp,
    )


@router.get("/{inspection_id}")
async def item(
    inspection_id: str, request: Request, session: ReaderDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """Everything of one item that this reader may know. Nothing can be changed here."""
    try:
        found = await runtime.call(runtime.desk.dossier, inspection_id, session.key)
    except NotFoundError:
        return desk_page(
            request, "items.html", lang, session, status=404, asked=inspection_id, found=None, more=False, most=MOST
        )
    return desk_page(request, "item.html", lang, session, **await runtime.call(view, found, runtime, lang), stamp=stamp)
