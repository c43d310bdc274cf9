"""Objects in a bucket, each asked for within a bound on time, and again where that may help."""

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

from regrade.serving.base.bucket import Bucket
from regrade.serving.base.errors import BucketError, PhotosAwayError
from regrade.serving.storage.s3.credentials import profile_keys

if TYPE_CHECKING:
    from obstore.store import S3Store

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
"""Seconds before something is asked again: doubled each time, and less by chance, lest all ask at once."""
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9]+)</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3} [A-Za-z ]+)")
_UNKNOWN_HEADER: Final = re.compile(r"status code: 501 |<Code>NotImplemented</Code>")
"""What a server answers that was asked for a condition it does not know."""
_NO_BUCKET: Final = "NoSuchBucket"
_ROLES: Final = "http://169.254."
"""Where machines and containers are asked for the keys of their role, where no others were found."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a bucket says of an object: its size in bytes, and its ETag without quotes, empty where it has none."""

    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a put: whether it was `new` or there was one already, its ETag, and its version, if it has any."""

    new: bool
    etag: str = ""
    version: str | None = None


class Objects:
    """The objects of a bucket below its prefix. Methods block, at most `bucket.seconds`, on any thread.

    All raise `PhotosAwayError` where the bucket does not answer in that time, or refuses.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.conditional = True
        """Whether the server keeps to `If-None-Match`; one that does not is not asked to."""
        self._store = _opened(bucket)
        self._obstore = _library()

    def put(self, name: str, data: bytes) -> Written:
        """Write an object, unless there is one of that name already, which is left as it is.

        The server compares the bytes with their SHA-256, which is sent and signed too, before it keeps them.
        """
        errors = self._obstore.exceptions
        try:
            return self._put(name, data, "create" if self.conditional else "overwrite")
        except errors.AlreadyExistsError:
            return Written(new=False)
        except (errors.NotSupportedError, NotImplementedError):
            self.conditional = False
            return self._put(name, data, "overwrite")

    def replace(self, name: str, data: bytes) -> Written:
        """Write an object, also in place of one of that name."""
        return self._put(name, data, "overwrite")

    def head(self, name: str) -> Told | None:
        """What the bucket says of an object; None where there is none."""
        found = self._asked("HEAD", lambda: self._obstore.head(self._store, name), missing=None)
        return None if found is None else Told(found["size"], (found["e_tag"] or "").strip('"'))

    def get(self, name: str) -> bytes | None:
        """The bytes of an object; None where there is none."""
        found: bytes | None = self._asked(
            "GET", lambda: bytes(self._obstore.get(self._store, name).bytes()), missing=None
        )
        return found

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._asked("DELETE", lambda: self._obstore.delete(self._store, name), missing=None)

    def names(self, below: str = "") -> Iterator[str]:
        """The names of all objects below a prefix of this store's own, in their order, a thousand a request."""
        stream = iter(self._obstore.list(self._store, below or None, chunk_size=1000))
        while True:
            # A list that broke off cannot be gone on with: whoever wants it begins anew.
            some = self._asked("LIST", lambda: next(stream, None), again=False)
            if some is None:
                return
            yield from (str(one["path"]) for one in some)

    def link(self, name: str, seconds: int) -> str:
        """A URL by which anybody can read an object for so long."""
        return str(self._obstore.sign(self._store, "GET", name, timedelta(seconds=seconds)))

    def _put(self, name: str, data: bytes, mode: str) -> Written:
        put = self._obstore.put
        done = self._asked("PUT", lambda: put(self._store, name, data, mode=mode, use_multipart=False))
        return Written(True, (done["e_tag"] or "").strip('"'), done["version"])

    def _asked(self, what: str, ask: Callable[[], T], *, again: bool = True, **missing: T) -> T:
        """What `ask` gives; where the object is not there, what is given as `missing`, if it is."""
        errors = self._obstore.exceptions
        until = time.monotonic() + self.bucket.seconds / 2
        for turn in count():
            try:
                return ask()
            except FileNotFoundError as error:
                if "missing" in missing and _NO_BUCKET not in str(error):
                    return missing["missing"]
                raise PhotosAwayError(self._said(what, error), lasting=True) from None
            except (errors.AlreadyExistsError, errors.NotSupportedError):
                raise
            except (errors.PermissionDeniedError, errors.UnauthenticatedError) as error:
                raise PhotosAwayError(self._said(what, error), lasting=True) from None
            except (errors.BaseError, OSError) as error:
                if what == "PUT" and _UNKNOWN_HEADER.search(str(error)):
                    raise NotImplementedError(self._said(what, error)) from None
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**turn) * random.uniform(0.5, 1)
                if not again or time.monotonic() + pause >= until:
                    lasting = _NO_BUCKET in str(error) or _ROLES in str(error)
                    raise PhotosAwayError(self._said(what, error), lasting=lasting) from None
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _said(self, what: str, error: BaseException) -> str:
        """What went wrong, without what the server repeats of the request, nor what the library tells of itself."""
        text = str(error).partition("\n\nDebug source")[0]
        if _ROLES in text:
            return f"{what} at {self.bucket} was not sent: there are no keys to it here, and no role gives any"
        code, status = _CODE.search(text), _STATUS.search(text)
        said = code.group(1) if code else status.group(1).strip() if status else text.rpartition(" - ")[2].strip()
        return f"{what} at {self.bucket} was answered by: {said[:200]}"


def _library() -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise BucketError("Photos in a bucket need the extra s3: pip install 'regrade[s3]'.") from error
    return obstore


def _opened(bucket: Bucket) -> "S3Store":
    half = timedelta(seconds=bucket.seconds / 2)
    client: dict[str, Any] = {
        "timeout": half,
        "connect_timeout": min(half, timedelta(seconds=2)),
        "allow_http": bucket.endpoint.startswith("http://"),
    }
    if bucket.ca_file is not None:
        client["root_certificate"] = bucket.ca_file.read_bytes()
    given: dict[str, Any] = {
        "region": bucket.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        "virtual_hosted_style_request": bucket.virtual_host,
        "checksum_algorithm": "SHA256",
        # One by one: not every server knows how to delete several, and what became of each is told alone.
        "disable_bulk_delete": True,
        "client_options": client,
        # What may be asked again, and until when, is settled here.
        "retry_config": {"max_retries": 0, "retry_timeout": half},
        **profile_keys(),
    }
    if bucket.endpoint:
        scheme, _, host = bucket.endpoint.partition("://")
        given["endpoint"] = f"{scheme}://{bucket.name}.{host}" if bucket.virtual_host else bucket.endpoint
    if bucket.prefix:
        given["prefix"] = bucket.prefix
    made: S3Store = _library().store.S3Store(bucket.name, **given)
    return made
