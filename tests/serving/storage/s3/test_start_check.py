"""Before a bucket is trusted: what is wrong with it, or with what the settings say of it, is said with what to do."""

import sys
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3Server

from regrade.serving.base.bucket import Bucket
from regrade.serving.base.errors import BucketError, PhotosAwayError, SettingsError
from regrade.serving.base.settings import Settings, as_files, load_settings
from regrade.serving.storage.s3.credentials import profile_keys
from regrade.serving.storage.s3.objects import Objects, Written
from regrade.serving.storage.s3.start_check import MARK, Examined, claim, examine
from tests.serving.storage.s3.conftest import Open
from tests.serving.storage.s3.faulty import Faulty


def test_a_good_bucket_is_left_as_it_was(bucket: Bucket) -> None:
    objects = Objects(bucket)
    assert examine(objects) == Examined(conditional=True, etag_is_md5=True, versions=False)
    assert list(objects.names()) == []


def test_wrong_keys_are_told_and_never_repeated(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "this-is-wrong")
    with pytest.raises(BucketError, match=r"SignatureDoesNotMatch.*AWS_ACCESS_KEY_ID") as caught:
        examine(Objects(bucket))
    assert "this-is-wrong" not in str(caught.value)


def test_no_keys_are_told_as_that(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    # Nobody gives keys there; on a machine in a cloud somebody might.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://169.254.0.1:9")
    with pytest.raises(BucketError, match="no keys to it here"):
        examine(Objects(Bucket(bucket.name, bucket.prefix, bucket.endpoint, seconds=0.3)))


@pytest.mark.parametrize("name", ["no_such", "x"])
def test_a_name_that_no_bucket_can_have_is_no_address(name: str) -> None:
    with pytest.raises(SettingsError, match="no address of a bucket"):
        load_settings(photos_url=f"s3://{name}")


def test_a_server_that_is_away_is_no_fault_of_the_bucket(bucket: Bucket, tmp_path: Path, open_s3: Open) -> None:
    away = "http://127.0.0.1:1"
    with pytest.raises(PhotosAwayError):
        examine(Objects(Bucket(bucket.name, bucket.prefix, away, seconds=0.2)))
    store = open_s3(away, seconds=0.2)  # so that the service starts, and says that it is not ready
    with pytest.raises(PhotosAwayError):
        store.refuse()
    assert store.look() is not None


def test_a_server_without_conditional_puts_is_used_all_the_same(open_s3: Open, faulty: Faulty) -> None:
    faulty.go_wrong("501", "PUT", times=1, of="/probe/")
    store = open_s3(faulty.url)
    assert not store.objects.conditional
    assert store.look() is None


class Versioned(Objects):
    """A bucket that keeps versions, as its answers tell."""

    def put(self, name: str, data: bytes) -> Written:
        done = super().put(name, data)
        return Written(done.new, done.etag, "v1" if done.new else None)


def test_a_bucket_that_keeps_versions_is_refused_unless_they_go_by_themselves(bucket: Bucket) -> None:
    with pytest.raises(BucketError, match="REGRADE_PHOTOS_VERSIONS_DAYS"):
        examine(Versioned(bucket))
    told = Bucket(bucket.name, bucket.prefix, bucket.endpoint, versions_days=7)
    assert examine(Versioned(told)).versions


class Hoarding(Objects):
    """A bucket under a lock, which keeps what it was told to remove."""

    def delete(self, name: str) -> None:
        """Nothing goes."""


def test_a_bucket_that_cannot_be_cleared_is_refused(bucket: Bucket) -> None:
    with pytest.raises(BucketError, match="nothing could be erased"):
        examine(Hoarding(bucket))


def test_two_sites_never_share_a_prefix(bucket: Bucket) -> None:
    claim(Objects(bucket), "one")
    claim(Objects(bucket), "one")
    with pytest.raises(BucketError, match="another site"):
        claim(Objects(bucket), "two")


def test_a_bucket_that_was_emptied_is_not_taken_for_a_new_one(bucket: Bucket) -> None:
    claim(Objects(bucket), "one")
    Objects(bucket).delete(MARK)
    with pytest.raises(BucketError, match="emptied"):
        claim(Objects(bucket), "one", anew=False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"photos_url": "s3://key:secret@bucket"}, "holds neither keys nor options"),
        ({"photos_url": "https://bucket"}, "no address of a bucket"),
        ({"photos_url": "s3://bucket/../other"}, "no address of a bucket"),
        ({"photos_endpoint": "https://minio:9000"}, "without photos_url"),
        ({"photos_link_seconds": 60}, "without photos_url"),
        ({"photos_url": "s3://bucket", "photos_endpoint": "https://a:b@minio:9000"}, "no address of a host"),
        ({"photos_url": "s3://bucket", "photos_endpoint": "http://minio:9000"}, "plain HTTP"),
        ({"photos_url": "s3://bucket", "photos_timeout": 6}, "half of deadline"),
        ({"photos_url": "s3://bucket", "photos_ca_file": "/nowhere.pem"}, "is no file"),
    ],
)
def test_unsafe_and_half_settings_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings(**given)
    assert "secret@" not in str(caught.value).partition("photos_url")[0]


def test_settings_say_where_the_bucket_is(tmp_path: Path) -> None:
    plain: dict[str, Any] = {"photos_endpoint": "http://minio:9000", "photos_plain_http": True}
    found = Settings(_env_file=None, photos_url="s3://bucket/a/site/", **plain).photos_bucket
    assert found is not None
    assert (str(found), found.endpoint, found.seconds) == ("s3://bucket/a/site", "http://minio:9000", 4.0)


def test_keys_are_found_in_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    file.write_text("[bench]\naws_access_key_id = tester\naws_secret_access_key = secret-of-tests\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert profile_keys() == {}
    monkeypatch.setenv("AWS_PROFILE", "bench")
    examine(Objects(Bucket("photos", "by-profile", s3.url)))
    monkeypatch.setenv("AWS_PROFILE", "other")
    with pytest.raises(BucketError, match="other"):
        profile_keys()


def test_a_site_that_is_only_tried_has_files_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_PHOTOS_URL", "s3://bucket/of-the-site")
    monkeypatch.setenv("REGRADE_PHOTOS_ENDPOINT", "https://minio:9000")
    assert load_settings().photos_bucket is not None
    assert load_settings(**as_files()).photos_bucket is None


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(BucketError, match=r"pip install 'regrade\[s3\]'"):
        Objects(Bucket("photos"))
