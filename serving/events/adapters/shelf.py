"""The adapters of an installation: its own in `adapters/` of its data directory, over those that ship with it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from regrade.models.types import DEFECT_TYPES
from regrade.serving.access.photo_links import PhotoLinks
from regrade.serving.base.errors import AdapterError
from regrade.serving.events.adapters.calls import Request, requests
from regrade.serving.events.adapters.read import read_file
from regrade.serving.events.adapters.schema import AdapterFile, Secret

SHIPPED: Final = Path(__file__).resolve().parents[2] / "adapters"
FOLDER: Final = "adapters"


class Shelf:
    """Finds adapters by name. `address` is how others reach the service, for links to photos; `defects` says which
    types there are. Methods block on the disk and raise `AdapterError`."""

    def __init__(
        self, data_dir: Path, links: PhotoLinks, address: str, defects: Callable[[], Collection[str]] = lambda: ()
    ) -> None:
        self._data_dir, self._links, self._address, self._defects = data_dir, links, address.rstrip("/"), defects
        self._read: dict[tuple[Path, int, int], AdapterFile] = {}

    def names(self) -> list[str]:
        """All that there are."""
        folders = (SHIPPED, self._data_dir / FOLDER)
        return sorted({file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.yaml")})

    def file(self, name: str) -> Path:
        """Where the adapter `name` stands."""
        if name not in (known := self.names()):
            raise AdapterError(f"There is no adapter {name!r}. There are: {', '.join(known)}.")
        own = self._data_dir / FOLDER / f"{name}.yaml"
        return own if own.is_file() else SHIPPED / own.name

    def get(self, name: str) -> AdapterFile:
        """The adapter as it stands now."""
        file = self.file(name)
        stat = file.stat()
        key = (file, stat.st_mtime_ns, stat.st_size)
        if key not in self._read:
            self._read = {key: read_file(file, {*DEFECT_TYPES, *self._defects()})}
        return self._read[key]

    def usable(self, name: str) -> AdapterFile:
        """The same, once its secrets and what its links need are there."""
        adapter = self.get(name)
        self.headers(adapter)
        if '"$photos"' in adapter.model_dump_json() and not self._address.startswith("https://"):
            raise AdapterError(
                f"The adapter {name} sends links to photos, which others must be able to open. Set public_url "
                "(REGRADE_PUBLIC_URL) to the HTTPS address by which this service is reached from outside."
            )
        return adapter

    def headers(self, adapter: AdapterFile) -> dict[str, str]:
        """What each call is sent with, secrets filled in."""
        return {
            name: self._secret(value.secret) if isinstance(value, Secret) else value
            for name, value in adapter.headers.items()
        }

    def requests(self, adapter: AdapterFile, items: Sequence[Mapping[str, Any]]) -> Iterator[Request]:
        """See `calls.requests`; links are good from now on."""
        now, life = datetime.now(UTC), timedelta(days=adapter.link_days)
        return requests(adapter, items, lambda item, index: self._address + self._links.link(item, index, now, life))

    def _secret(self, name: str) -> str:
        file = self._data_dir / "keys" / f"{name}.secret"
        try:
            found = file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            found = ""
        if not found or not found.isprintable():
            raise AdapterError(f"The adapter's secret is missing. Put the receiver's API key, one line, into {file}.")
        return found
