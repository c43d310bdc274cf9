"""Folders that are there wholly or not at all, whatever kills the process."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regrade.models.errors import DatasetError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to fill, which takes the name `out` when the block ends well and vanishes when it does not.

    It is made beside `out`, so that taking the name is one rename; a killed process leaves at most a hidden
    `.NAME.*.partial` behind. Raises `DatasetError` where `out` holds something already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out}: exists already; name a new folder with --out, or remove this one")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    try:
        # mkdtemp makes folders that nobody else may read; a dataset is shared like any other folder.
        partial.chmod(0o755)
        yield partial
        partial.rename(out)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise DatasetError(f"{out}: not written: {error}") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
