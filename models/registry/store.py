"""The bundles of a site: those that it installed or chose, over those that came with the release.

    DATA_DIR/bundles/                the site's own, the only folder that is written, for its owner alone
      toys/ACTIVE                    the version that the site chose; without it, the release's default grades
      toys/2026.11.1/                installed here, or copied here when it was chosen
    regrade/models/bundles/          the release's, only ever read; its ACTIVE files name the defaults

What a site chose is copied to it, so that no upgrade of the package can take it away; where it chose nothing, the
default of the release grades, and a newer release's after an upgrade. Several services may share one installation: each
has a data directory of its own. `registry` changes what is active.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from regrade.models.category.schema import Category, minimal
from regrade.models.errors import BundleError
from regrade.models.promise.held_out import HeldOut
from regrade.models.registry.bundle import (
    ACTIVE,
    MANIFEST,
    ROUTER,
    VERSION_NAME,
    Bundle,
    load_bundle,
    read_pointer,
    sealed_definition,
    sealed_held_out,
    shipped_root,
)

FOLDER = "bundles"
"""The folder of a site's own bundles, in its data directory."""


@dataclass(frozen=True, slots=True)
class BundleStore:
    """Bundles in up to two folders: `site`, which may be changed, over `base`, which is only read.

    With `site` alone it is a plain folder of bundles, such as a training run makes; with `base` alone nothing can be
    changed. Versions are looked up in both.
    """

    site: Path | None = None
    base: Path | None = None

    def chosen(self, category: str) -> str | None:
        """The version that the site chose, None where the default grades."""
        return None if self.site is None else read_pointer(self.site, category, ACTIVE)

    def default(self, category: str) -> str | None:
        """The version that grades where the site has not chosen, None where `base` has none."""
        return None if self.base is None else read_pointer(self.base, category, ACTIVE)

    def active(self, category: str) -> str:
        """The version that grades. Raises `BundleError` where there is none."""
        found = self.chosen(category) or self.default(category)
        if found is None:
            raise BundleError(f"Category {category} has no active bundle under {self}.")
        return found

    def active_versions(self) -> dict[str, str]:
        """Category → the version that grades, the router's too."""
        names = sorted({category for root in self._roots for category in _folders(root)})
        found = {name: self.chosen(name) or self.default(name) for name in names}
        return {name: version for name, version in found.items() if version is not None}

    def categories(self) -> tuple[str, ...]:
        """Sorted names of the categories with an active bundle, the router left out."""
        self._require_a_folder()
        return tuple(name for name in self.active_versions() if name != ROUTER)

    def names(self) -> tuple[tuple[str, str], ...]:
        """Category and version of every bundle there is, sorted; spoilt ones too."""
        return tuple(sorted({pair for root in self._roots for pair in _bundles(root)}))

    def versions(self, category: str) -> tuple[str, ...]:
        """Versions of `category`, oldest first by name."""
        return tuple(version for name, version in self.names() if name == category)

    def has_own(self, category: str, version: str) -> bool:
        """Whether the site has this bundle, and not only the release."""
        return self.site is not None and _manifest(self.site, category, version) is not None

    def clashes(self, category: str, version: str) -> bool:
        """Whether site and release each have a bundle of this name, and they are not the same one."""
        manifests = [_manifest(root, category, version) for root in self._roots]
        return len(manifests) == 2 and None not in manifests and manifests[0] != manifests[1]

    def root_of(self, category: str, version: str) -> Path:
        """The folder that a bundle is to be loaded from. Raises `BundleError` where there is none, or two that differ.

        What grades is never in doubt: a choice means the site's own, a default the release's.
        """
        there = [root for root in self._roots if _manifest(root, category, version) is not None]
        if not there:
            raise BundleError(self._missing(category, version))
        chosen = self.chosen(category)
        if version == chosen:
            return there[0]
        if chosen is None and version == self.default(category):
            return there[-1]
        if self.clashes(category, version):
            raise BundleError(self.clash(category, version))
        return there[0]

    def load(self, category: str, version: str | None = None) -> Bundle:
        """Read and check one bundle, the active one unless `version` is given. Raises `BundleError`."""
        self._require_a_folder()
        version = version or self.active(category)
        return load_bundle(self.root_of(category, version), category, version)

    def definition(self, category: str, version: str) -> Category:
        """What is known of the category of a bundle: what it was sealed with.

        One of an older format was sealed with nothing: the release's default of the category speaks for it, where it
        grades the same conditions, else the little that its own manifest says. Raises `BundleError`.
        """
        root = self.root_of(category, version)
        sealed = sealed_definition(root, category, version)
        if sealed is not None:
            return sealed
        bundle = load_bundle(root, category, version)
        default = self.default(category)
        if default is not None and self.base is not None:
            lent = sealed_definition(self.base, category, default)
            if lent is not None and lent.condition_names == bundle.labels:
                return lent
        return minimal(category, bundle.labels, {d.name: d.severity for d in bundle.defects})

    def definitions(self, versions: Mapping[str, str] | None = None) -> dict[str, Category]:
        """What is known of every category that grades, or of those of `versions`; the router is none."""
        asked = self.active_versions() if versions is None else versions
        return {name: self.definition(name, version) for name, version in sorted(asked.items()) if name != ROUTER}

    def held_out(self, versions: Mapping[str, str] | None = None) -> dict[str, HeldOut]:
        """The tables that promises rest on, of every category that grades, or of those of `versions`, as far as bundles
        have one. Raises `BundleError`."""
        asked = self.active_versions() if versions is None else versions
        found = {
            name: sealed_held_out(self.root_of(name, version), name, version)
            for name, version in sorted(asked.items())
            if name != ROUTER
        }
        return {name: table for name, table in found.items() if table is not None}

    def clash(self, category: str, version: str) -> str:
        """In words: that two different bundles have one name, and what to do."""
        return (
            f"Two different bundles are called {category}/{version}: one under {self.site}, one that came with the "
            f"release under {self.base}. Activate a version of another name. To get this one of the release, remove "
            f"{self._own(category, version)}; to keep the site's, train or install it under another version."
        )

    def __str__(self) -> str:
        return " or ".join(str(root) for root in self._roots)

    @property
    def _roots(self) -> tuple[Path, ...]:
        return tuple(root for root in (self.site, self.base) if root is not None)

    def _own(self, category: str, version: str) -> Path:
        assert self.site is not None  # only a store of two folders has clashes
        return self.site / category / version

    def _require_a_folder(self) -> None:
        if not any(root.is_dir() for root in self._roots):
            raise BundleError(f"{self} is not a folder of bundles. Train one with `regrade train all`.")

    def _missing(self, category: str, version: str) -> str:
        versions = ", ".join(self.versions(category)) or "none"
        if version != self.chosen(category):
            return f"Category {category} has no version {version}; it has {versions}."
        reset = f", or grade with the release's default by `regrade models reset {category}`"
        return (
            f"This site chose {category} {version}, which is nowhere under {self} any more; there are: {versions}. "
            f"Restore it, or choose another by `regrade models activate {category} VERSION`"
            f"{reset if self.default(category) else ''}."
        )


