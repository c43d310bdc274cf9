"""What a warehouse is deployed with names only what there is: metrics, paths, files, settings, commands."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from regrade.serving.base.settings import Settings
from regrade.serving.cli.main import build_app

PROJECT = Path(__file__).parents[1]
DEPLOY = PROJECT / "deploy"
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "regrade.json").read_text(encoding="utf-8"))
UNIT = (DEPLOY / "systemd" / "regrade.service").read_text(encoding="utf-8")
PAGE = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")


def instructions(name: str) -> list[str]:
    """The arguments of each instruction of that name in the Dockerfile's last stage."""
    last = DOCKERFILE.replace("\\\n", " ").rpartition("\nFROM ")[2]
    return re.findall(rf"^{name} (.+)$", last, flags=re.MULTILINE)


def test_panels_of_the_dashboard_do_not_lie_on_one_another() -> None:
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert len({one["id"] for one in DASHBOARD["panels"]}) == len(places)


def test_the_image_runs_as_a_user_of_its_own_without_torch() -> None:
    assert [user.split(":")[0].isdecimal() and user != "0:0" for user in instructions("USER")] == [True]
    assert "[train]" not in DOCKERFILE
    assert not re.search(r"\btorch\b(?!, as)", DOCKERFILE.replace("without torch", ""))
    assert "-c constraints.txt" in DOCKERFILE


def test_the_health_check_asks_for_a_path_that_there_is() -> None:
    from regrade.serving.http.routes.api import health

    (path,) = re.findall(r"http://127\.0\.0\.1:8080(/[\w/]+)", " ".join(instructions("HEALTHCHECK")) + DOCKERFILE)[:1]
    assert path in {getattr(route, "path", None) for route in health.router.routes}


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    allowed = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, flags=re.MULTILINE):
        for source in line.split()[:-1]:
            assert (PROJECT / source).exists()
            assert f"!{source}" in allowed


@pytest.mark.parametrize("text", [DOCKERFILE, UNIT, json.dumps(COMPOSE)], ids=["Dockerfile", "unit", "compose"])
def test_every_setting_that_is_named_exists(text: str) -> None:
    of_others = {"site", "backups"}  # Caddy's, and the folder that compose mounts
    ours = {name.lower() for name in re.findall(r"REGRADE_([A-Z_]+)", text)} - of_others
    assert ours - {"shutdown_timeout"} <= set(Settings.model_fields)


def test_services_of_compose_gain_no_rights_and_ours_writes_nowhere_but_in_its_volume() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service
    ours = COMPOSE["services"]["regrade"]
    assert (ours["read_only"], ours["cap_drop"], ours["volumes"]) == (True, ["ALL"], ["data:/data"])
    assert "ports" not in ours, "only Caddy speaks to the network, by TLS"
    backup = COMPOSE["services"]["backup"]
    assert (backup["read_only"], backup["cap_drop"], backup["image"]) == (True, ["ALL"], ours["image"])
    assert set(backup["environment"].items()) <= set(ours["environment"].items()), "it would copy another database"


def test_files_that_compose_mounts_are_there() -> None:
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", ()):
            source = re.sub(r"^\$\{\w+:-(.+)\}:.*", r"\1", volume).split(":")[0]
            if source == "/mnt/backups":
                continue  # of the machine, as the page tells to make it
            assert source in COMPOSE["volumes"] or (PROJECT / source).exists(), f"{name}: {source}"
    secret = COMPOSE["secrets"]["metrics_key"]["file"]
    assert secret.removeprefix(".") in (PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_service_is_given_longer_to_end_than_it_takes() -> None:
    longest = Settings.model_fields["shutdown_timeout"].default
    assert int(COMPOSE["services"]["regrade"]["stop_grace_period"].removesuffix("s")) > longest
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, flags=re.MULTILINE)[0]) > longest


def test_systemd_finds_nothing_wrong_with_the_unit_and_little_exposed(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "regrade.service"
    unit.write_text(UNIT.replace("/opt/regrade/bin/regrade", "/bin/true"), encoding="utf-8")
    found = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    command = [analyze, "security", "--offline=true", "--threshold=20", str(unit)]
    exposed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert exposed.returncode == 0, exposed.stdout[-300:]


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, child in getattr(group, "commands", {}).items():
        yield from commands(child, (*path, name))


def test_every_command_and_file_of_the_page_exists() -> None:
    known = set(commands(typer.main.get_command(build_app())))
    code = "\n".join(a or b for a, b in re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", PAGE, flags=re.DOTALL))
    for words in re.findall(r"(?<![\w/.-])(?<!--namespace )regrade ((?:[a-z]+)(?: [a-z]+)?)", code):
        first, *rest = words.split()
        assert (first,) in known or first == "regrade" or (first, *rest) in known, words
    for file in re.findall(r"(?<![\w/.])deploy/[\w/.-]+\w(?![\w/*])", PAGE):
        assert (PROJECT / file).exists() or file.endswith("metrics.key"), file
