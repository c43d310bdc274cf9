"""Where webhooks may go: public addresses over HTTPS, networks of one's own by name, and nowhere else."""

import asyncio
import socket
import ssl
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from regrade.serving.base.errors import InvalidFieldsError
from regrade.serving.events.sender import Sender
from regrade.serving.events.targets import Guarded, RefusedTargetError, is_allowed, parse

LAN = (ip_network("10.20.0.0/16"),)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "0.0.0.0", "100.64.0.1", "169.254.169.254"),
        *("168.63.129.16", "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
        *("fec0::1", "feff::1", "192.0.0.9", "192.0.0.10", "192.0.0.170", "192.88.99.1", "::ffff:192.88.99.1"),
        *("2002:7f00:1::", "2002:a00:1::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001:0:1::1"),
    ],
)
def test_what_only_this_machine_or_its_network_can_reach_is_refused(address: str) -> None:
    assert not is_allowed(ip_address(address), (), plain=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_allowed_with_tls_alone(address: str) -> None:
    assert is_allowed(ip_address(address), (), plain=False)
    assert not is_allowed(ip_address(address), LAN, plain=True)


def test_a_network_of_ones_own_is_allowed_by_name_and_link_local_ones_never() -> None:
    assert is_allowed(ip_address("10.20.3.4"), LAN, plain=True)
    assert is_allowed(ip_address("::ffff:10.20.3.4"), LAN, plain=True)
    assert not is_allowed(ip_address("10.21.0.1"), LAN, plain=False)
    assert not is_allowed(ip_address("169.254.169.254"), (ip_network("169.254.0.0/16"),), plain=False)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://wms.example.com/hooks", "must begin with https"),
        ("https://ann:secret@wms.example.com/", "no name and password"),
        ("https://wms.example.com@10.0.0.1/", "no name and password"),
        ("https://127.0.0.1/", "public address"),
        ("https://[::1]/", "public address"),
        ("https://[::ffff:10.0.0.1]:8443/", "public address"),
        ("https://localhost/", "public address"),
        ("https://a.localhost/", "public address"),
        ("https://wms.example.com:22/", "usual port"),
        ("https://wms.example.com:6667/", "usual port"),
        ("https://wms.example.com:0/", "usual port"),
        ("https://wms.example.com:99999/", "an address such as"),
        ("https://wms.example.com/#hooks", "an address such as"),
        ("https://wms.example.com\\@10.0.0.1/", "an address such as"),
        ("https://wms.example.com/\r\nHost: x", "an address such as"),
        ("https://wms example.com/", "an address such as"),
        ("https://", "an address such as"),
        ("file:///etc/passwd", "an address such as"),
        ("gopher://wms.example.com/", "an address such as"),
        ("https://bücher.example/", "an address such as"),
        ("https://[fe80::1%25eth0]/", "public address"),
        ("https://exa_mple..com/", "an address such as"),
    ],
)
def test_an_address_that_is_no_place_for_webhooks_is_refused_with_what_to_do(url: str, said: str) -> None:
    with pytest.raises(InvalidFieldsError, match=said):
        parse(url, ())


def test_addresses_that_are_fine() -> None:
    assert parse("https://wms.example.com/hooks?a=1", ()).port == 443
    assert parse("https://wms.example.com:8443", ()).host == "wms.example.com"
    assert parse("http://10.20.0.9/hooks", LAN).port == 80
    assert parse("https://xn--bcher-kva.example/", ()).host == "xn--bcher-kva.example"


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names stand for these addresses, the first time for the first of `answers`; returns what was asked."""
    asked: list[str] = []

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def connect(host: str, networks: Any = ()) -> None:
    stream = await Guarded(networks, plain=False).connect_tcp(host, 443, timeout=1)
    await stream.aclose()


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001"])
def test_odd_ways_to_write_an_address_end_where_it_is_looked_at(host: str) -> None:
    with pytest.raises(RefusedTargetError, match=r"refused|dns"):
        asyncio.run(connect(host))


def test_a_name_is_refused_if_any_of_its_addresses_is(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["1.1.1.1", "10.0.0.1"])
    with pytest.raises(RefusedTargetError, match="refused"):
        asyncio.run(connect("wms.example.com"))


def test_a_name_is_looked_up_once_and_the_address_looked_at_is_the_one_spoken_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the name answers with an allowed address first, and with a forbidden one from then on."""
    server = socket.create_server(("127.0.0.1", 0))
    asked = resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])

    async def go() -> None:
        guarded = Guarded((ip_network("127.0.0.1/32"),), plain=False)
        stream = await guarded.connect_tcp("wms.example.com", server.getsockname()[1], timeout=5)
        assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        await stream.aclose()

    asyncio.run(go())
    server.close()
    assert asked[0] == "wms.example.com"
    assert "wms.example.com" not in asked[1:]


def test_a_name_that_nobody_knows_and_one_that_moved_are_told_apart() -> None:
    async def sent(url: str) -> Any:
        sender = Sender((), context=ssl.create_default_context())
        answer = await sender.send(url, {}, b"{}")
        await sender.close()
        return answer

    assert asyncio.run(sent("https://nobody.invalid/")).error == "dns"
    assert asyncio.run(sent("http://127.0.0.1/")).error == "refused"  # was allowed once, by other settings


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    taken.settimeout(0)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{taken.getsockname()[1]}")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]

    async def go() -> Any:
        sender = Sender((ip_network("127.0.0.0/8"),), seconds=5)
        answer = await sender.send(f"http://127.0.0.1:{port}/", {}, b"{}")
        await sender.close()
        return answer

    assert asyncio.run(go()).error == "connection"
    with pytest.raises(BlockingIOError):
        taken.accept()
    taken.close()
