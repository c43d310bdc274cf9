"""`/desk/seller`: what came back of a seller, in which condition, what becomes of it. Nothing can be changed here."""

import json
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import InvalidFieldsError, NotFoundError
from regrade.serving.http.pieces.shown import listed
from regrade.serving.http.routes.api.evidence import evidence_out
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_page
from regrade.serving.http.routes.desk.item_words import stamp
from regrade.serving.http.routes.desk.templates import DESK, SECURITY_HEADERS, desk_page
from regrade.serving.http.routes.sellers.out import DISCLOSED, seller_out
from regrade.serving.http.routes.sellers.table import ACTIONS, CONDITIONS, csv_of, filters_of, kept
from regrade.serving.inspections.listing import Page

router = APIRouter(prefix=f"{DESK}/seller", include_in_schema=False)

SellerDep = Annotated[Session, Depends(at_page("seller"))]

ROWS: Final = 50


@router.get("")
async def items(request: Request, session: SellerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """The seller's items, newest first, with filters that stand in the address. An admin sees what all sellers see."""
    query, fault, status = dict(request.query_params), None, 200
    try:
        page = await runtime.call(runtime.inspections.page, filters_of(query), ROWS, query.get("cursor"))
    except InvalidFieldsError as error:
        page, fault, status = Page((), None), error.to(lang), 422
    return desk_page(
        request,
        "seller.html",
        lang,
        session,
        status=status,
        found=[seller_out(one, lang, runtime.rubrics) for one in page.items],
        next_cursor=page.next_cursor,
        fault=fault,
        query=kept(query),
        cursor=query.get("cursor"),
        conditions=CONDITIONS,
        actions=ACTIONS,
        sellers=session.key.sellers,
        stamp=stamp,
    )


@router.get("/items.csv")
async def table(request: Request, session: SellerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """The same items as CSV, however many there are."""
    try:
        filters = filters_of(dict(request.query_params))
    except InvalidFieldsError as error:
        return Response(error.to(lang), 422, {"Content-Language": lang}, media_type="text/plain; charset=utf-8")
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="items-{datetime.now(UTC):%Y-%m-%d}.csv"',
    }
    return StreamingResponse(csv_of(runtime, filters, lang), headers=headers, media_type="text/csv; charset=utf-8")


@router.get("/items/{inspection_id}")
async def item(
    inspection_id: str, request: Request, session: SellerDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """One item, with its photos and the boxes on them."""
    try:
        found = await runtime.call(runtime.inspections.get, inspection_id)
    except NotFoundError:
        return desk_page(request, "seller_item.html", lang, session, status=404, one=None, asked=inspection_id)
    one = seller_out(found, lang, runtime.rubrics)
    boxes = [{**defect.model_dump(), "score": 1.0} for defect in one.defects]
    return desk_page(
        request,
        "seller_item.html",
        lang,
        session,
        one=one,
        asked="",
        boxes=boxes,
        listed=lambda pieces: listed(pieces, lang),
        revision=found.revision,
        photos=[{"index": p.index, "width": p.width, "height": p.height} for p in one.photos],
        stamp=stamp,
    )


@router.get("/items/{inspection_id}/evidence")
async def evidence(inspection_id: str, session: SellerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """The signed evidence of one item, as a file."""
    try:
        found = await evidence_out(runtime, inspection_id, disclosed=DISCLOSED)
    except NotFoundError as error:
        return Response(error.to(lang), 404, {"Content-Language": lang}, media_type="text/plain; charset=utf-8")
    data = json.dumps(found.model_dump(mode="json"), ensure_ascii=False, indent=1).encode()
    name = f"evidence-{found.payload.get('inspection', 'item')}.json"
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return Response(data, headers=headers, media_type="application/json")
