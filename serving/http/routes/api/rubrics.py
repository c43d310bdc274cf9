"""The rubrics over HTTP: what each condition means for a category and seller, and photos that show it."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import Label
from regrade.serving.http.routes.common import LanguageDep, Responses, RuntimeDep, SellerOrReaderDep, caller, problems
from regrade.serving.http.rubric_out import RubricOut, rubric_out
from regrade.serving.rubric.types import example_photo, example_photos

router = APIRouter(prefix="/v1/rubrics", tags=["review"])

_UNCHANGED: Responses = {304: {"description": "Not modified"}}


@router.get(
    "/examples/{name}",
    summary="Read an example photo",
    response_class=Response,
    responses=problems(401, 404, also={200: {"content": {"image/jpeg": {}}}, **_UNCHANGED}),
)
async def example(name: str, request: Request, runtime: RuntimeDep, key: SellerOrReaderDep) -> Response:
    """A photo that a rubric shows, as JPEG."""
    if name not in example_photos():
        raise NotFoundError(Message("problem.no_example", {"name": name}))
    data = await runtime.call(example_photo(name).read_bytes)
    return _cached(data, "image/jpeg", request, {})


@router.get(
    "/{category}", summary="Read a rubric", response_model=RubricOut, responses=problems(401, 403, 404, also=_UNCHANGED)
)
async def read(
    category: str,
    request: Request,
    runtime: RuntimeDep,
    lang: LanguageDep,
    key: Annotated[ApiKey, Depends(caller("station", "reviewer", "engineer", "seller"))],
    seller: Annotated[Label | None, Query(description="Whose own rubric, where there is one.")] = None,
) -> Response:
    """By what an item of `category` is judged: the seller's own rubric, or the house's where there is none. Sellers
    read their own and the house's, without the figures of the policy."""
    if key.sees is not None:
        seller = _own(key.sees, seller)
    in_force, bundle = runtime.graders.told(category)
    rubric = in_force.rubrics.of(category, seller)
    if rubric is None:
        params = {"category": category, "legal": ", ".join(in_force.rubrics.categories)}
        raise NotFoundError(Message("problem.no_rubric", params))
    told = rubric_out(rubric, in_force, bundle, in_force.language(lang), request.scope["root_path"])
    if key.sees is not None:
        told.economics = None
    data = told.model_dump_json().encode()
    return _cached(data, "application/json", request, {"Content-Language": lang, "Vary": "Accept-Language"})


def _own(sellers: tuple[str, ...], asked: str | None) -> str | None:
    """Whose rubric somebody of `sellers` is shown: one of theirs, or the house's, as for a seller that nobody knows."""
    if asked is None:
        return sellers[0] if len(sellers) == 1 else None
    return asked if asked in sellers else None


def _cached(data: bytes, media_type: str, request: Request, headers: dict[str, str]) -> Response:
    """`data`, or 304 where the client has just that."""
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {**headers, "ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(data, headers=headers, media_type=media_type)
