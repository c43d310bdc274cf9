"""`/docs`: the description of the API as a page that needs nothing from outside, and runs no script but its own."""

import base64
import hashlib
import re
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

FILES: Final = "/static-offline-docs"
_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@router.get("/docs")
async def swagger(request: Request) -> Response:
    """The description, to be read and tried out."""
    root, title = request.scope["root_path"], request.app.title
    page = get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=title,
        swagger_js_url=f"{root}{FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{FILES}/swagger-ui.css",
        swagger_favicon_url=f"{root}{FILES}/favicon.png",
    )
    return _guarded(page)


def _guarded(page: HTMLResponse) -> HTMLResponse:
    """`page` with a policy that knows its inline scripts by their hashes (CSP3, section 8.3)."""
    found = _SCRIPT.findall(bytes(page.body).decode())
    hashes = "".join(f" 'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in found)
    # Swagger UI puts styles into its elements itself.
    page.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return page
