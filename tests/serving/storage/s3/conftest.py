"""Photos in files and in a bucket of a real S3 server (SeaweedFS), also behind a proxy that goes wrong when told to."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from s3_server import BUCKET, KEYS, MISSING, S3Server, program

from regrade.serving.base.bucket import Bucket
from regrade.serving.storage.photostore import LocalPhotoStore, PhotoStore
from regrade.serving.storage.s3.cache import PhotoCache
from regrade.serving.storage.s3.objects import Objects
from regrade.serving.storage.s3.store import FOLDER, S3PhotoStore
from tests.serving.storage.s3.faulty import Faulty

Open = Callable[..., S3PhotoStore]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A server; what each test keeps in it is below a prefix of its own."""
    if program() is None:
        pytest.skip(MISSING)
    server = S3Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def faulty(s3: S3Server) -> Iterator[Faulty]:
    """The server, behind a proxy that does as it is told."""
    proxy = Faulty(s3.url)
    yield proxy
    proxy.close()


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty prefix, and the keys to it in the environment."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return Bucket(BUCKET, uuid4().hex, s3.url, seconds=2.0)


@pytest.fixture
def open_s3(bucket: Bucket, tmp_path: Path) -> Iterator[Open]:
    """Opens the photos in the bucket, by its own address or another; `folder` is whose they are."""
    opened: list[S3PhotoStore] = []

    def make(endpoint: str = "", folder: Path = tmp_path, cache: int = 2**20, **other: Any) -> S3PhotoStore:
        values = {"name": bucket.name, "prefix": bucket.prefix, "endpoint": endpoint or bucket.endpoint}
        at = Bucket(**values | {"seconds": bucket.seconds} | other)
        store = S3PhotoStore(Objects(at), folder / FOLDER, PhotoCache(folder / "cache", cache), "this site")
        opened.append(store)
        store.open()
        return store

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> PhotoStore:
    """An empty store of the kind that the test is run with: `files` or `s3`."""
    if kind == "files":
        return LocalPhotoStore(tmp_path / "photos")
    opened: PhotoStore = request.getfixturevalue("open_s3")()
    return opened


@pytest.fixture(params=["files", "s3"])
def kind(request: pytest.FixtureRequest) -> str:
    """Where photos are kept."""
    return str(request.param)
