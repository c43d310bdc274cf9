"""`regrade plan` on this machine, for small photos and about a second; nothing here depends on how fast it is."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner, Result

from regrade.models.errors import RegradeError, UnknownCategoryError
from regrade.models.registry import changes as registry
from regrade.models.registry.activations import LOG_NAME
from regrade.models.registry.bundle import active_version, load_bundle
from regrade.serving.base.errors import DataDirError
from regrade.serving.base.settings import Settings
from regrade.serving.cli.main import build_app
from regrade.serving.planning.capacity import LoadError
from regrade.serving.planning.document import PlanOut
from regrade.serving.planning.enlarge import camera_photo
from regrade.serving.planning.measure import MeasureError, cpu_quota, temporary_directory
from regrade.serving.planning.service_process import ServiceProcess, ServiceProcessError
from regrade.serving.planning.table import print_plan, verdict

SMALL = ("--photos", 2, "--megapixels", 0.5, "--seconds", 1)

# One worker measures for all of them.
pytestmark = [pytest.mark.xdist_group("cli-plan"), pytest.mark.slow]


@pytest.fixture(scope="module", autouse=True)
def _wide() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "250")
        yield


def invoke(*arguments: object) -> Result:
    """The finished command; its errors are raised."""
    result = CliRunner().invoke(build_app(), ["plan", *(str(one) for one in arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plan")


@pytest.fixture(scope="module")
def light(folder: Path) -> dict[str, Any]:
    """The plan for a load that any machine carries, made beside an installation with a database of its own."""
    (folder / "data").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGRADE_DATABASE_URL", f"sqlite:///{folder / 'theirs.db'}")
        result = invoke(
            "--items-per-day", 100, *SMALL, "--hours", 10, "--peak", 3, "--p99-ms", 60_000, "--json",
            "--data-dir", folder / "data",
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


@pytest.fixture
def told(light: dict[str, Any]) -> PlanOut:
    return PlanOut.model_validate(light)


def test_nothing_stays_and_no_other_database_is_touched(light: dict[str, Any], folder: Path) -> None:
    assert light["suffices"]
    assert list((folder / "data").iterdir()) == []
    assert not (folder / "theirs.db").exists()


def test_utilisation_is_rate_times_cost_over_cores(told: PlanOut) -> None:
    busy = told.load.peak_photos_per_s * told.measured.photo_core_ms / 1000 / told.measured.cores
    assert told.this_machine.utilisation == pytest.approx(busy, rel=0.01)
    assert told.load.peak_photos_per_s == pytest.approx(100 * 3 / 36_000 * 2, rel=0.01)


def test_a_light_load_needs_one_core_and_one_replica(told: PlanOut) -> None:
    assert (told.need.cores, told.need.replicas, told.need.replicas_with_one_spare) == (1, 1, 2)
    assert told.this_machine.headroom > 1
    assert told.this_machine.most_items_per_day == pytest.approx(100 * told.this_machine.headroom, rel=0.01)


def test_what_was_measured_adds_up(told: PlanOut) -> None:
    found = told.measured
    assert 0 < found.look_ms_p50 <= found.look_ms_p95
    assert found.photos_looked_at >= 3 * found.cores
    assert 0 <= found.other_share < 1
    assert 0 < found.look_on_core <= 1
    assert found.photos_per_s > 0
    assert told.this_machine.p50_ms is not None
    assert told.this_machine.p50_ms >= found.item_wait_ms


def test_disk_and_network_follow_from_the_photos(told: PlanOut) -> None:
    item_mb = 2 * told.storage.photo_mb
    assert told.storage.gb_per_day * 1000 == pytest.approx(100 * item_mb, rel=0.2)
    assert told.storage.gb_per_day * 1000 > 100 * item_mb, "the row and its index take room too"
    assert told.storage.network_in_peak_mbit_s == pytest.approx(3 * told.storage.network_in_average_mbit_s, rel=0.01)
    assert told.storage.network_in_average_mbit_s * 36_000 / 8 == pytest.approx(100 * item_mb, rel=0.05)


def test_a_load_beyond_the_machine_exits_with_1_and_says_what_it_takes(tmp_path: Path) -> None:
    result = invoke("--items-per-day", 1e8, *SMALL, "--p99-ms", 60_000, "--data-dir", tmp_path / "data")
    assert result.exit_code == 1
    assert "This machine alone does not suffice. It takes " in result.stdout
    assert "the queue grows for the whole hour" in result.stdout
    assert "100,000,000 items a day × 2 photos of 0.5 megapixels in 10 h" in result.stdout
    assert "Each replica has its own data directory" in result.stdout
    assert not (tmp_path / "data").exists()


def test_a_time_that_no_machine_reaches_is_said_to_be_out_of_reach(told: PlanOut) -> None:
    need = told.need.model_copy(update={"cores": None, "replicas": None})
    words = verdict(told.model_copy(update={"suffices": False, "need": need}))
    assert words.startswith("No number of cores answers 99 of 100 items within 60000 ms")
    assert f"{told.need.fastest_p99_ms:.0f} ms" in words


def test_the_table_tells_a_lone_machine_that_it_is_alone(told: PlanOut) -> None:
    file = io.StringIO()
    print_plan(Console(file=file, width=250), told)
    words = file.getvalue()
    assert words.startswith("This machine suffices, with ")
    assert "nothing is graded until it is back" in words
    assert "2 replicas stay within the targets when one fails" in words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--hours", 0), "hours must be above 0"),
        (("--hours", 30), "24 hours"),
        (("--photos", 0), "photos must be above 0"),
        (("--photos", 13), "at most 12 photos, not 13"),
        (("--megapixels", 0), "megapixels"),
        (("--megapixels", "nan"), "megapixels"),
        (("--megapixels", 51), "at most 50 megapixels"),
        (("--peak", 0.5), "at least 1"),
        (("--peak", 11), "more than the whole day"),
        (("--p99-ms", 0), "above 0 ms"),
        (("--utilisation", 1), "between 0 and 1"),
        (("--seconds", 0), "--seconds"),
    ],
)
def test_nonsense_is_refused_before_anything_is_measured(arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(LoadError, match=said):
        invoke("--items-per-day", 1000, *arguments)


@pytest.mark.parametrize("items", [0, -3, "nan", "inf"])
def test_a_day_needs_items(items: object) -> None:
    with pytest.raises(LoadError, match="items must be above 0"):
        invoke("--items-per-day", items)


@pytest.mark.parametrize("arguments", [(), ("--items-per-day", "many"), ("--items-per-day", 5, "--photos", 1.5)])
def test_wrong_usage_exits_with_2(arguments: tuple[object, ...]) -> None:
    assert invoke(*arguments).exit_code == 2


def test_an_unknown_category_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownCategoryError, match="fruit"):
        invoke("--items-per-day", 5, *SMALL, "--category", "fruit", "--data-dir", tmp_path)


def test_photos_too_small_to_be_graded_are_not_measured(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="too_small"):
        invoke("--items-per-day", 5, "--megapixels", 0.01, "--seconds", 1, "--data-dir", tmp_path)


def test_a_camera_photo_has_the_size_and_weight_that_a_phones_has() -> None:
    data = camera_photo(1, 3)
    with Image.open(io.BytesIO(data)) as photo:
        assert photo.width * photo.height == pytest.approx(3e6, rel=0.01)
        assert np.asarray(photo).std() > 10
    assert 0.25 < len(data) / 3e6 < 0.36


def test_the_measuring_directory_is_on_the_disk_of_the_data(tmp_path: Path) -> None:
    with temporary_directory(tmp_path / "not" / "yet") as there:
        assert Path(there).parent == tmp_path
    (tmp_path / "data").mkdir()
    with temporary_directory(tmp_path / "data") as there:
        assert Path(there).parent == tmp_path / "data"


def test_a_directory_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrade.serving.planning.measure.FREE_BYTES", 0)
    with pytest.raises(DataDirError, match="/proc"):
        temporary_directory(Path("/proc/none"))


def test_a_full_disk_is_not_measured_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrade.serving.planning.measure.FREE_BYTES", 2**70)
    with pytest.raises(MeasureError, match="are free at"):
        temporary_directory(tmp_path)


@pytest.mark.parametrize(("text", "cores"), [("150000 100000\n", 1.5), ("max 100000\n", None), ("odd", None)])
def test_the_quota_of_a_container_is_read(tmp_path: Path, text: str, cores: float | None) -> None:
    assert cpu_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path) == cores


def test_a_service_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_BUNDLES_DIR", str(tmp_path / "none"))
    service = ServiceProcess(Settings(_env_file=None, data_dir=tmp_path), tmp_path, None)
    with pytest.raises(ServiceProcessError, match="ended before it was ready"):
        service.__enter__()


def test_a_service_is_measured_with_what_the_site_chose(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "site")
    registry.activate(settings.bundle_store, "packaging", "2026.11.1")
    ServiceProcess(settings, tmp_path / "measured", None)
    assert active_version(tmp_path / "measured" / "bundles", "packaging") == "2026.11.1"
    assert load_bundle(tmp_path / "measured" / "bundles", "packaging").version == "2026.11.1"
    assert not (tmp_path / "measured" / "bundles" / LOG_NAME).exists()


def test_a_photo_that_is_none_ends_the_measurement(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    with ServiceProcess(settings, tmp_path, None) as service, pytest.raises(RegradeError, match="refused with 4"):
        service.post([b"\xff\xd8 no photo"])
