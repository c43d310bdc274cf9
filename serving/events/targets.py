"""Which addresses webhooks may go to, and connections to no others.

Whoever may name a target could else make the service speak to what only it can reach: the machine itself, its network,
the address at which a cloud hands out credentials (server-side request forgery, OWASP API7:2023). So

- an address is HTTPS, on a port for it, without a name and password in it;
- the host's name is looked up once, all that it stands for must be public, and the connection goes to the very address
  that was looked at: a name that answers otherwise the next time (DNS rebinding) gains nothing. Certificate and `Host`
  are still those of the name;
- networks of one's own, such as a warehouse's, are allowed by name (`webhook_networks`), there plain HTTP too; never
  link-local ones, in which clouds keep their credentials.
"""

import asyncio
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpcore

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

LONGEST: Final = 2000
RESOLVE_SECONDS: Final = 5.0
_NEVER: Final = tuple(
    map(ip_network, ("169.254.0.0/16", "fe80::/10", "168.63.129.16/32", "fd00:ec2::/32", "fd20:ce::/32"))
)
"""Link-local, and where clouds answer with credentials beside that (Azure, AWS and Google over IPv6)."""
_CARRIERS: Final = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")))
"""IPv6 that carries an IPv4 address: NAT64, 6to4, Teredo, IPv4-compatible. No receiver is found only there."""
_APART: Final = tuple(map(ip_network, ("fec0::/10", "192.0.0.0/24", "192.88.99.0/24")))
"""Site-local, protocol assignments, 6to4 relays: no receiver is there, whatever a Python release takes for public."""
_BAD_PORTS: Final = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080)
)
"""Above 1023, those that browsers refuse too (https://fetch.spec.whatwg.org/#port-blocking): other protocols' own."""


class RefusedTargetError(Exception):
    """A target that is no place for webhooks: `refused` for where it is, `dns` where its name is not known."""

    def __init__(self, code: Literal["refused", "dns"]) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was looked at. `host` is what certificate and `Host` must name."""

    url: str
    scheme: str
    host: str
    port: int


def parse(url: str, networks: Networks, *, by_seller: bool = False) -> Target:
    """`url` as a place for webhooks, as far as can be told without looking up its name.

    Raises `InvalidFieldsError` that says what is wrong with it; to whom `by_seller` is true, without the settings that
    only the site can change.
    """
    try:
        return _parsed(url, networks)
    except _FaultError as fault:
        code = f"{fault.code}_seller" if by_seller and fault.code in ("https", "private") else fault.code
        found = FieldFault("url", Message(f"fault.webhook_{code}"))
        raise InvalidFieldsError("invalid-request", "request", [found]) from None


def is_allowed(address: Address, networks: Networks, *, plain: bool) -> bool:
    """Whether webhooks may go to `address`; `plain`: without TLS, which only networks of one's own are given."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_allowed(address.ipv4_mapped, networks, plain=plain)
        address = IPv6Address(int(address))  # without a zone
    if _within(address, _NEVER) or address.is_multicast or address.is_unspecified:
        return False
    if _within(address, networks):
        return True
    if plain or _within(address, (*_CARRIERS, *_APART)):
        return False
    return address.is_global and not address.is_reserved


class Guarded(httpcore.AsyncNetworkBackend):
    """Connections that go to allowed addresses alone. `plain`: these are for HTTP without TLS."""

    def __init__(self, networks: Networks, *, plain: bool) -> None:
        self._networks, self._plain = networks, plain
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """To the first address of `host`, if all are allowed. Raises `RefusedTargetError`."""
        found = await _resolve(host, port)
        if not all(is_allowed(address, self._networks, plain=self._plain) for address in found):
            raise RefusedTargetError("refused")
        return await self._inner.connect_tcp(str(found[0]), port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *given: Any, **more: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise RefusedTargetError("refused")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)


async def _resolve(host: str, port: int) -> list[Address]:
    """All that a name stands for, as the system has it. Raises `RefusedTargetError`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            rows = await loop.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        raise RefusedTargetError("dns") from None
    found = [ip_address(row[4][0]) for row in rows]
    if not found:
        raise RefusedTargetError("dns")
    return found


class _FaultError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _parsed(url: str, networks: Networks) -> Target:
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or re.search(r"[\s\\]", url):
        raise _FaultError("url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _FaultError("url") from None
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host or parts.fragment:
        raise _FaultError("url")
    if parts.username is not None or parts.password is not None:
        raise _FaultError("userinfo")
    if parts.scheme == "http" and not networks:
        raise _FaultError("https")
    usual = 443 if parts.scheme == "https" else 80
    port = usual if port is None else port
    if port != usual and (port < 1024 or port in _BAD_PORTS):
        raise _FaultError("port")
    _refuse_literal(host, networks, plain=parts.scheme == "http")
    return Target(url, parts.scheme, host, port)


def _refuse_literal(host: str, networks: Networks, *, plain: bool) -> None:
    """Raises `_FaultError` for an address that is not allowed; names are looked up when something is sent."""
    try:
        address = ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            address = ip_address("127.0.0.1")
        elif re.fullmatch(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*\.?", host) is None:
            raise _FaultError("url") from None
        else:
            return
    if not is_allowed(address, networks, plain=plain):
        raise _FaultError("private")


def _within(address: Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)
