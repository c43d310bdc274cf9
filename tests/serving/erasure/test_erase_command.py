"""`regrade erase` beside a running service, `regrade erasures`, and what `store verify` and exports say of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from regrade.models.errors import RegradeError
from regrade.serving.cli.main import build_app
from regrade.serving.evidence import KeyRing
from regrade.serving.evidence.steps import Signed, open_step
from regrade.serving.review.settled import decisions, erased

pytestmark = pytest.mark.slow

Run = Callable[..., Result]


@pytest.fixture
def items(service: Any, render_photo: Any) -> dict[str, str]:
    """Ids by RMA: two items of acme, one of globex, each with a photo of its own."""
    given = [("A-1", "acme"), ("A-2", "acme"), ("G-1", "globex")]
    return {
        rma: service.post([render_photo(n)], {"rma": rma, "seller": seller}).json()["id"]
        for n, (rma, seller) in enumerate(given)
    }


@pytest.fixture
def run(service: Any) -> Run:
    """Runs a command on the data directory of a service that is running."""

    def invoke(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(build_app(), [*words, "--data-dir", str(service.settings.data_dir)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return invoke


def left(service: Any) -> list[str]:
    """The RMAs that are still there, sorted."""
    listed = service.client.get("/v1/inspections").json()["items"]
    return sorted(one["item"]["rma"] for one in listed if "erased" not in one)


@pytest.mark.usefixtures("items")
def test_an_rma_is_erased_while_the_service_runs(service: Any, run: Run) -> None:
    said = run("erase", "--rma", "A-1", "--yes", "--reason", "asked for").stdout
    assert "1 inspection (1 needs_review)" in said
    assert "erased 1 inspection" in said
    assert (left(service), len(service.files())) == (["A-2", "G-1"], 2)
    assert not any(b"A-1" in path.read_bytes() for path in service.settings.data_dir.glob("regrade.db*"))


def test_what_is_named_twice_must_meet_both(service: Any, run: Run, items: dict[str, str]) -> None:
    assert "Nothing" not in run("erase", "--id", items["A-1"], "--seller", "globex", "--yes", code=1).stdout
    run("erase", "--id", items["A-1"], "--seller", "acme", "--before", "2099-01-01", "--yes")
    assert left(service) == ["A-2", "G-1"]


@pytest.mark.usefixtures("items")
def test_what_came_in_before_a_day_is_erased(service: Any, run: Run) -> None:
    run("erase", "--before", "2020-01-01", "--yes")
    assert len(left(service)) == 3
    run("erase", "--before", "2099-01-01T00:00:00+0800", "--yes")
    assert left(service) == []


@pytest.mark.usefixtures("items")
def test_a_dry_run_tells_and_erases_nothing(service: Any, run: Run) -> None:
    said = run("erase", "--seller", "acme", "--dry-run").stdout
    assert "2 inspections (2 needs_review)" in said
    assert "2 photos" in said
    assert len(left(service)) == 3


@pytest.mark.usefixtures("items")
def test_without_a_terminal_it_must_be_told_yes(service: Any, run: Run) -> None:
    with pytest.raises(RegradeError, match="--yes"):
        run("erase", "--rma", "A-1")
    assert len(left(service)) == 3


@pytest.mark.usefixtures("items")
def test_on_a_terminal_it_asks(service: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from regrade.serving.cli.data import erase

    monkeypatch.setattr(erase, "_at_terminal", lambda: True)
    command = ["erase", "--rma", "A-1", "--data-dir", str(service.settings.data_dir)]
    assert CliRunner().invoke(build_app(), command, input="n\n").exit_code == 1
    assert len(left(service)) == 3
    assert CliRunner().invoke(build_app(), command, input="y\n").exit_code == 0
    assert left(service) == ["A-2", "G-1"]


@pytest.mark.parametrize("words", [(), ("--rma", "A-1", "--retention")])
def test_it_must_be_said_what_to_erase(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(RegradeError, match="Say what to erase"):
        run("erase", *words, "--yes")


def test_an_rma_that_nothing_has_is_told(run: Run) -> None:
    assert "has the RMA TYPO" in run("erase", "--rma", "TYPO", "--yes", code=1).stdout


def test_a_folder_without_an_installation_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(build_app(), ["erase", "--rma", "x", "--yes", "--data-dir", str(tmp_path / "none")])
    assert "no installation" in str(result.exception)
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("items")
def test_a_seller_that_is_erased_whole_gets_a_pseudonym(service: Any, run: Run) -> None:
    run("erase", "--rma", "A-1", "--yes")  # erased before, with the name kept for the figures
    run("erase", "--seller", "acme", "--yes")
    sellers = {one["item"]["seller"] for one in service.client.get("/v1/inspections").json()["items"]}
    (pseudonym,) = sellers - {"globex"}
    assert pseudonym.startswith("seller-")
    assert len(service.client.get("/v1/inspections", params={"seller": pseudonym}).json()["items"]) == 2
    assert not any(b"acme" in path.read_bytes() for path in service.settings.data_dir.glob("regrade.db*"))


def test_the_name_of_a_seller_goes_from_the_rubric_that_was_the_sellers_own(
    service: Any, run: Run, items: dict[str, str]
) -> None:
    reviewer = service.as_role("reviewer")
    for _ in items:
        claimed = reviewer.post("/v1/reviews/claim").json()
        rubric = f"{claimed['inspection']['item']['seller']}/packaging@2"
        verdict = {"lease": claimed["lease"]["token"], "condition": "used", "rubric": rubric}
        assert reviewer.post(f"/v1/reviews/{claimed['inspection']['id']}", json=verdict).status_code == 200
    run("erase", "--seller", "acme", "--yes")
    with service.runtime.database.read() as connection:
        rubrics = set(connection.exec_driver_sql("SELECT rubric FROM reviews").scalars())
    (other,) = rubrics - {"globex/packaging@2"}
    assert other.startswith("seller-")
    assert other.endswith("/packaging@2")
    assert "0 findings" in run("store", "verify").stdout


@pytest.mark.usefixtures("items")
def test_a_seller_with_items_left_keeps_its_name(service: Any, run: Run) -> None:
    said = run("erase", "--seller", "acme", "--rma", "A-1", "--yes").stdout
    assert "'acme' stays in figures" in said
    assert len(service.client.get("/v1/inspections", params={"seller": "acme"}).json()["items"]) == 2


@pytest.mark.usefixtures("items")
def test_interrupted_it_goes_on_where_it_was(service: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from regrade.serving.erasure import eraser

    defaults = eraser.Eraser.erase_all.__kwdefaults__ or {}
    monkeypatch.setattr(eraser.Eraser.erase_all, "__kwdefaults__", {**defaults, "batch": 1})
    real, calls = eraser.Eraser._remove_photos, []

    def stop_at_second(self: Any, ids: Any) -> None:
        calls.append(ids)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(self, ids)

    monkeypatch.setattr(eraser.Eraser, "_remove_photos", stop_at_second)
    assert "erased 1 inspection" in CliRunner().invoke(
        build_app(), ["erase", "--seller", "acme", "--yes", "--data-dir", str(service.settings.data_dir)]
    ).stdout  # fmt: skip
    monkeypatch.setattr(eraser.Eraser, "_remove_photos", real)
    run("erase", "--seller", "acme", "--yes")
    assert (left(service), len(service.files())) == (["G-1"], 1)
    assert not any(b"acme" in path.read_bytes() for path in service.settings.data_dir.glob("regrade.db*"))


@pytest.mark.usefixtures("items")
def test_erasures_are_listed_and_their_records_can_be_checked(service: Any, run: Run) -> None:
    run("erase", "--seller", "acme", "--yes", "--reason", "contract ended")
    assert run("erasures").stdout.count("1 photo    contract ended") == 2
    told = [json.loads(line) for line in run("erasures", "--json").stdout.splitlines()]
    keys = KeyRing([service.runtime.signer.public_key])
    assert [open_step(Signed.of(one["step"]), keys).body["reason"] for one in told] == ["contract ended"] * 2
    assert told[0]["name"].endswith("(cli)")
    assert run("erasures", "--since", "2099-01-01").stdout == ""
    assert run("audit").stdout.count("  erase ") == 2


@pytest.mark.usefixtures("items")
def test_store_verify_counts_what_was_erased_and_misses_no_photo(run: Run) -> None:
    run("erase", "--rma", "A-1", "--yes")
    said = run("store", "verify").stdout
    assert "3 inspections with 2 different photos" in said
    assert "1 of the inspections are erased" in said


def test_exports_leave_out_what_was_erased_and_count_it(service: Any, run: Run, items: dict[str, str]) -> None:
    reviewer = service.as_role("reviewer")
    for _ in items:
        claimed = reviewer.post("/v1/reviews/claim").json()
        verdict = {"lease": claimed["lease"]["token"], "condition": "used"}
        reviewer.post(f"/v1/reviews/{claimed['inspection']['id']}", json=verdict)
    run("erase", "--seller", "acme", "--yes")
    assert [one["item"]["rma"] for one in decisions(service.settings.data_dir)] == ["G-1"]
    assert erased(service.settings.data_dir) == 2


@pytest.mark.usefixtures("items")
def test_a_replay_leaves_out_what_was_erased_and_says_so(run: Run) -> None:
    from regrade.serving.policy.load import DEFAULT_POLICY

    run("erase", "--seller", "acme", "--yes")
    counted = json.loads(run("replay", "--policy", str(DEFAULT_POLICY), "--json").stdout)["items"]
    assert (counted["graded"] + counted["not_graded"], counted["erased"]) == (1, 2)
    assert "2 more were erased" in run("replay", "--policy", str(DEFAULT_POLICY)).stdout


def test_retention_needs_a_setting(run: Run) -> None:
    with pytest.raises(RegradeError, match="REGRADE_RETENTION says nothing"):
        run("erase", "--retention", "--yes")


def test_retention_can_be_run_by_hand(service: Any, run: Run, items: dict[str, str], monkeypatch: Any) -> None:
    monkeypatch.setenv("REGRADE_RETENTION", "needs_review=30d")
    assert "Nothing is to be erased" in run("erase", "--retention", "--yes").stdout
    with service.runtime.database.write() as connection:
        connection.exec_driver_sql("UPDATE inspections SET created_at = '2020-01-01 00:00:00.000000' WHERE rma = 'A-1'")
    run("erase", "--retention", "--yes")
    assert left(service) == ["A-2", "G-1"]
    erased = service.client.get(f"/v1/inspections/{items['A-1']}").json()["erased"]
    assert (erased["by"], erased["reason"]) == ("retention", "needs_review=30d")
