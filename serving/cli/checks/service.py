"""A running service as its tablets reach it: over which TLS, with which certificate, by whose clock, how well."""

import http.client
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from regrade.serving.cli.checks.check import Check, State

TIMEOUT: Final = 10.0
_SKEW: Final = 5.0
_DAYS: Final = 14.0
_SHARE: Final = 1 / 6
"""A certificate should have been renewed when so many days are left, or so much of its time: some live for hours."""
_MOST: Final = 64 * 1024


def look_at_service(url: str, authority: Path | None) -> Iterator[Check]:
    """Ask the service at `url` how it is; certificates are trusted that the system trusts, or those in `authority`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield Check(
            "service", "failing", f"{url} is no address. Write it as https://regrade.example or http://HOST:PORT."
        )
        return
    try:
        connection = _connect(parts.scheme, parts.hostname, parts.port, authority)
    except (OSError, ValueError) as error:
        yield Check("service", "failing", f"{url} cannot be asked: {error}")
        return
    try:
        connection.connect()
        if isinstance(connection.sock, ssl.SSLSocket):
            yield from _tls(connection.sock)
        else:
            yield Check("tls", "warning", "plain HTTP: keys can be read on the way, and pages cannot use the camera")
        yield from _health(connection, parts.path.rstrip("/"))
    except ssl.SSLCertVerificationError as error:
        hint = "" if authority else "; a local authority's root certificate is given by --ca FILE"
        yield Check("certificate", "failing", f"{parts.hostname}: {error.verify_message}{hint}")
    except OSError as error:
        yield Check("service", "failing", f"{url} cannot be reached: {error}")
    finally:
        connection.close()


def _connect(scheme: str, host: str, port: int | None, authority: Path | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)


def _tls(socket: ssl.SSLSocket) -> Iterator[Check]:
    cipher = socket.cipher()
    yield Check("tls", "ok", f"{socket.version()}, {cipher[0] if cipher else 'no cipher'}")
    found = socket.getpeercert() or {}
    begins, ends = (ssl.cert_time_to_seconds(str(found[name])) for name in ("notBefore", "notAfter"))
    left = ends - datetime.now(UTC).timestamp()
    soon = left < min(_DAYS * 86_400, (ends - begins) * _SHARE)
    told = f"{left / 86_400:.0f} days" if left > 2 * 86_400 else f"{left / 3600:.0f} hours"
    names = ", ".join(str(one[1]) for one in found.get("subjectAltName", ()) if one[0] in ("DNS", "IP Address"))
    until = datetime.fromtimestamp(ends, UTC)
    detail = f"for {names}, until {until:%F %H:%M} UTC, which is {told} from now"
    yield Check("certificate", "warning" if soon else "ok", detail + ("; it should have been renewed" if soon else ""))


def _health(connection: http.client.HTTPConnection, root: str) -> Iterator[Check]:
    asked = datetime.now(UTC)
    try:
        connection.request("GET", f"{root}/healthz", headers={"Connection": "close"})
        answer = connection.getresponse()
        told = json.loads(answer.read(_MOST))
        status, version = str(told["status"]), str(told["version"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        yield Check("service", "failing", f"{root}/healthz is not answered by regrade: {error!r}")
        return
    well: State = "ok" if status == "ok" else "failing"
    reasons = "; ".join(map(str, told.get("reasons", {}).values()))
    yield Check("service", well, f"regrade {version}: {status}" + (f"; {reasons}" if reasons else ""))
    if (date := answer.getheader("date")) is not None:
        # Written at some time between the asking and the answer, by the second.
        then = parsedate_to_datetime(date)
        skew = max(0.0, (asked - then).total_seconds(), (then - datetime.now(UTC)).total_seconds())
        yield Check("service's clock", "warning" if skew > _SKEW else "ok", f"{skew:.0f} s from this machine's")
