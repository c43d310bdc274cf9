"""The description of the API is true: schemathesis makes requests of it, and holds every answer against it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
PROBLEM = "application/problem+json"


def schemathesis(service: Any, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Its checks and phases on every operation, as an admin; `folder` takes what it would leave behind.

    `schemathesis.toml` says what goes against what is promised here, and why.
    """
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HOOKS.with_name("schemathesis.toml"))]
    command = [*program, "run", f"{service.url}/openapi.json", "--checks", "all"]
    checks = ["--exclude-checks", "use_after_free"]  # see schemathesis.toml
    fixed = ["--generation-database", "none", "--no-color"]
    key = ["--header", f"Authorization: {service.client.headers['authorization']}"]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": str(HOOKS)}
    return subprocess.run(
        [*command, *checks, *fixed, *key, *options],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_request_that_the_description_allows_or_forbids_is_answered_as_it_says(
    service: Any, tmp_path: Path
) -> None:
    done = schemathesis(service, tmp_path, "--seed", "1", "--max-examples", "5")
    assert done.returncode == 0, done.stdout[-8000:]
    assert "Selected: " in done.stdout


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(5))
def test_thousands_of_requests_are_answered_as_the_description_says(service: Any, tmp_path: Path, seed: int) -> None:
    # Most of what is made up for an item's JSON is no item; that many are filtered out is no fault of the service.
    patient = ["--suppress-health-check", "filter_too_much"]
    done = schemathesis(service, tmp_path, "--seed", str(seed), "--max-examples", "300", *patient)
    assert done.returncode == 0, done.stdout[-8000:]


def operations(service: Any) -> dict[str, dict[str, Any]]:
    paths = service.client.get("/openapi.json").json()["paths"]
    return {f"{method.upper()} {path}": one for path, methods in paths.items() for method, one in methods.items()}


def test_every_refusal_is_described_as_a_problem(service: Any) -> None:
    for name, operation in operations(service).items():
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and " /v2" in name:  # where errors have the form of the Open Inference Protocol
                assert "InferenceErrorOut" in str(answer["content"]["application/json"]), f"{name} {status}"
            elif int(status) >= 400:
                assert PROBLEM in answer["content"], f"{name} {status}"


def test_every_operation_says_what_any_request_may_be_answered_with(service: Any) -> None:
    always = {"400", "408", "415", "422", "431", "500", "501", "503"}
    for name, operation in operations(service).items():
        assert always <= set(operation["responses"]), name
        assert ("401" in operation["responses"]) == ("security" in operation), name


def test_the_description_names_the_categories_and_currencies_that_there_are(service: Any) -> None:
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    category = schemas["Item"]["properties"]["category"]
    assert category["enum"] == [*service.runtime.grader.categories, None]
    assert schemas["DeclaredValue"]["properties"]["currency"]["enum"] == sorted(service.runtime.policy.currencies)


def test_no_two_models_have_one_name(service: Any) -> None:
    # Generators of clients name classes after titles, and leave out whichever comes second.
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    titles = [schema["title"] for schema in schemas.values() if "title" in schema]
    assert sorted(titles) == sorted(set(titles))
    assert not [name for name in schemas if "__" in name], "models of one name in two modules"
