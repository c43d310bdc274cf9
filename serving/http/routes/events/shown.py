"""A secret that is shown to whoever has just made it, on the page that follows, for a few minutes.

The page that makes one sends on to another, so that to reload it makes nothing again. What may be shown there stands in
a cookie that only the session can have been given: it names the secret, and does not hold it. So any process of the
service can answer.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import Request, Response

from regrade.serving.access.sessions import Session
from regrade.serving.events.endpoints import Endpoint
from regrade.serving.events.signing import OVERLAP
from regrade.serving.http.routes.desk.access import cookie_options

FOR: Final = timedelta(minutes=5)
_COOKIE: Final = "regrade_webhook_secret"


def show(request: Request, answer: Response, session: Session, endpoint: Endpoint) -> Response:
    """`answer`, after which the newest secret of `endpoint` may be shown in `session`."""
    until = int((datetime.now(UTC) + FOR).timestamp())
    value = f"{until}.{_mark(session, endpoint, until)}"
    seconds = int(FOR.total_seconds())
    answer.set_cookie(_COOKIE, value, seconds, samesite="strict", **cookie_options(request))
    return answer


def may_show(request: Request, session: Session, endpoint: Endpoint) -> bool:
    """Whether the newest secret of `endpoint` may be shown: it was made in this session a moment ago."""
    until, _, mark = request.cookies.get(_COOKIE, "").partition(".")
    if not (until.isascii() and until.isdigit() and len(until) < 12) or int(until) < datetime.now(UTC).timestamp():
        return False
    return hmac.compare_digest(mark.encode(), _mark(session, endpoint, int(until)).encode())


def just_turned(endpoint: Endpoint) -> bool:
    """Whether its secret was turned to another a moment ago."""
    return endpoint.overlap_until is not None and endpoint.overlap_until - OVERLAP > datetime.now(UTC) - FOR


def _mark(session: Session, endpoint: Endpoint, until: int) -> str:
    told = f"regrade webhook secret {endpoint.id} {endpoint.generations[0]} {until}"
    return hmac.digest(session.token.encode(), told.encode(), "sha256").hex()