def is_shipped(root: Path | None) -> bool:
    """Whether `root` is the folder of the bundles that came with the package, or lies in it."""
    return root is not None and root.resolve().is_relative_to(shipped_root().resolve())


def store_of(where: Path | BundleStore | None) -> BundleStore:
    """`where` as a store: a plain folder of bundles, or, for None, the bundles that come with the package."""
    if where is None:
        return BundleStore(base=shipped_root())
    return BundleStore(site=where) if isinstance(where, Path) else where


def site_store(data_dir: Path | None = None, bundles: Path | None = None) -> BundleStore:
    """The bundles of the service on `data_dir`, over those in `bundles`.

    By default both are what the service goes by: REGRADE_DATA_DIR, else `data` in the working directory;
    REGRADE_BUNDLES_DIR, else the bundles that come with the package.
    """
    data = data_dir or Path(os.environ.get("REGRADE_DATA_DIR", "data"))
    named = os.environ.get("REGRADE_BUNDLES_DIR")
    return BundleStore(site=data / FOLDER, base=bundles or (shipped_root() if named is None else Path(named)))


def named_store(data_dir: Path | None = None, bundles: Path | None = None) -> BundleStore:
    """What a command line means: `bundles` alone is that folder as it is; everything else is a site's."""
    if bundles is not None and data_dir is None:
        return BundleStore(site=bundles)
    return site_store(data_dir, bundles)


def _folders(root: Path) -> Iterator[str]:
    try:
        yield from (entry.name for entry in os.scandir(root) if entry.is_dir() and entry.name != "_shared")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise BundleError(f"{root} cannot be read ({error}). Are you the user that the service runs as?") from error


def _bundles(root: Path) -> Iterator[tuple[str, str]]:
    for category in _folders(root):
        for path in (root / category).glob("*/manifest.json"):
            if VERSION_NAME.fullmatch(path.parent.name):
                yield category, path.parent.name


def _manifest(root: Path, category: str, version: str) -> bytes | None:
    """What tells a bundle from another one: it holds the hashes of all its files."""
    try:
        return (root / category / version / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BundleError(f"{root / category / version} cannot be read ({error}).") from error
