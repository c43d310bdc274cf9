"""A bucket that is slow, fails, breaks off or lies: what was acknowledged is there, and what is refused is said so."""

import time
from collections.abc import Collection
from pathlib import Path

import pytest

from regrade.serving.base.errors import PhotoDamagedError, PhotosAwayError
from regrade.serving.storage.photostore import PhotoStore
from regrade.serving.storage.s3.store import S3PhotoStore
from tests.serving.storage.s3.conftest import Open, digest
from tests.serving.storage.s3.faulty import Faulty

DATA = b"a photo of some kilobytes " * 400
SHA = digest(DATA)


def nobody(hashes: Collection[str]) -> set[str]:
    return set()


@pytest.fixture
def behind(open_s3: Open, faulty: Faulty) -> S3PhotoStore:
    """The store, as it is reached through the proxy; nothing is kept here."""
    return open_s3(faulty.url, cache=0)


def keep(store: PhotoStore) -> None:
    with store.published(store.stage([(DATA, SHA)]), nobody):
        assert store.examine(SHA) == DATA  # before the row is written


@pytest.mark.parametrize("how", ["500", "503", "refuse", "cut", "unread"])
@pytest.mark.parametrize("method", ["PUT", "HEAD"])
def test_what_goes_wrong_once_is_asked_again(behind: S3PhotoStore, faulty: Faulty, how: str, method: str) -> None:
    faulty.go_wrong(how, method, times=2)
    keep(behind)
    assert (behind.examine(SHA), behind.look()) == (DATA, None)


@pytest.mark.parametrize("how", ["500", "refuse", "cut"])
def test_a_photo_is_read_again_where_an_answer_broke_off(behind: S3PhotoStore, faulty: Faulty, how: str) -> None:
    keep(behind)
    faulty.go_wrong(how, "GET", times=2)
    assert behind.read(SHA) == DATA


def test_a_put_that_was_answered_and_is_not_there_is_sent_again_before_the_row(
    behind: S3PhotoStore, faulty: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.go_wrong("lie", "PUT", times=1)
    keep(behind)
    assert behind.examine(SHA) == DATA
    assert "it is sent again" in caplog.text


def test_a_bucket_that_takes_photos_and_keeps_none_is_refused_before_the_row(
    behind: S3PhotoStore, faulty: Faulty
) -> None:
    faulty.go_wrong("lie", "PUT")
    photos = behind.stage([(DATA, SHA)])
    with pytest.raises(PhotosAwayError), behind.published(photos, nobody):
        raise AssertionError("the row was written")
    assert behind.leftovers() != []  # what may be there of it is removed once the bucket answers
    faulty.mend()
    assert behind.look() is None
    behind.clear_leftovers(nobody, older=3600)
    assert (list(behind.hashes()), behind.leftovers()) == ([], [])


@pytest.mark.parametrize("how", ["500", "503", "refuse", "slow"])
def test_an_outage_is_said_in_time_and_at_once_to_those_who_come_later(open_s3: Open, faulty: Faulty, how: str) -> None:
    store = open_s3(faulty.url, seconds=0.6)
    faulty.go_wrong(how, of="", seconds=1.0)
    begun = time.monotonic()
    with pytest.raises(PhotosAwayError):
        store.stage([(DATA, SHA), (b"another", digest(b"another"))])
    assert time.monotonic() - begun < 0.9
    for ask in (store.refuse, lambda: store.read(SHA), lambda: store.remove([SHA], nobody)):
        with pytest.raises(PhotosAwayError):
            ask()
    assert store.look() is not None


def test_after_an_outage_it_goes_on_by_itself_and_clears_what_was_refused(
    open_s3: Open, faulty: Faulty, behind: S3PhotoStore
) -> None:
    # The first photo arrives, and the second does not: the item is refused.
    faulty.go_wrong("500", "PUT", of=digest(b"second"))
    with pytest.raises(PhotosAwayError):
        behind.stage([(b"first", digest(b"first")), (b"second", digest(b"second"))])
    assert behind.look() is None
    assert behind.clear_leftovers(nobody, older=3600) == 1
    assert list(behind.hashes()) == []
    faulty.mend()
    keep(behind)


def test_a_copy_here_is_read_while_the_bucket_is_away(open_s3: Open, faulty: Faulty) -> None:
    store = open_s3(faulty.url)
    keep(store)
    faulty.go_wrong("refuse", of="")
    assert store.read(SHA) == DATA
    with pytest.raises(PhotosAwayError):
        store.examine(SHA)


def test_a_damaged_photo_is_never_given_out_and_is_mended_by_the_same_photo(
    behind: S3PhotoStore, faulty: Faulty
) -> None:
    keep(behind)
    behind.objects.replace(f"photos/{SHA[:2]}/{SHA}", DATA[:-1] + b"x")
    with pytest.raises(PhotoDamagedError) as caught:
        behind.read(SHA)
    assert not caught.value.missing
    keep(behind)
    assert behind.read(SHA) == DATA


def test_nothing_is_missing_of_a_bucket_that_is_gone(behind: S3PhotoStore) -> None:
    behind.objects.delete("regrade-site.json")
    with pytest.raises(PhotosAwayError):
        behind.read(SHA)


def test_what_a_killed_process_sent_is_removed_by_the_next(open_s3: Open, tmp_path: Path) -> None:
    open_s3().stage([(DATA, SHA)])
    later = open_s3(folder=tmp_path)
    assert list(later.hashes()) == [SHA]
    assert later.clear_leftovers(nobody) == 1
    assert list(later.hashes()) == []


def test_erasing_waits_for_the_bucket(behind: S3PhotoStore, faulty: Faulty) -> None:
    keep(behind)
    faulty.go_wrong("503", "DELETE", times=2)
    behind.remove([SHA], nobody)
    keep(behind)
    faulty.go_wrong("lie", "DELETE")
    with pytest.raises(PhotosAwayError):
        behind.remove([SHA], nobody)
    faulty.mend()
    assert behind.look() is None
    behind.remove([SHA], nobody)
    assert list(behind.hashes()) == []
