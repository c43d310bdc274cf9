"""What every photo store keeps to, be it files or a bucket."""

from collections.abc import Collection
from datetime import UTC, datetime
from threading import Thread

import pytest

from regrade.serving.base.errors import DatabaseAwayError, ErasedError, PhotoDamagedError, StorageError
from regrade.serving.storage.photostore import LocalPhotoStore, PhotoStore, StagedPhoto
from tests.serving.storage.s3.conftest import digest

ONE, TWO = b"one photo", b"another photo"


def nobody(hashes: Collection[str]) -> set[str]:
    return set()


def somebody(hashes: Collection[str]) -> set[str]:
    return set(hashes)


def staged(store: PhotoStore, *photos: bytes) -> list[StagedPhoto]:
    return store.stage([(data, digest(data)) for data in photos])


def keep(store: PhotoStore, *photos: bytes) -> None:
    with store.published(staged(store, *photos), nobody):
        pass


def test_what_was_published_is_read_back(store: PhotoStore) -> None:
    keep(store, ONE, TWO)
    assert store.read(digest(ONE)) == store.examine(digest(ONE)) == ONE
    assert (store.size(digest(TWO)), store.holds(digest(TWO))) == (len(TWO), True)
    assert sorted(store.hashes()) == sorted((digest(ONE), digest(TWO)))
    assert store.copy_here(digest(TWO)).read_bytes() == TWO
    assert store.leftovers() == []


def test_what_was_never_there_is_missing(store: PhotoStore) -> None:
    assert (store.holds(digest(ONE)), store.size(digest(ONE))) == (False, None)
    with pytest.raises(PhotoDamagedError) as caught:
        store.read(digest(ONE))
    assert caught.value.missing


def test_a_photo_that_two_items_have_is_kept_once(store: PhotoStore) -> None:
    keep(store, ONE)
    keep(store, ONE, ONE)
    assert list(store.hashes()) == [digest(ONE)]


def test_a_refused_item_leaves_nothing(store: PhotoStore) -> None:
    photos = staged(store, ONE, TWO)
    assert store.leftovers() != []
    store.discard(photos, nobody)
    store.discard(photos, nobody)
    assert (list(store.hashes()), store.leftovers()) == ([], [])


def test_discarding_leaves_what_another_item_has(store: PhotoStore) -> None:
    keep(store, ONE)
    store.discard(staged(store, ONE), somebody)
    assert store.read(digest(ONE)) == ONE


@pytest.mark.parametrize(
    "error", [StorageError("full", "full"), ErasedError("1", datetime.now(UTC))], ids=["full", "erased"]
)
def test_a_row_that_is_refused_takes_its_photos_along(store: PhotoStore, error: Exception) -> None:
    with pytest.raises(type(error)), store.published(staged(store, ONE), nobody):
        raise error
    assert (list(store.hashes()), store.leftovers()) == ([], [])


def test_photos_stay_of_a_commit_of_which_nobody_knows(store: PhotoStore) -> None:
    photos = staged(store, ONE)
    with pytest.raises(DatabaseAwayError), store.published(photos, nobody):
        raise DatabaseAwayError
    store.discard(photos, nobody)
    assert store.read(digest(ONE)) == ONE


def test_what_is_removed_is_gone_and_what_is_used_stays(store: PhotoStore) -> None:
    keep(store, ONE, TWO)
    store.remove([digest(ONE), digest(TWO)], lambda hashes: {digest(TWO)} & set(hashes))
    store.remove([digest(ONE)], nobody)
    assert list(store.hashes()) == [digest(TWO)]
    with pytest.raises(PhotoDamagedError):
        store.read(digest(ONE))


def test_nobody_removes_what_a_coming_row_needs(store: PhotoStore) -> None:
    used: set[str] = set()
    with store.published(staged(store, ONE), nobody):
        remover = Thread(target=store.remove, args=([digest(ONE)], lambda _: used))
        remover.start()
        remover.join(0.1)
        assert remover.is_alive()
        used.add(digest(ONE))
    remover.join(5)
    assert store.examine(digest(ONE)) == ONE


def test_what_is_removed_between_staging_and_the_row_is_there_for_the_row(store: PhotoStore) -> None:
    keep(store, ONE)
    coming = staged(store, ONE)
    store.remove([digest(ONE)], nobody)
    with store.published(coming, nobody):
        pass
    assert store.examine(digest(ONE)) == ONE


def test_the_remains_of_a_crash_are_cleared(store: PhotoStore) -> None:
    keep(store, TWO)
    if isinstance(store, LocalPhotoStore):  # what is its own it lets alone, and what a killed process left it need not
        killed = store.staging / "of a process that was killed"
        killed.mkdir()
        (killed / "half").write_bytes(ONE)
    else:
        staged(store, ONE, TWO)
        assert store.clear_leftovers(somebody, older=3600) == 0
    assert store.clear_leftovers(lambda hashes: {digest(TWO)} & set(hashes)) > 0
    assert (list(store.hashes()), store.leftovers()) == ([digest(TWO)], [])


def test_it_says_that_it_is_well(store: PhotoStore) -> None:
    assert store.look() is None
    store.refuse()
