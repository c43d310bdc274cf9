import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.slow

ROUTES = {
    "post": ("POST", "/v1/inspections", {"station"}),
    "list": ("GET", "/v1/inspections", {"station", "reviewer", "engineer"}),
    "read": ("GET", "/v1/inspections/x", {"station", "reviewer", "engineer"}),
    "photo": ("GET", "/v1/inspections/x/photos/0", {"station", "reviewer", "engineer"}),
    "evidence": ("GET", "/v1/inspections/x/evidence", {"station", "reviewer", "engineer"}),
    "claim": ("POST", "/v1/reviews/claim", {"reviewer"}),
    "decide": ("POST", "/v1/reviews/x", {"reviewer"}),
    "stats": ("GET", "/v1/reviews/stats", {"reviewer", "engineer"}),
    "models": ("GET", "/v1/models", {"station", "reviewer", "engineer"}),
    "metrics": ("GET", "/metrics", {"station", "reviewer", "engineer"}),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_wants_a_key(service: Any, route: str) -> None:
    method, path, _ = ROUTES[route]
    answer = service.with_key(None).request(method, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:regrade:problem:unauthenticated"


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_is_open_to_its_roles_alone(service: Any, route: str) -> None:
    method, path, roles = ROUTES[route]
    for role in ("station", "reviewer", "engineer", "admin"):
        answer = service.as_role(role).request(method, path)
        assert (answer.status_code == 403) == (role not in roles | {"admin"})
        if answer.status_code == 403:
            assert answer.json()["needed"] == sorted(roles | {"admin"})


@pytest.mark.parametrize("path", ["/healthz", "/v2/health/live", "/v2/health/ready", "/v1/evidence/key", "/docs"])
def test_some_routes_want_no_key(service: Any, path: str) -> None:
    assert service.with_key(None).get(path).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Basic eDp5", "Bearer rg_", "Bearer rg_x_y", "Bearer é"])
def test_a_malformed_authorization_is_no_key(service: Any, header: str) -> None:
    answer = service.with_key(None).get("/v1/models", headers=[(b"Authorization", header.encode("latin-1"))])
    assert answer.status_code == 401


def test_a_right_id_with_a_wrong_secret_is_no_key(service: Any) -> None:
    key = service.key("admin")
    assert service.with_key(key[:-1] + ("a" if key[-1] != "a" else "b")).get("/v1/models").status_code == 401


def test_a_revoked_key_is_refused_at_once(service: Any) -> None:
    key = service.key("admin")
    client = service.with_key(key)
    assert client.get("/v1/models").status_code == 200
    service.runtime.keys.revoke(key.split("_")[1])
    assert client.get("/v1/models").status_code == 401


def test_the_caller_is_known_before_the_body_is_read(service: Any) -> None:
    parts = urlsplit(service.url)
    head = "POST /v1/inspections HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")  # not a byte of the body was sent


def test_a_bad_review_body_does_not_come_before_the_key(service: Any) -> None:
    assert service.with_key(None).post("/v1/reviews/x", content=b"{").status_code == 401
    assert service.as_role("station").post("/v1/reviews/x", content=b"{").status_code == 403


def test_secrets_are_nowhere_on_the_disk(service: Any) -> None:
    secret = service.key("station").split("_", 2)[2].encode()
    for path in service.settings.data_dir.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes()


def test_only_a_fresh_installation_makes_a_key_by_itself(service: Any) -> None:
    assert [key.role for key in service.runtime.keys.all_keys()] == ["admin"]
    assert service.runtime.keys.create_first() is None
