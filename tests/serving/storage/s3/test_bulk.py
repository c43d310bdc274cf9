"""Photos in any bucket are graded anew as those in a folder are; one that does not answer spoils no photo."""

from functools import partial

import pytest

from regrade.models.grader import Grader
from regrade.serving.base.bucket import Bucket
from regrade.serving.base.errors import PhotosAwayError
from regrade.serving.bulk.run import graded
from regrade.serving.bulk.work import Work, of_bucket, read_of
from regrade.serving.storage.s3.objects import Objects
from tests.serving.storage.s3.faulty import Faulty


def test_each_photo_of_a_bucket_is_an_item(bucket: Bucket, photo: bytes, grader: Grader) -> None:
    objects = Objects(bucket)
    for name in ("b/2.JPG", "a/1.jpg", "notes.txt"):
        objects.put(name, photo)
    items = list(of_bucket(objects))
    assert items == [Work("a/1.jpg", ("a/1.jpg",)), Work("b/2.JPG", ("b/2.JPG",))]
    assert graded(grader, partial(read_of, objects), items[0]).bad == ()
    (bad,) = graded(grader, partial(read_of, objects), Work("gone", ("gone.jpg",))).bad
    assert bad["code"] == "missing"


def test_a_bucket_that_is_away_ends_the_work_which_then_goes_on(bucket: Bucket, faulty: Faulty, grader: Grader) -> None:
    objects = Objects(Bucket(bucket.name, bucket.prefix, faulty.url, seconds=0.2))
    faulty.go_wrong("503")
    with pytest.raises(PhotosAwayError):
        graded(grader, partial(read_of, objects), Work("1", ("1.jpg",)))
