"""Keys of a profile in AWS's own file, which the library for S3 does not read.

Keys in the environment, web identities, and roles of containers and machines it finds by itself.
"""

import configparser
import os
from pathlib import Path

from regrade.serving.base.errors import BucketError


def profile_keys() -> dict[str, str]:
    """The keys of the profile that AWS_PROFILE names, else of the one called default; empty where the environment has
    keys or a web identity, or where there is no such file.

    Raises `BucketError` for a profile that was named and has no keys.
    """
    named = os.environ.get("AWS_PROFILE", "")
    if not named and any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE")):
        return {}
    file = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws" / "credentials")
    found = configparser.ConfigParser(interpolation=None)
    try:
        found.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        # What is wrong with it is not said: the line may hold a secret.
        raise BucketError(f"{file} is no file of AWS profiles.") from None
    section = named or "default"
    keys = dict(found[section]) if found.has_section(section) else {}
    if "aws_access_key_id" not in keys or "aws_secret_access_key" not in keys:
        if named:
            raise BucketError(f"The profile {named} (AWS_PROFILE) has no keys in {file}.")
        return {}
    own = {"access_key_id": keys["aws_access_key_id"], "secret_access_key": keys["aws_secret_access_key"]}
    return own | ({"session_token": keys["aws_session_token"]} if "aws_session_token" in keys else {})
