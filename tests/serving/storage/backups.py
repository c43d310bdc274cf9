"""What tests of backups and of restoring ask of a site and of a backup folder."""

from pathlib import Path

from regrade.serving.base.settings import Settings
from regrade.serving.inspections.verify import Report, verify_store
from regrade.serving.installation.backup.manifest import Manifest
from regrade.serving.installation.data_dir import open_database
from regrade.serving.storage.photostore import LocalPhotoStore
from tests.commands import run_command


def run(*arguments: object, code: int = 0) -> str:
    """What a command prints; its errors are raised."""
    return run_command(*arguments, code=code).output


def settings(data: Path) -> Settings:
    return Settings(_env_file=None, data_dir=data)


def verified(data: Path) -> Report:
    database = open_database(settings(data))
    try:
        return verify_store(database, LocalPhotoStore(data / "photos"))
    finally:
        database.close()


def newest(out: Path) -> Manifest:
    return Manifest.load(max((out / "snapshots").iterdir()))
