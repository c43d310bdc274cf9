"""Labels over HTTP: for a printer that speaks ZPL, or for a browser."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.i18n import LANGUAGES
from regrade.serving.http.labels.fields import Size, label_of
from regrade.serving.http.labels.page import html_of
from regrade.serving.http.labels.zpl import zpl_of
from regrade.serving.http.render import inspection_out
from regrade.serving.http.routes.common import LanguageDep, Responses, RuntimeDep, caller, in_use, problems

router = APIRouter(prefix="/v1/inspections", tags=["inspections"])

StationDep = Annotated[ApiKey, Depends(caller("station"))]

ZPL = "application/zpl"
_DRAWN: Responses = {200: {"content": {"text/html": {}, ZPL: {}}}}


@router.get(
    "/{inspection_id}/label",
    summary="Draw a label",
    response_class=Response,
    responses=problems(401, 403, 404, 410, 422, also=_DRAWN),
)
async def label(
    inspection_id: str,
    request: Request,
    runtime: RuntimeDep,
    lang: LanguageDep,
    key: StationDep,
    wanted: Annotated[Literal["html", "zpl"], Query(alias="format")] = "html",
    size: Annotated[Size, Query(description="4 x 6 inches, or a roll 62 mm wide.")] = "4x6",
) -> Response:
    """What to do with the item, its bin, condition and RMA, and a QR code of its page at the desk.

    `html` is a document that a browser prints at its size, in the caller's language. `zpl` is for Zebra printers of 203
    dots an inch, with the RMA as a Code 128 where it fits, in English: their own font has no Chinese. While nobody has
    decided, the label says nothing of what the model found.
    """
    found = await runtime.call(runtime.desk.read, inspection_id, key)
    found.refuse_erased()
    spoken = lang if wanted == "html" else in_use(request, LANGUAGES[0])
    shown = inspection_out(found, spoken, runtime.rubrics, policy=runtime.policy)
    place = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}/desk/items/{found.id}"
    drawn = label_of(shown, place, spoken)
    told = {"Content-Language": spoken, "Vary": "Accept-Language"}
    if wanted == "zpl":
        return Response(zpl_of(drawn, size), media_type=ZPL, headers={**told, "Cache-Control": "no-store"})
    body, headers = html_of(drawn, size, lang)
    return Response(body, media_type="text/html", headers={**told, **headers})
