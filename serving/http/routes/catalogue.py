"""What a site expects to come back: SKUs and returns, imported, looked up and forgotten."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import FieldFault, InvalidFieldsError, NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.base.json_text import read_model
from regrade.serving.base.text_forms import Name
from regrade.serving.catalogue.entries import MOST, Piece, RmaEntry, RmaImport, SkuEntry, SkuImport
from regrade.serving.catalogue.store import Expected, ExpectedReturn
from regrade.serving.catalogue.tables_csv import read_rmas, read_skus
from regrade.serving.grading.item import DeclaredValue
from regrade.serving.http.routes.common import (
    Responses,
    RuntimeDep,
    SellerOrReaderDep,
    caller,
    problems,
    read_bytes,
)
from regrade.serving.runtime import Runtime

router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])

MAX_BYTES: Final = 2 * 1024 * 1024
MOST_FAULTS: Final = 20
"""Faults that are told at once."""
BODIES = (SkuImport, RmaImport)
"""Models that the descriptions below refer to."""
E = TypeVar("E", SkuEntry, RmaEntry)

ImporterDep = Annotated[ApiKey, Depends(caller("engineer"))]
SellerQuery = Annotated[Name | None, Query(description="Whose it is.")]
_GONE: Responses = {204: {"description": "It is not known any more"}}


class KeptOut(BaseModel):
    """How many entries were stored; `categories_unknown` are those named in them that nothing grades here."""

    stored: int
    categories_unknown: list[str] = []


class ExpectedOut(BaseModel):
    sku: str
    quantity: int
    serial: str | None
    serials: list[str] = Field(description="All that are expected, `serial` among them.")
    gtins: list[str] = Field(description="GTINs of 14 digits, of which its box may show any.")
    title: str | None
    category: str | None
    declared_value: DeclaredValue | None
    pieces: list[Piece]


class ExpectedReturnOut(BaseModel):
    rma: str
    seller: str | None
    order: str | None
    lines: list[ExpectedOut]
    updated_at: datetime


class ExpectedReturnsOut(BaseModel):
    """The returns of an RMA, one a seller; `any`: whether the site has told of any return at all."""

    items: list[ExpectedReturnOut]
    any: bool


def _import_body(schema: str, columns: str) -> dict[str, Any]:
    text = {"schema": {"type": "string", "description": f"CSV in UTF-8. Columns: {columns}."}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}},
                "text/csv": text,
            },
        }
    }


@router.post(
    "/skus",
    summary="Import SKUs",
    openapi_extra=_import_body(
        "SkuImport", "sku, seller, title, category, value, currency, pieces (charger [4006381333931]; cable x2), gtins"
    ),
    responses=problems(400, 401, 403, 408, 413, 422, 503, 507),
)
async def import_skus(request: Request, runtime: RuntimeDep, _: ImporterDep) -> KeptOut:
    """Stores SKUs, all of them or none; one of the same name and seller is replaced."""
    data = await read_bytes(request, MAX_BYTES)
    runtime.disk.refuse(len(data))
    return await runtime.call(_keep_skus, runtime, data, _is_csv(request))


@router.post(
    "/rmas",
    summary="Import returns",
    openapi_extra=_import_body(
        "RmaImport", "rma, seller, order, sku, quantity, serial, value, currency, serials, gtins; a row a line"
    ),
    responses=problems(400, 401, 403, 408, 413, 422, 503, 507),
)
async def import_rmas(request: Request, runtime: RuntimeDep, _: ImporterDep) -> KeptOut:
    """Stores returns that are expected, all of them or none; one of the same RMA and seller is replaced with all its
    lines. What a station leaves out of an item is then filled in from here: seller, SKU, category, declared value."""
    data = await read_bytes(request, MAX_BYTES)
    runtime.disk.refuse(len(data))
    return await runtime.call(_keep_rmas, runtime, data, _is_csv(request))


@router.get("/rmas", summary="What an RMA should hold", responses=problems(400, 401, 403, 422, 503))
async def find_rma(
    runtime: RuntimeDep,
    _: SellerOrReaderDep,
    rma: Annotated[Name, Query(description="The RMA, as it was scanned.")],
    seller: SellerQuery = None,
) -> ExpectedReturnsOut:
    """The returns of an RMA, with what is known of their SKUs. None in `items`: it is not known. Sellers find
    their own."""
    found = await runtime.call(runtime.catalogue.returns, rma, seller)
    known = bool(found) or await runtime.call(runtime.catalogue.knows_returns)
    return ExpectedReturnsOut(items=[_return_out(one) for one in found], any=known)


@router.get("/skus", summary="What a SKU is", responses=problems(400, 401, 403, 404, 422, 503))
async def find_sku(
    runtime: RuntimeDep, _: SellerOrReaderDep, sku: Annotated[Name, Query()], seller: SellerQuery = None
) -> SkuEntry:
    """What is known of a SKU: of this seller's, else of that which holds for all. Sellers find their own."""
    found = await runtime.call(runtime.catalogue.sku, sku, seller)
    if found is None:
        raise NotFoundError(Message("problem.no_sku", {"sku": sku}))
    return found


