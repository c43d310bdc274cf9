"""A code that an admin is shown after a form has made it: kept in a cookie of theirs for some minutes, so that the page
can be loaded again or in another language, by whichever service is asked, and no form is sent twice."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from regrade.serving.access.sessions import Session
from regrade.serving.http.routes.desk.access import cookie_options

LIFE: Final = 600
"""Seconds for which a code can be shown again."""

_COOKIE: Final = "regrade_code"


class Made(BaseModel):
    """A code that was made. `kind` is `station` or `person`, `name` whose it is, `until` when it ends."""

    kind: str
    name: str
    code: str
    until: datetime


def keep(request: Request, response: Response, session: Session, made: Made) -> None:
    """Keep `made` in the browser of the session's holder."""
    said = base64.urlsafe_b64encode(made.model_dump_json().encode()).decode()
    value = f"{said}.{_signature(session, said)}"
    response.set_cookie(_COOKIE, value, LIFE, **_options(request))


def kept(request: Request, session: Session) -> Made | None:
    """What was kept last for this very session; None where nothing is, or somebody else wrote it."""
    said, _, signature = request.cookies.get(_COOKIE, "").partition(".")
    if not hmac.compare_digest(_signature(session, said).encode(), signature.encode()):
        return None
    try:
        return Made.model_validate_json(base64.urlsafe_b64decode(said))
    except (ValidationError, binascii.Error):
        return None


def _options(request: Request) -> dict[str, Any]:
    return {**cookie_options(request), "path": f"{request.scope['root_path']}/desk/people", "samesite": "strict"}


def _signature(session: Session, said: str) -> str:
    return hmac.new(session.token.encode(), b"regrade shown code " + said.encode(), hashlib.sha256).hexdigest()
