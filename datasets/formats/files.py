"""Files of a dataset from elsewhere: found below its folder and never outside it, whatever its annotations say."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import quote, unquote

from pydantic import TypeAdapter, ValidationError

from regrade.datasets.manifest import SPLITS
from regrade.datasets.validation import dataset_error
from regrade.models.errors import DatasetError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff")
_SPLIT_NAMES = {
    **{name: name for name in SPLITS},
    "training": "train",
    "valid": "val",
    "validation": "val",
    "testing": "test",
}
_UNSAFE = re.compile(r'[/\\:*?"<>|%\x00-\x1f\x7f]|^\.')
_ROBOFLOW = re.compile(r"^(?P<name>.+)_(?:jpe?g|png|webp|bmp)\.rf\.[0-9a-zA-Z]+$", re.IGNORECASE)

T = TypeVar("T")


def split_of(name: str) -> str | None:
    """The split that a folder or column means: `valid` and `validation` are `val`; None where it means none."""
    return _SPLIT_NAMES.get(name.strip().lower())


def file_name(text: str) -> str:
    """`text` as a file name: what some file system would refuse becomes %XX, so that no two texts meet."""
    return _UNSAFE.sub(lambda match: quote(match[0], safe="").replace(".", "%2E"), text)


def original_text(name: str) -> str:
    """The text that `file_name` made `name` of."""
    return unquote(name)


def roboflow_original(stem: str) -> str | None:
    """The photo that Roboflow made this copy of (`shoe_jpg.rf.1f3a`), by name; None where it is no such copy.

    An export holds several augmented copies of a photo: they are one photo, and must stay in one split.
    """
    match = _ROBOFLOW.match(stem)
    return match["name"] if match else None


def is_photo(path: Path) -> bool:
    """Whether the name is that of a photo, and of none that a file manager left behind (`._x.jpg`)."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def walk(folder: Path) -> Iterator[Path]:
    """Files below `folder`, sorted, hidden ones and their folders left out."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__MACOSX":
            continue
        if path.is_dir():
            yield from walk(path)
        else:
            yield path


class SourceFolder:
    """The folder that an import reads. Nothing outside it is ever opened on behalf of an annotation."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise DatasetError(f"{path}: no such file or folder to import")
        self.given = path
        self.path = path if path.is_dir() else path.parent
        self._real = self.path.resolve()

    def find(self, name: str, where: str, places: Iterable[Path]) -> Path:
        """The photo called `name` in the first of `places` that has it.

        Raises `DatasetError` for an absolute name, for one that leads out of the folder, and for none found.
        """
        relative = PurePosixPath(name.replace("\\", "/"))
        if not name.strip() or relative.is_absolute() or re.match(r"^[A-Za-z]:", name):
            raise DatasetError(f"{where}: photo '{name}': give a path relative to the dataset's folder")
        tried = list(dict.fromkeys(places))
        for place in tried:
            for spelling in _spellings(relative):
                path = place / spelling
                inside = self.inside(path)
                if ".." in relative.parts and not inside:
                    raise DatasetError(f"{where}: photo '{name}': leads out of {self.path}; nothing there is read")
                if path.is_file():
                    if not inside:
                        raise DatasetError(f"{where}: photo '{name}': a link out of {self.path}; copy the photo there")
                    return path
        looked = ", ".join(str(place) for place in tried)
        raise DatasetError(f"{where}: photo '{name}': no such file; looked in {looked}")

    def inside(self, path: Path) -> bool:
        """Whether `path`, links followed, lies in the folder."""
        return path.resolve().is_relative_to(self._real)


def _spellings(path: PurePosixPath) -> Iterable[str]:
    # macOS writes é as e + accent, JSON from elsewhere as one character; they are one name to a person.
    return dict.fromkeys((str(path), *(unicodedata.normalize(form, str(path)) for form in ("NFC", "NFD"))))


def read_json(path: Path, adapter: TypeAdapter[T]) -> T:
    """The document in `path`. Raises `DatasetError` with the line of broken JSON, or the field that is wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return adapter.validate_json(data.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise dataset_error(str(path), error) from None


def read_text(path: Path) -> str:
    """A UTF-8 text, a byte order mark left out. Raises `DatasetError` where it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
