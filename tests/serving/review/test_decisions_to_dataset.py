"""The whole way: photos posted to a real service, decided at its desk, exported as a dataset that training reads."""

import getpass
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from regrade.datasets.category import load_categories
from regrade.datasets.checks import check_manifest
from regrade.datasets.manifest import MANIFEST_NAME, Record, read_manifest, write_manifest
from regrade.labeling import cli
from regrade.labeling.versions.ledger import Ledger, add_to_ledger, read_ledger
from regrade.labeling.versions.provenance import read_provenance
from regrade.serving.cli.data import audit

ITEM = {"category": "electronics", "station": "LA-07", "seller": "Acme", "answers": {"item_type": "laptop"}}
DEAR = ITEM | {"declared_value": {"amount": 5000, "currency": "USD"}}
"""An item dear enough that the default policy always asks for a human."""


@pytest.fixture
def export(service: Any, tmp_path: Path) -> Callable[..., list[Record]]:
    """Export what the service decided, with what is not settled yet, and return the records."""
    app = typer.Typer()
    cli.register(app)

    def run(name: str, *more: str) -> list[Record]:
        where = ["--data-dir", str(service.settings.data_dir), "--out", str(tmp_path / name)]
        words = ["labels", "export", *where, "--unsettled", "--no-near-duplicates", *more]
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return read_manifest(tmp_path / name)

    return run


def decide(service: Any, photos: list[bytes], rma: str, **verdict: Any) -> dict[str, Any]:
    made: dict[str, Any] = service.post(photos, DEAR | {"rma": rma}).json()
    assert made["status"] == "needs_review"
    claimed = service.client.post("/v1/reviews/claim").json()
    body = {"lease": claimed["lease"]["token"], **verdict}
    assert service.client.post(f"/v1/reviews/{made['id']}", json=body).status_code == 200
    return made


def test_what_the_desk_decided_is_what_the_dataset_says(
    service: Any, render_photo: Any, export: Any, tmp_path: Path
) -> None:
    box = {"photo": 1, "type": "crack", "severity": "major", "box": [20, 30, 200, 250]}
    made = decide(service, [render_photo(1), render_photo(2)], "R-1", condition="damaged", defects=[box])
    other = decide(service, [render_photo(3)], "R-2", condition="used")
    records = {r.sha256: r for r in export("out")}
    plain, cracked = (records[photo["sha256"]] for photo in made["photos"])
    used = records[other["photos"][0]["sha256"]]
    assert (cracked.condition, cracked.votes, cracked.item_type) == ("damaged", ("damaged",), "laptop")
    assert [(d.type, d.severity, d.box) for d in cracked.defects] == [("crack", "major", (20, 30, 200, 250))]
    assert (plain.condition, plain.split, plain.group) == (None, cracked.split, cracked.group)
    assert (used.condition, used.votes) == ("used", ("used",))
    assert read_provenance(tmp_path / "out")[used.sha256].inspections[0].inspection == other["id"]


def test_an_export_leaves_a_line_in_the_audit_trail_before_it_is_written(
    service: Any, render_photo: Any, export: Any, tmp_path: Path
) -> None:
    decide(service, [render_photo(1), render_photo(2)], "R-1", condition="used")
    export("out")
    shown = typer.Typer()
    shown.callback()(lambda: None)
    audit.register(shown)
    words = ["audit", "--json", "--data-dir", str(service.settings.data_dir)]
    lines = [json.loads(line) for line in CliRunner().invoke(shown, words, catch_exceptions=False).stdout.splitlines()]
    (line,) = [line for line in lines if line["action"] == "export"]
    assert (line["name"], line["key_id"]) == (f"{getpass.getuser()} (cli)", None)
    expected = {"what": "labels", "items": 1, "photos": 2, "format": "jsonl", "with_names": False}
    assert line["detail"] == expected | {"out": str(tmp_path / "out")}


@pytest.mark.parametrize("kind", ["JPEG", "HEIF", "AVIF"])
def test_a_turned_photo_goes_out_upright_and_as_jpeg(service: Any, render_photo: Any, export: Any, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decide(service, [render_photo(4, kind=kind, exif=exif.tobytes())], "R-3", condition="used")
    (record,) = export("out")
    with Image.open(record.file) as image:
        assert (record.width, record.height) == image.size == (480, 640)
        assert not image.getexif()
    assert record.file.suffix == ".jpg"
    assert [f for f in check_manifest([record], load_categories()) if f.level == "error"] == []


def test_a_photo_goes_out_without_what_its_file_tells_and_in_the_split_that_it_had(
    service: Any, render_photo: Any, export: Any
) -> None:
    told = b"31 deg 14 N, J. Smith"
    photos = [render_photo(n, comment=told) for n in range(6)]
    for number, photo in enumerate(photos):
        decide(service, [photo], f"R-{number}", condition="used")
    stored: dict[str, Any] = {hashlib.sha256(photo).hexdigest(): ("group", "test") for photo in photos[:3]}
    add_to_ledger(service.settings.data_dir, Ledger(stored, {}))  # as an earlier version handed them out
    first = {record.id: record for record in export("v1")}
    assert len(first) == 6
    assert not any(told in record.file.read_bytes() for record in first.values())
    assert sum(record.group == "group" and record.split == "test" for record in first.values()) == 3
    again = {record.id: record.split for record in export("v2")}
    assert again == {name: record.split for name, record in first.items()}
    assert set(read_ledger(service.settings.data_dir).photos) >= {hashlib.sha256(p).hexdigest() for p in photos}


def test_what_another_encoder_made_of_a_photo_is_followed_by_what_this_one_makes(
    service: Any, render_photo: Any, export: Any, tmp_path: Path
) -> None:
    decide(service, [render_photo(1, kind="AVIF")], "R-1", condition="used")
    (record,) = export("v1")
    manifest = tmp_path / "v1" / MANIFEST_NAME
    write_manifest(manifest, [replace(record, sha256="0" * 64)])
    rows = tmp_path / "v1" / "version" / "provenance.jsonl"
    rows.write_text(rows.read_text().replace(record.sha256, "0" * 64))
    (new,) = export("v2", "--dataset", str(tmp_path / "v1"))
    assert (new.sha256, new.votes) == (record.sha256, record.votes)


def test_a_version_with_photos_as_they_were_sent_is_followed_by_one_without_that(
    service: Any, render_photo: Any, export: Any, tmp_path: Path
) -> None:
    photo = render_photo(1, comment=b"J. Smith")
    decide(service, [photo], "R-1", condition="used")
    (record,) = export("v1")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.jpg").write_bytes(photo)
    sent = hashlib.sha256(photo).hexdigest()
    old = replace(record, id="a", file=tmp_path / "old" / "a.jpg", sha256=sent, split="val", group="g")
    write_manifest(tmp_path / "old" / MANIFEST_NAME, [old])
    (new,) = export("v2", "--dataset", str(tmp_path / "old"))
    assert (new.id, new.split, new.group) == ("a", "val", "g")
    assert b"J. Smith" not in new.file.read_bytes()


def test_splits_hold_while_the_desk_goes_on_deciding(service: Any, render_photo: Any, export: Any) -> None:
    known: dict[str, str] = {}
    for round_ in range(3):
        for n in range(3):
            decide(service, [render_photo(10 * round_ + n)], f"R-{n}", condition="used")
        now = {r.sha256: r.split for r in export(f"v{round_}")}
        assert {h: s for h, s in now.items() if h in known} == known
        known = now
    assert len(known) == 9