@router.delete(
    "/rmas", status_code=204, summary="Forget a return", responses=problems(401, 403, 404, 422, 503, also=_GONE)
)
async def forget_rma(
    runtime: RuntimeDep, _: ImporterDep, rma: Annotated[Name, Query()], seller: SellerQuery = None
) -> None:
    """Takes a return out of the catalogue; inspections stay as they are."""
    if not await runtime.call(runtime.catalogue.remove_rma, rma, seller):
        raise NotFoundError(Message("problem.no_rma", {"rma": rma}))


@router.delete(
    "/skus", status_code=204, summary="Forget a SKU", responses=problems(401, 403, 404, 422, 503, also=_GONE)
)
async def forget_sku(
    runtime: RuntimeDep, _: ImporterDep, sku: Annotated[Name, Query()], seller: SellerQuery = None
) -> None:
    """Takes a SKU out of the catalogue; inspections stay as they are."""
    if not await runtime.call(runtime.catalogue.remove_sku, sku, seller):
        raise NotFoundError(Message("problem.no_sku", {"sku": sku}))


def _is_csv(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/csv"


def _keep_skus(runtime: Runtime, data: bytes, is_csv: bool) -> KeptOut:
    entries = _few(read_skus(data)) if is_csv else read_model(data, SkuImport, "request").items
    _refuse_unknown(runtime, {f"items.{at}.declared_value": one.declared_value for at, one in enumerate(entries)})
    runtime.catalogue.keep_skus(entries)
    named = {entry.category for entry in entries if entry.category is not None}
    return KeptOut(stored=len(entries), categories_unknown=sorted(named - set(runtime.grader.categories)))


def _keep_rmas(runtime: Runtime, data: bytes, is_csv: bool) -> KeptOut:
    entries = _few(read_rmas(data)) if is_csv else read_model(data, RmaImport, "request").items
    lines = ((f"items.{at}.lines.{n}", line) for at, one in enumerate(entries) for n, line in enumerate(one.lines))
    _refuse_unknown(runtime, {f"{where}.declared_value": line.declared_value for where, line in lines})
    runtime.catalogue.keep_rmas(entries)
    return KeptOut(stored=len(entries))


def _refuse_unknown(runtime: Runtime, values: Mapping[str, DeclaredValue | None]) -> None:
    """Refuse currencies that the policy has no rate for."""
    known = runtime.policy.currencies
    wrong = {where: value for where, value in values.items() if value is not None and value.currency not in known}
    if wrong:
        legal = ", ".join(sorted(known))
        faults = [
            FieldFault(
                f"{where}.currency", Message("fault.unknown_currency", {"given": value.currency, "legal": legal})
            )
            for where, value in list(wrong.items())[:MOST_FAULTS]
        ]
        raise InvalidFieldsError("unknown-currency", "request", faults)


def _few(entries: list[E]) -> list[E]:
    if not entries:
        raise InvalidFieldsError("invalid-request", "request", [FieldFault("", Message("fault.csv_empty"))])
    if len(entries) > MOST:
        fault = FieldFault("", Message("fault.too_many", {"limit": str(MOST)}))
        raise InvalidFieldsError("invalid-request", "request", [fault])
    return entries


def _return_out(found: ExpectedReturn) -> ExpectedReturnOut:
    return ExpectedReturnOut(
        rma=found.rma,
        seller=found.seller,
        order=found.order,
        lines=[_line_out(line) for line in found.lines],
        updated_at=found.updated_at,
    )


def _line_out(line: Expected) -> ExpectedOut:
    return ExpectedOut(
        sku=line.sku,
        quantity=line.quantity,
        serial=line.serial,
        serials=list(line.serials),
        gtins=list(line.gtins),
        title=line.title,
        category=line.category,
        declared_value=line.declared_value,
        pieces=[Piece(name=one.name, quantity=one.quantity, codes=one.codes) for one in line.pieces],
    )
