"""A service is looked at as tablets reach it: by TLS, whose certificate must be trusted, in time and for that name."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from regrade.serving.cli.checks.service import look_at_service

Proxy = Callable[[str, timedelta], tuple[str, Path]]


def certificate(folder: Path, address: str, left: timedelta) -> Path:
    """A self-signed certificate and its key, in one file, that began a year ago."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "regrade test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=365))
        .not_valid_after(now + left)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return file


@pytest.fixture
def proxy(service: Any, tmp_path: Path) -> Iterator[Proxy]:
    """Puts a proxy that speaks TLS before the service; gives its address, and its certificate."""
    loop, servers = asyncio.new_event_loop(), list[asyncio.Server]()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(service.url)
        inner_reader, inner_writer = await asyncio.open_connection(address.hostname, address.port)
        inner_writer.write(await reader.readuntil(b"\r\n\r\n"))
        writer.write(await inner_reader.read(-1))  # it is asked to close the connection
        for one in (inner_writer, writer):
            one.close()
            await one.wait_closed()

    async def end(server: asyncio.Server) -> None:
        server.close()
        await server.wait_closed()

    def start(address: str, left: timedelta) -> tuple[str, Path]:
        file = certificate(tmp_path, address, left)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        serving = asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
        server = asyncio.run_coroutine_threadsafe(serving, loop).result(10)
        servers.append(server)
        return f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", file

    yield start
    for server in servers:
        asyncio.run_coroutine_threadsafe(end(server), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def states(url: str, authority: Path | None = None) -> dict[str, str]:
    return {check.name: check.state for check in look_at_service(url, authority)}


def test_all_is_well_behind_a_certificate_that_is_trusted(proxy: Proxy) -> None:
    url, file = proxy("127.0.0.1", timedelta(days=300))
    assert states(url, file) == dict.fromkeys(("tls", "certificate", "service", "service's clock"), "ok")


def test_a_certificate_that_soon_ends_is_told_before(proxy: Proxy) -> None:
    url, file = proxy("127.0.0.1", timedelta(days=3))
    assert states(url, file)["certificate"] == "warning"


def test_a_certificate_that_nobody_vouches_for_that_has_ended_or_is_for_another_is_failing(proxy: Proxy) -> None:
    for address, left, trusted in (
        ("127.0.0.1", timedelta(days=300), False),
        ("127.0.0.1", timedelta(hours=-1), True),
        ("127.0.0.2", timedelta(days=300), True),
    ):
        url, file = proxy(address, left)
        assert states(url, file if trusted else None) == {"certificate": "failing"}


def test_what_is_no_service_is_failing(proxy: Proxy, service: Any) -> None:
    assert states("ftp://regrade.example") == {"service": "failing"}
    assert states("http://127.0.0.1:1") == {"service": "failing"}
    assert states(service.url + "/nowhere")["service"] == "failing"
