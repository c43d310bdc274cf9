"""Files that are there wholly or not at all, however the machine goes down."""

import errno
import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4


def write_atomically(path: Path, data: bytes, *, private: bool = False) -> Path:
    """Write `data` to `path` through a file beside it, synced to disk with its folder; returns `path`.

    Folders that are missing are made. With `private`, they and the file are for their owner alone (0700, 0600).
    """
    make_folders(path.parent, private=private)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        if private:
            os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)
    return path


def make_folders(folder: Path, *, private: bool = False) -> None:
    """Make `folder` and those above it that are missing; each new name is synced to disk."""
    if folder.is_dir():
        return
    make_folders(folder.parent, private=private)
    folder.mkdir(mode=0o700 if private else 0o777, exist_ok=True)
    sync_folder(folder.parent)


def is_private(folder: Path) -> bool:
    """Whether nobody but its owner may look into `folder`."""
    return not folder.stat().st_mode & 0o077


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_private(path: Path, data: bytes) -> None:
    """Make the file `path`, for its owner's eyes alone, synced to disk; one that is there stays as it is.

    Of several processes that do so at once the first one's data stands, and all find it there afterwards.
    """
    fresh = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        # Unlike a rename, a link never takes the place of what another process has made in the meantime.
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    except OSError:
        # A file system without links.
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def append_line(path: Path, line: str, *, private: bool = False) -> None:
    """Append one line, synced to disk. A torn line of an earlier crash is ended first, so that it spoils no other.

    A file that is not there is made; with `private`, for its owner's eyes alone.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600 if private else 0o666)
    with os.fdopen(descriptor, "ab+") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write((line + "\n").encode())
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on `folder` (flock(2)), which other threads and processes mind; it ends with the process.

    On the folder itself, so that no file of ours lies in it, and `shared` among readers: neither is what `filelock`
    does, which has the locks on files. Raises OSError where the folder cannot be opened.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_together(folders: Collection[Path]) -> Iterator[None]:
    """Hold the lock that is `shared` among readers on each of the `folders`: in one order, so that two who hold several
    never wait for each other."""
    with ExitStack() as stack:
        for folder in sorted(set(folders)):
            stack.enter_context(locked(folder, shared=True))
        yield


def held_folder(parent: Path, mode: int) -> tuple[Path, int]:
    """A new folder in `parent` that is this process's, and a descriptor: until that is closed, or the process ends
    however it may, `remove_unheld` lets it alone, on every machine that has a local disk's or NFS's locks."""
    while True:
        folder = parent / uuid4().hex
        folder.mkdir(mode)
        with suppress(FileNotFoundError):  # somebody tidied up between its making and its lock
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder, descriptor
            os.close(descriptor)


def remove_unheld(folder: Path) -> int:
    """Remove a `held_folder` whose process has ended, with the files in it, and say how many these were: 0 where it
    is held, or gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        files = list(folder.iterdir())
        for file in files:
            file.unlink(missing_ok=True)
        folder.rmdir()
        return len(files)
    except (BlockingIOError, FileNotFoundError):
        return 0
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:  # NFS keeps a name of what is still being read
            raise
        return 0
    finally:
        os.close(descriptor)
