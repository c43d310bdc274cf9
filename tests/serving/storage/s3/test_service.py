"""A whole service with its photos in a bucket: graded, shown, erased, refused while the bucket is away, and moved."""

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from regrade.serving.base.bucket import Bucket
from regrade.serving.base.errors import BucketError, PhotosAwayError
from regrade.serving.base.settings import Settings
from regrade.serving.review.settled import decisions
from regrade.serving.storage.s3.objects import Objects
from tests.commands import run_command as run
from tests.serving.storage.conftest import DEAR
from tests.serving.storage.s3.faulty import Faulty


@pytest.fixture
def at(bucket: Bucket, faulty: Faulty) -> dict[str, Any]:
    """Settings of a site whose bucket is behind the proxy."""
    return {"photos_url": str(bucket), "photos_endpoint": faulty.url, "photos_timeout": 1.0}


@pytest.fixture
def environment(at: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for commands."""
    for name, value in at.items():
        monkeypatch.setenv(f"REGRADE_{name.upper()}", str(value))


def test_photos_are_in_the_bucket_and_shown_as_ever(
    serve: Any, at: dict[str, Any], bucket: Bucket, render_photo: Callable[..., bytes]
) -> None:
    service, photo = serve(**at), render_photo(0)
    stored = service.post([photo], key="k").json()
    names = list(Objects(bucket).names("photos"))
    sha256 = hashlib.sha256(photo).hexdigest()
    assert names == [f"photos/{sha256[:2]}/{sha256}"]
    assert not (service.settings.data_dir / "photos").exists()
    path = f"/v1/inspections/{stored['id']}/photos/0"
    assert service.client.get(path, params={"original": "true"}).content == photo
    assert service.client.get(path, params={"width": 160}).headers["content-type"] == "image/jpeg"
    # Named by its hash, it is found in the bucket.
    named = {"item": {"rma": "2"}, "photos": [{"sha256": sha256}]}
    assert service.client.post("/v1/inspections", json=named).status_code == 201
    for one in service.client.get("/v1/inspections").json()["items"]:
        assert service.client.delete(f"/v1/inspections/{one['id']}").status_code == 200
    assert list(Objects(bucket).names("photos")) == []
    assert [path for path in (service.settings.data_dir / "cache" / "photos").rglob("*") if path.is_file()] == []


def test_an_outage_is_said_and_over_when_it_is_over(
    serve: Any, at: dict[str, Any], bucket: Bucket, faulty: Faulty, render_photo: Callable[..., bytes]
) -> None:
    service = serve(**at)
    first = service.post([render_photo(0)], key="first")
    faulty.go_wrong("503", of="")
    refused = service.post([render_photo(1)], key="second")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json()["detail"].startswith("The store of the photos does not answer")
    # The next is refused before it is graded, but what is stored is answered with.
    begun = time.monotonic()
    assert service.post([render_photo(2)]).status_code == 503
    assert time.monotonic() - begun < 1.0
    again = service.post([render_photo(0)], key="first")
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    ready = service.client.get("/v2/health/ready")
    assert (ready.status_code, "bucket" in ready.json()["reasons"]["photos"]) == (503, True)
    assert 'regrade_refused_total{reason="photos_away"}' in service.client.get("/metrics").text
    faulty.mend()
    assert service.client.get("/v2/health/ready").status_code == 200
    assert service.post([render_photo(1)], key="second").status_code == 201
    assert service.runtime.inspections.count() == 2
    service.runtime.photos.clear_leftovers(service.runtime.inspections.using)
    assert len(list(Objects(bucket).names("photos"))) == 2


def test_nothing_is_stored_where_the_bucket_took_the_photo_and_lost_it(
    serve: Any, at: dict[str, Any], faulty: Faulty, render_photo: Callable[..., bytes]
) -> None:
    service = serve(**at)
    faulty.go_wrong("lie", "PUT")
    assert service.post([render_photo(0)]).status_code == 503
    assert service.runtime.inspections.count() == 0
    faulty.mend()
    service.runtime.photos.look()
    faulty.go_wrong("lie", "PUT", times=1)
    stored = service.post([render_photo(0)])
    assert stored.status_code == 201
    assert service.runtime.photos.examine(stored.json()["photos"][0]["sha256"]) == render_photo(0)


def test_only_an_admin_is_led_to_the_bucket_and_it_is_written_down(
    serve: Any, at: dict[str, Any], render_photo: Callable[..., bytes]
) -> None:
    service = serve(**at, photos_link_seconds=30)
    stored = service.post([render_photo(0)]).json()
    path = f"/v1/inspections/{stored['id']}/photos/0"
    led = service.client.get(path, params={"original": "true"})
    assert (led.status_code, led.headers["cache-control"]) == (307, "no-store")
    assert "X-Amz-Expires=30" in led.headers["location"]
    assert httpx.get(led.headers["location"], trust_env=False).content == render_photo(0)
    for role in ("station", "reviewer"):
        assert service.as_role(role).get(path, params={"original": "true"}).status_code == 403
    assert service.client.get(path).status_code == 200  # upright and without metadata, by the service
    looks = service.client.get("/v1/audit", params={"action": "photo-read"})
    assert "original" in looks.text or looks.status_code == 404


@pytest.mark.usefixtures("environment")
def test_a_site_is_moved_into_a_bucket_verified_backed_up_and_moved_back(
    data: Path, at: dict[str, Any], bucket: Bucket, faulty: Faulty, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BucketError, match="store photos --move"):
        run("store", "verify", "--data-dir", data)
    # It breaks off in the middle, and goes on where it was.
    faulty.go_wrong("503", "PUT", of=hashlib.sha256(b"two").hexdigest())
    with pytest.raises(PhotosAwayError):
        run("store", "photos", "--move", "--data-dir", data)
    assert "files in the data directory" in run("store", "photos", "--data-dir", data).output
    faulty.mend()
    moved = run("store", "photos", "--move", "--remove", "--data-dir", data)
    assert "3 photos are" in moved.output
    assert [path for path in (data / "photos").rglob("*") if path.is_file()] == []
    run("store", "verify", "--data-dir", data)
    assert "3 photos" in run("backup", out, "--data-dir", data).output
    run("backup", "verify", out)
    # Restored, it finds its photos in its own prefix; without the keys of the backup it would be another site.
    restored = out.parent / "restored"
    run("restore", out, "--data-dir", restored)
    assert "3 photos are" in (again := run("store", "photos", "--move", "--data-dir", restored)).output
    assert ", 0 of them since just now" in again.output
    (restored / "keys" / "photos-bucket.key").unlink()
    with pytest.raises(BucketError, match="another site"):
        run("store", "verify", "--data-dir", restored)
    # One is lost, and one is nobody's.
    objects = Objects(bucket)
    lost = hashlib.sha256(b"one").hexdigest()
    objects.delete(f"photos/{lost[:2]}/{lost}")
    objects.put(f"photos/00/{'0' * 64}", b"nobody's")
    looked = run("store", "verify", "--fix", "--data-dir", data, code=1)
    assert f"missing photo: {lost}" in looked.output
    assert f"orphan: {'0' * 64}" in looked.output
    assert len(list(objects.names("photos"))) == 2
    objects.put(f"photos/{lost[:2]}/{lost}", b"one")
    monkeypatch.delenv("REGRADE_PHOTOS_URL")
    for name in ("ENDPOINT", "TIMEOUT"):
        monkeypatch.delenv(f"REGRADE_PHOTOS_{name}")
    with pytest.raises(BucketError, match="set REGRADE_PHOTOS_URL="):
        run("store", "verify", "--data-dir", data)
    run("store", "photos", "--move", "--data-dir", data)
    run("store", "verify", "--data-dir", data)


@pytest.mark.usefixtures("environment")
def test_what_was_decided_is_given_out_with_copies_of_its_photos(
    serve: Any, at: dict[str, Any], render_photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve(**at)
    service.post([render_photo(0)], DEAR)
    claim = service.client.post("/v1/reviews/claim").json()
    body = {"lease": claim["lease"]["token"], "condition": "used"}
    assert service.client.post(f"/v1/reviews/{claim['inspection']['id']}", json=body).status_code == 200
    data_dir = service.settings.data_dir
    shutil.rmtree(data_dir / "cache")
    (one,) = decisions(data_dir)
    assert Path(one["photos"][0]["path"]).read_bytes() == render_photo(0)
    monkeypatch.setenv("REGRADE_PHOTOS_CACHE_BYTES", "1000")
    with pytest.raises(BucketError, match="REGRADE_PHOTOS_CACHE_BYTES"):
        list(decisions(data_dir))


@pytest.mark.usefixtures("environment")
def test_a_verification_while_the_bucket_is_away_calls_no_photo_missing(data: Path, faulty: Faulty) -> None:
    run("store", "photos", "--move", "--data-dir", data)
    faulty.go_wrong("500", "GET", of=hashlib.sha256(b"one").hexdigest())
    with pytest.raises(PhotosAwayError):
        run("store", "verify", "--data-dir", data)


def test_the_doctor_looks_at_the_bucket(bucket: Bucket, faulty: Faulty, tmp_path: Path) -> None:
    from regrade.serving.cli.doctor import _bucket

    given: dict[str, Any] = {"photos_url": str(bucket), "photos_endpoint": faulty.url, "photos_timeout": 0.5}
    settings = Settings(_env_file=None, data_dir=tmp_path, **given)
    assert _bucket(settings).state == "ok"
    faulty.go_wrong("503", of="")
    assert _bucket(settings).state == "failing"
