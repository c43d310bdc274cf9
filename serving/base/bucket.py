"""Where photos are kept in a bucket of S3, as the settings say it."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_LOOPBACK: Final = ("localhost", "localhost.localdomain")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket and how it is spoken to. Who may is not in here: that is told by the environment, as AWS has it.

    `prefix` is what all names in it begin with, without a slash at either end; `seconds` is how long anything that is
    asked of it may take, repeats included; `versions_days` as in the settings.
    """

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    virtual_host: bool = False
    ca_file: Path | None = None
    seconds: float = 4.0
    versions_days: int = 0

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


def parts_of(url: str) -> tuple[str, str]:
    """Name and prefix of `s3://NAME/PREFIX`. Raises ValueError, which never repeats a URL that may hold a secret."""
    if "@" in url or "?" in url:
        raise ValueError(
            "an address of a bucket holds neither keys nor options. Write s3://bucket/prefix, and give the keys as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    name, _, prefix = url.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/")
    if not url.startswith("s3://") or not _NAME.fullmatch(name) or (prefix and not _PREFIX.fullmatch(prefix)):
        raise ValueError(f"{url!r} is no address of a bucket. Write s3://bucket or s3://bucket/prefix.")
    return name, prefix


def checked_endpoint(url: str) -> str:
    """`url` without a slash at its end. Raises ValueError for what is no http or https address of a host."""
    url = url.rstrip("/")
    if url and not re.fullmatch(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?", url):
        raise ValueError("this is no address of a host. Write https://minio.example.com:9000, without a path or keys.")
    return url


def is_plain(endpoint: str) -> bool:
    """Whether others on the way could read what is sent to `endpoint`: plain HTTP that leaves this machine."""
    found = urlsplit(endpoint)
    host = found.hostname or ""
    if found.scheme != "http" or host in _LOOPBACK:
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
