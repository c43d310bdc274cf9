"""Every setting of the service, in one object that is refused when it is unsafe.

Values come from the command line, then from `REGRADE_…` in the environment, then from a `.env` file in the
working directory. There is on purpose no switch that turns authentication off.
"""

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from regrade.serving.base.bucket import Bucket, checked_endpoint, is_plain, parts_of
from regrade.serving.base.errors import SettingsError
from regrade.serving.base.retention_rules import Rules, parse_rules

if TYPE_CHECKING:
    from regrade.models.registry.store import BundleStore

MIB = 1024 * 1024


class Unit(str):
    """What a setting is counted in, for its page in the reference."""


Bytes = Annotated[int, Unit("bytes")]
Seconds = Annotated[float, Unit("s")]

_HOURS = r"(([01]\d|2[0-3]):[0-5]\d)-(([01]\d|2[0-3]):[0-5]\d)"

OWN_PATHS = frozenset(
    {"v1", "v2", "healthz", "metrics", "docs", "openapi.json", "static-offline-docs", "station", "desk", "models"}
)
"""First parts of the service's own paths; where a root path begins with one, nobody could tell them apart."""


class Settings(BaseSettings):
    """Settings of one server process. Each says what it is counted in; docs/settings.md has them all."""

    model_config = SettingsConfigDict(
        env_prefix="REGRADE_", env_file=".env", extra="ignore", frozen=True, validate_default=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    root_path: str = Field(
        "", description="Path under which a proxy serves this, such as /regrade; empty where it has a host of its own."
    )
    public_url: str = Field(
        "",
        description="Address by which browsers reach this, such as https://grade.example.com, for links to pair and "
        "invite by and for passkeys; by default that of each request.",
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="Proxies whose X-Forwarded-For and -Proto are believed: addresses or networks, commas between.",
    )
    data_dir: Path = Field(Path("data"), description="Where the database, photos, keys and installed bundles are kept.")
    database_url: str | None = Field(
        None,
        description="SQLAlchemy URL of the database; by default SQLite in the data directory. Services on one "
        "PostgreSQL (postgresql+psycopg://user:password@host/name) share it and one data directory.",
    )
    photos_url: str = Field(
        "",
        description="Bucket that photos are kept in, such as s3://bucket/prefix (extra `s3`); by default they are "
        "files in the data directory. Its keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role.",
    )
    photos_endpoint: str = Field(
        "", description="Address of the bucket's server, such as https://minio.example.com:9000; by default AWS's own."
    )
    photos_region: str = Field("", description="Region of the bucket; by default AWS_REGION, else us-east-1.")
    photos_virtual_host: bool = Field(
        False, description="Whether the bucket's name goes before the host's, rather than into the path."
    )
    photos_plain_http: bool = Field(
        False, description="Whether the bucket's server may be spoken to over plain HTTP, where others can read along."
    )
    photos_ca_file: Path | None = Field(
        None, description="Certificates (PEM) to trust at the bucket's server, beside the system's."
    )
    photos_timeout: Seconds = Field(
        4.0,
        gt=0,
        le=300,
        description="Longest time for what is asked of the bucket at once, repeats included; an item asks twice.",
    )
    photos_cache_bytes: Bytes = Field(
        2048 * MIB,
        ge=0,
        description="Size of the copies kept here of photos in a bucket; those unused longest go first.",
    )
    photos_versions_days: Annotated[int, Unit("days")] = Field(
        0,
        ge=0,
        le=3650,
        description="Days after which the bucket's own lifecycle removes versions of what was erased; 0: it keeps no "
        "versions, and one that does is refused.",
    )
    photos_link_seconds: Annotated[int, Unit("s")] = Field(
        0,
        ge=0,
        le=300,
        description="Life of the signed link to the bucket that an admin is led to asking for a photo as it was sent; "
        "0: the service sends it itself.",
    )
    policy_file: Path | None = Field(None, description="Disposition policy (YAML); by default the shipped one.")
    rubric_dir: Path | None = Field(
        None, description="Rubrics (YAML) that stand in place of the shipped ones, and those of sellers."
    )
    bundles_dir: Path | None = Field(
        None,
        description="Model bundles to go by where none was chosen here, only read; by default the shipped ones.",
    )
    precision: Literal["int8", "fp32"] = Field("int8", description="Which networks of a bundle to run.")
    workers: int = Field(0, ge=0, le=256, description="Threads that look at photos; 0 means one per core.")

    disk_reserve: Bytes | None = Field(
        None,
        ge=0,
        description="Space that must stay free where data is kept: below it nothing new is taken and the service is "
        "not ready; by default 1 GiB, or a twentieth of a volume that is smaller than 20 GiB; 0 means none.",
    )

    max_photos: int = Field(12, ge=1, le=100, description="Photos of one item.")
    max_photo_bytes: Bytes = Field(20 * MIB, ge=1024, description="Size of one photo.")
    max_item_bytes: Bytes = Field(64 * 1024, ge=256, le=MIB, description="Size of the item JSON.")
    max_body_bytes: Bytes = Field(12 * 20 * MIB + MIB, ge=4096, description="Size of a whole request.")
    max_bytes_in_flight: Bytes = Field(
        256 * MIB, ge=4096, description="Bodies held in memory at once, over all requests."
    )
    upload_hours: Annotated[float, Unit("h")] = Field(
        24.0, gt=0, le=24 * 30, description="How long a photo that was sent ahead of its item is kept for it."
    )
    upload_budget: Bytes = Field(
        1024 * MIB, ge=1024, description="Photos sent ahead of their items that one key may have waiting at once."
    )
    station_photo_side: Annotated[int, Unit("pixels")] = Field(
        3000,
        ge=0,
        le=20_000,
        description="Long side to which the station page reduces larger photos before sending; 0: originals.",
    )
    queue_limit: int = Field(
        256, ge=1, le=10_000, description="Inspections under way or waiting, however little work they are."
    )
    upload_limit: int = Field(256, ge=1, le=10_000, description="Requests whose bodies may be coming in at once.")
    deadline: Seconds = Field(
        10.0, gt=0, le=600, description="Time within which an item is answered, or refused at once with Retry-After."
    )
    max_deadline: Seconds = Field(
        60.0, gt=0, le=600, description="Longest deadline that a request may ask for with `Prefer: wait=N`."
    )
    photo_seconds: Seconds = Field(
        5.0, gt=0, le=600, description="Core time after which decoding one photo is cut off, and the photo refused."
    )
    active_items: int = Field(
        0, ge=0, le=1024, description="Items whose photos share the cores, others wait; 0 means one more than workers."
    )
    picture_cache_bytes: Bytes = Field(
        1024 * MIB, ge=0, description="Size of the cache of pictures made for viewing; the oldest go first."
    )
    head_timeout: Seconds = Field(
        10.0, gt=0, le=120, description="Longest time from a connection, or the first byte of a request, to its body."
    )
    keep_alive: Seconds = Field(
        15.0, gt=0, le=600, description="Time for which a connection may idle between requests."
    )
    body_timeout: Seconds = Field(
        180.0,
        gt=0,
        le=3600,
        description="Longest time that a client with a valid key may take to send a body: enough for a photo of 3 MB "
        "over 0.2 Mbit/s.",
    )
    anonymous_body_timeout: Seconds = Field(
        5.0,
        gt=0,
        le=60,
        description="Longest time to send a body without a valid key, such as the form of the login; "
        "never more than `body_timeout`.",
    )
    anonymous_body_bytes: Bytes = Field(
        16 * 1024, ge=8 * 1024, le=MIB, description="Size of a body that comes without a valid key."
    )
    least_speed: Annotated[int, Unit("bytes/s")] = Field(
        2048,
        ge=1,
        le=16 * 1024,
        description="Bytes a second that a body must bring, and of an answer be taken, on average over `speed_window`.",
    )
    speed_window: Seconds = Field(
        20.0, gt=0, le=300, description="Time over which `least_speed` is judged; shorter pauses of a network are fine."
    )
    answer_timeout: Seconds = Field(
        600.0, gt=0, le=3600, description="Longest time to take an answer; 60 s at most without a valid key."
    )
    connection_limit: int = Field(
        10_000,
        ge=16,
        le=50_000,
        description="Connections in all, or fewer where the process may not open so many files. Beyond it those are "
        "closed that have waited longest for their clients, those without a key first.",
    )
    waiting_limit: int = Field(
        4000,
        ge=8,
        le=50_000,
        description="Connections without a key that wait for their client's first request, and as many for its next: "
        "each more closes the one that has waited longest.",
    )
    waiting_limit_per_address: int = Field(
        2000, ge=4, le=50_000, description="The same, from one address (of IPv6, one /64)."
    )
    drain_delay: Seconds = Field(
        0.0,
        ge=0,
        le=600,
        description="Time to serve on before shutdown, but not ready, so that a load balancer notices.",
    )
    shutdown_timeout: Annotated[int, Unit("s")] = Field(
        30, ge=0, le=600, description="Time that requests under way have to end on shutdown; new ones are refused."
    )
    lease_minutes: Annotated[float, Unit("min")] = Field(
        10.0, gt=0, le=24 * 60, description="How long a reviewer holds a claimed item."
    )
    undo_seconds: Seconds = Field(60.0, ge=0, le=3600, description="How long a reviewer can undo a decision.")
    retention: str = Field(
        "",
        description="Days after which photos and personal fields are erased, by status, such as "
        "reviewed=365d,graded=180d,retake=30d; what is not named is kept.",
    )
    adapt: bool = Field(
        False,
        description="Whether each night the heads of all categories are fitted anew to what reviewers decided, and "
        "installed, not activated, as by `regrade adapt --all`.",
    )
    quiet_hours: str = Field(
        "01:00-05:00", description="When that begins, by the machine's clock; it may go on beyond."
    )
    shadow_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of items that a candidate in shadow looks at anew where its backbone is not the active "
        "one's; with the same backbone it judges all.",
    )
    canary_share: float = Field(
        0.2, ge=0, le=1, description="Share of stations, drawn by lot, that a candidate grades at before it takes over."
    )
    canary_stations: str = Field(
        "", description="The stations of a canary by name, commas between, in place of a share of all."
    )
    promotion: Literal["off", "propose", "canary"] = Field(
        "propose",
        description="What becomes of a candidate in shadow that is shown to be no worse: nothing, a proposal on the "
        "page of models, or that it grades at the canary's stations and, once shown there too, everywhere. Unless "
        "nothing, bundles that heads were adapted in go into shadow by themselves, where nothing else is on trial.",
    )
    auto_return: bool = Field(
        True,
        description="Whether the version before is activated again where blind looks show that an adapted bundle "
        "breaks a promise of the policy.",
    )
    webhook_networks: str = Field(
        "",
        description="Networks of one's own, commas between, to which webhooks may go beside public addresses, there "
        "also over plain HTTP, such as 10.20.0.0/16; by default none.",
    )
    seller_webhook_networks: str = Field(
        "",
        description="Networks of one's own, commas between, to which webhooks that sellers make may go beside public "
        "addresses; by default none: `webhook_networks` is for those of the site.",
    )
    event_days: Annotated[float, Unit("days")] = Field(
        90.0, ge=4, le=3650, description="How long events are kept, to be read and sent again."
    )
    log_level: Literal["critical", "error", "warning", "info", "debug"] = Field(
        "info", description="What is logged to standard error."
    )

    @field_validator("root_path")
    @classmethod
    def _rooted(cls, path: str) -> str:
        """Refuse what is no path such as /regrade, and what begins like a path of the service's own."""
        path = path.rstrip("/")
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])*", path):
            raise ValueError(f"{path!r} is no path. Write it as /regrade: letters, digits and . _ ~ - between slashes.")
        if path[1:].partition("/")[0] in OWN_PATHS:
            raise ValueError(f"{path!r} begins like a path of the service's own. Choose another, such as /regrade.")
        return path

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, url: str) -> str:
        """Refuse what is no http or https address of a host, and one with a path, which `root_path` is for."""
        url = url.rstrip("/")
        if url and not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", url):
            raise ValueError(f"{url!r} is no address of a host. Write https://grade.example.com, without a path.")
        return url.lower()

    @field_validator("photos_url")
    @classmethod
    def _a_bucket(cls, url: str) -> str:
        """Refuse what is no s3://bucket/prefix, and one with keys in it."""
        if url:
            parts_of(url)
        return url.rstrip("/")

    @field_validator("photos_endpoint")
    @classmethod
    def _a_host(cls, url: str) -> str:
        """Refuse what is no http or https address of a host."""
        return checked_endpoint(url)

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _few_proxies(cls, proxies: str) -> str:
        """Refuse what is no address or network, and everybody (0.0.0.0/0)."""
        for one in filter(None, (part.strip() for part in proxies.split(","))):
            try:
                network = ip_network(one)
            except ValueError as error:
                raise ValueError(f"{one!r} is no address or network. Write 10.0.0.5,10.1.0.0/16.") from error
            if network.prefixlen == 0:
                raise ValueError(f"{one} is everybody: any client could claim any address. Name the proxies alone.")
        return proxies

    @field_validator("webhook_networks", "seller_webhook_networks")
    @classmethod
    def _own_networks(cls, networks: str) -> str:
        """Refuse what is no network, and everybody's (0.0.0.0/0)."""
        for one in filter(None, (part.strip() for part in networks.split(","))):
            try:
                network = ip_network(one)
            except ValueError as error:
                raise ValueError(f"{one!r} is no address or network. Write 10.20.0.0/16,192.168.7.4.") from error
            if network.prefixlen == 0:
                raise ValueError(f"{one} is every address there is. Name your own networks alone.")
        return networks

    @field_validator("retention")
    @classmethod
    def _with_legal_rules(cls, retention: str) -> str:
        """Refuse what is no list of a status and its days, `status=Nd`."""
        parse_rules(retention)
        return retention

    @field_validator("quiet_hours")
    @classmethod
    def _two_times(cls, hours: str) -> str:
        """Refuse what are no two times of a day, `HH:MM-HH:MM`."""
        if not re.fullmatch(_HOURS, hours):
            raise ValueError(f"{hours!r} are no hours. Write two times of a day, such as 01:00-05:00.")
        return hours

    @model_validator(mode="after")
    def _refuse_nonsense(self) -> Self:
        """Refuse `max_body_bytes` below `max_photo_bytes`: one legal photo would not fit;
        `max_bytes_in_flight` below `max_body_bytes`: the largest legal request would never be accepted;
        `deadline` above `max_deadline`;
        `waiting_limit_per_address` above `waiting_limit`, or that above half of `connection_limit`;
        `data_dir` that is a file; `upload_budget` below `max_photo_bytes`;
        what speaks of a bucket without `photos_url`; a `photos_endpoint` over plain HTTP beyond this machine without
        `photos_plain_http`; `photos_timeout` above half of `deadline`.
        """
        if self.max_body_bytes < self.max_photo_bytes:
            raise ValueError(
                f"max_body_bytes ({self.max_body_bytes}) is below max_photo_bytes ({self.max_photo_bytes}): "
                "a single legal photo would be refused. Raise the first or lower the second."
            )
        if self.max_bytes_in_flight < self.max_body_bytes:
            raise ValueError(
                f"max_bytes_in_flight ({self.max_bytes_in_flight}) is below max_body_bytes "
                f"({self.max_body_bytes}): the largest legal request could never be accepted. "
                "Raise the first or lower the second."
            )
        if self.deadline > self.max_deadline:
            raise ValueError(
                f"deadline ({self.deadline:g}) is above max_deadline ({self.max_deadline:g}). "
                "Lower the first or raise the second."
            )
        if self.waiting_limit_per_address > self.waiting_limit or 2 * self.waiting_limit > self.connection_limit:
            raise ValueError(
                f"waiting_limit_per_address ({self.waiting_limit_per_address}) must be at most waiting_limit "
                f"({self.waiting_limit}), and that at most half of connection_limit ({self.connection_limit}): "
                "strangers would keep out who has a key. Lower the first two or raise the last."
            )
        if self.data_dir.exists() and not self.data_dir.is_dir():
            raise ValueError(f"data_dir ({self.data_dir}) is a file. Name a directory.")
        if self.upload_budget < self.max_photo_bytes:
            raise ValueError(
                f"upload_budget ({self.upload_budget}) is below max_photo_bytes ({self.max_photo_bytes}): "
                "a legal photo could never be sent ahead. Raise the first or lower the second."
            )
        self._refuse_half_a_bucket()
        return self

    def _refuse_half_a_bucket(self) -> None:
        if not self.photos_url:
            names = ("endpoint", "region", "virtual_host", "plain_http", "ca_file", "versions_days", "link_seconds")
            if told := [f"photos_{name}" for name in names if getattr(self, f"photos_{name}")]:
                raise ValueError(f"{', '.join(told)} without photos_url: name the bucket too, or leave them out.")
            return
        if is_plain(self.photos_endpoint) and not self.photos_plain_http:
            raise ValueError(
                f"photos_endpoint ({self.photos_endpoint}) is plain HTTP: whoever is on the way could read the photos. "
                "Use https, or, on a network that is yours alone, set photos_plain_http."
            )
        if 2 * self.photos_timeout > self.deadline:
            raise ValueError(
                f"photos_timeout ({self.photos_timeout:g}) is above half of deadline ({self.deadline:g}): an item "
                "could not be refused in time while the bucket is away. Lower the first or raise the second."
            )
        if self.photos_ca_file is not None and not self.photos_ca_file.is_file():
            raise ValueError(f"photos_ca_file ({self.photos_ca_file}) is no file. Name one with certificates (PEM).")

    @property
    def photos_bucket(self) -> Bucket | None:
        """The bucket that photos are kept in; None where they are files."""
        if not self.photos_url:
            return None
        name, prefix = parts_of(self.photos_url)
        place = self.photos_endpoint, self.photos_region, self.photos_virtual_host, self.photos_ca_file
        return Bucket(name, prefix, *place, self.photos_timeout, self.photos_versions_days)

    @property
    def bundle_store(self) -> "BundleStore":
        """The bundles: the site's own in the data directory, over those in `bundles_dir`."""
        # Here, as every command that is typed reads the settings' names.
        from regrade.models.registry.bundle import shipped_root
        from regrade.models.registry.store import site_store

        return site_store(self.data_dir, self.bundles_dir or shipped_root())

    @property
    def canary_names(self) -> frozenset[str]:
        """What `canary_stations` names."""
        return frozenset(filter(None, (name.strip() for name in self.canary_stations.split(","))))

    @property
    def outside_url(self) -> str:
        """How others reach the service: `public_url` and the path that a proxy serves it under; empty if not set."""
        return self.public_url.rstrip("/") + self.root_path if self.public_url else ""

    @property
    def own_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """What `webhook_networks` names."""
        return _networks(self.webhook_networks)

    @property
    def seller_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """What `seller_webhook_networks` names."""
        return _networks(self.seller_webhook_networks)

    @property
    def retention_rules(self) -> Rules:
        """What `retention` says."""
        return parse_rules(self.retention)

    @property
    def worker_count(self) -> int:
        """Threads that look at photos: `workers`, or the cores this process may use."""
        if self.workers:
            return self.workers
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1

    @property
    def window(self) -> int:
        """Items whose photos share the cores: `active_items`, or one more than workers.

        Enough that no core is idle while an item ends; each further one only makes all of them later.
        """
        return self.active_items or self.worker_count + 1

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database."""
        if self.database_url is not None:
            return self.database_url
        return f"sqlite:///{self.data_dir.absolute() / 'regrade.db'}"

    @property
    def database_file(self) -> Path | None:
        """The file of the database where it is SQLite, None where it is another."""
        if self.database_url is None:
            return self.data_dir.absolute() / "regrade.db"
        # Every command loads this module, and few need these.
        from sqlalchemy import make_url

        from regrade.serving.base.database_url import file_of

        return file_of(make_url(self.database_url))


def _networks(written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one.strip()) for one in written.split(",") if one.strip())


def as_files() -> dict[str, object]:
    """Settings by which photos are files, whatever the environment says: for a site that is only to be tried."""
    return {name: one.default for name, one in Settings.model_fields.items() if name.startswith("photos_")}


def load_settings(**given: object) -> Settings:
    """Settings from `given` (those that are not None), the environment and `.env`.

    Raises `SettingsError` that names each wrong setting, as an option and as a variable.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_url=False):
            name = ".".join(str(part) for part in problem["loc"])
            where = f"REGRADE_{name.upper()}: " if name else ""
            lines.append(f"{where}{problem['msg'].removeprefix('Value error, ')}")
        raise SettingsError("These settings are refused. " + "; ".join(lines)) from error
