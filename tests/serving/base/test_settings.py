import os
from pathlib import Path

import pytest

from regrade.models.registry.store import BundleStore, site_store
from regrade.serving.base.errors import SettingsError
from regrade.serving.base.settings import Settings, load_settings
from regrade.serving.cli.main import read_dotenv


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_environment_sets_what_the_command_line_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_PORT", "9000")
    assert load_settings().port == 9000
    assert load_settings(port=9001).port == 9001
    assert load_settings(port=None).port == 9000


def test_a_dotenv_file_is_read_and_may_hold_others_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REGRADE_LEASE_MINUTES=3\nPOSTGRES_PASSWORD=x\n")
    assert load_settings().lease_minutes == 3


def test_a_dotenv_file_counts_for_the_commands_of_every_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("REGRADE_DATA_DIR=warehouse\nREGRADE_BUNDLES_DIR=central\nPOSTGRES_PASSWORD=x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGRADE_DATA_DIR", "given")
    monkeypatch.setenv("REGRADE_BUNDLES_DIR", "")  # so that what is set is taken away again
    monkeypatch.delenv("REGRADE_BUNDLES_DIR")
    read_dotenv()
    assert site_store() == BundleStore(Path("given/bundles"), Path("central"))
    assert "POSTGRES_PASSWORD" not in os.environ


def test_settings_that_cannot_be_read_are_not_passed_over() -> None:
    Path(".env").write_bytes(b"REGRADE_DATA_DIR=\xff\xfe")
    with pytest.raises(SettingsError, match=r"\.env, which cannot be read: it is not UTF-8 text"):
        read_dotenv()


def test_a_folder_that_may_not_be_looked_into_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(SettingsError, match=r"which cannot be read: Permission denied\. Make it readable"):
        read_dotenv()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 70_000),
        ("workers", -1),
        ("max_photos", 0),
        ("queue_limit", 0),
        ("deadline", 0),
        ("max_deadline", 601),
        ("active_items", -1),
        ("drain_delay", -1),
        ("body_timeout", 0),
        ("head_timeout", 0),
        ("keep_alive", -1),
        ("anonymous_body_timeout", 600),
        ("anonymous_body_bytes", 10**9),
        ("least_speed", 0),
        ("least_speed", 10**6),
        ("speed_window", 0),
        ("answer_timeout", 0),
        ("connection_limit", 1),
        ("photo_seconds", 0),
        ("lease_minutes", -1),
        ("precision", "int4"),
        ("root_path", "regrade"),
        ("root_path", "/a b"),
        ("root_path", "//evil.example"),
        ("root_path", "/a/../b"),
        ("root_path", "/desk"),
        ("root_path", "/v1/regrade"),
        ("forwarded_allow_ips", "*"),
        ("forwarded_allow_ips", "0.0.0.0/0"),
        ("forwarded_allow_ips", "10.0.0.1/8"),
        ("forwarded_allow_ips", "proxy"),
        ("log_level", "loud"),
    ],
)
def test_a_nonsensical_setting_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"REGRADE_{name.upper()}"):
        load_settings(**{name: value})


def test_the_path_and_the_proxies_in_front_are_taken_as_they_are_written() -> None:
    settings = load_settings(root_path="/apps/regrade/", forwarded_allow_ips="10.0.0.5, fd00::/8")
    assert (settings.root_path, settings.forwarded_allow_ips) == ("/apps/regrade", "10.0.0.5, fd00::/8")
    assert load_settings(root_path="/", forwarded_allow_ips="").root_path == ""


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="max_body_bytes"):
        load_settings(max_body_bytes=5000, max_photo_bytes=6000)
    with pytest.raises(SettingsError, match="max_bytes_in_flight"):
        load_settings(max_bytes_in_flight=5000)
    with pytest.raises(SettingsError, match="max_deadline"):
        load_settings(deadline=90, max_deadline=60)


def test_connections_that_would_crowd_out_stations_are_refused() -> None:
    with pytest.raises(SettingsError, match="waiting_limit"):
        load_settings(connection_limit=1000)
    with pytest.raises(SettingsError, match="waiting_limit_per_address"):
        load_settings(waiting_limit_per_address=5000)


def test_bad_wifi_is_fast_enough_for_a_photo() -> None:
    settings, bytes_a_second = load_settings(), 0.2e6 / 8
    assert settings.body_timeout * bytes_a_second > 3 * 1024 * 1024
    assert settings.least_speed < bytes_a_second / 10  # pauses included


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="is a file"):
        load_settings(data_dir=tmp_path / "file")


def test_nothing_turns_authentication_off() -> None:
    assert not [name for name in Settings.model_fields if "auth" in name or "key" in name]


def test_settings_do_not_change() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, "port", 1)  # noqa: B010  a type checker refuses the plain form
