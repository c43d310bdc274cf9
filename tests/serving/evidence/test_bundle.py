"""A bundle can be checked with the public key alone, and nothing in it can be changed unnoticed."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regrade.serving.base.canonical import canonical_json
from regrade.serving.evidence import KeyRing, Signer, append_step, withhold
from regrade.serving.evidence.bundle import BundleFormatError, check_bundle, check_photos, read_bundle
from regrade.serving.evidence.keys import read_keys
from regrade.serving.evidence.log import retire_key

FIRST_FORMAT = (Path(__file__).parent / "files" / "first_format.json").read_bytes()
"""As a release before steps were signed had answered it."""
SECOND_FORMAT = (Path(__file__).parent / "files" / "second_format.json").read_bytes()


@pytest.fixture
def told(site: Any) -> tuple[Any, str, dict[str, Any]]:
    """A site, and the evidence of an inspection that was decided, undone and decided again."""
    inspection = site.add()
    site.decide()
    site.desk.undo(inspection, site.ann)
    site.decide(note=None)
    return site, inspection, site.evidence(inspection).bundle


def findings(bundle: dict[str, Any], keys: KeyRing) -> set[str]:
    return {finding.code for finding in check_bundle(read_bundle(json.dumps(bundle).encode()), keys).findings}


def test_a_bundle_is_checked_with_the_public_key_alone(told: Any) -> None:
    site, inspection, bundle = told
    checked = check_bundle(bundle, KeyRing([site.signer.public_key]))
    assert (checked.findings, checked.payload["inspection"]) == ((), inspection)
    assert [step.kind for step in checked.steps] == ["graded", "reviewed", "undone", "reviewed"]


def test_what_was_seen_and_decided_is_in_it(told: Any) -> None:
    site, _, bundle = told
    payload = bundle["payload"]
    assert payload["received"]["by"] == {"key_id": site.station.id, "role": "station", "name": "bench 3"}
    assert payload["item"]["answers"] == {"who": "Jo Doe"}
    assert payload["model_output"]["grade"]["condition"] == "used"
    assert payload["provenance"] == {"bundles": {"footwear": "b" * 64}, "policy": "c" * 64, "software": "0.1.0"}
    assert [(r["by"]["name"], r["by"]["role"], r["undone_at"] is None) for r in payload["reviews"]] == [
        ("Ann", "reviewer", False),
        ("Ann", "reviewer", True),
    ]
    assert payload["status"] == "reviewed"


def test_a_client_of_the_first_format_finds_its_signature_sound(told: Any, sound: Any) -> None:
    site, _, bundle = told
    assert sound(bundle, site.signer.public_key.base64)


def test_another_key_is_not_enough(told: Any) -> None:
    _, _, bundle = told
    assert findings(bundle, KeyRing([Signer.generate().public_key])) >= {"unknown-key"}


@pytest.mark.parametrize("number", range(4))
def test_no_step_can_be_left_out(told: Any, number: int) -> None:
    """Not even the last: what all of them say together is signed with it."""
    site, _, bundle = told
    del bundle["steps"][number]
    assert findings(bundle, site.known())


def test_steps_cannot_change_places(told: Any) -> None:
    site, _, bundle = told
    bundle["steps"][1], bundle["steps"][2] = bundle["steps"][2], bundle["steps"][1]
    assert "misplaced-step" in findings(bundle, site.known())


def test_a_step_of_another_inspection_does_not_fit_in(told: Any) -> None:
    site, _, bundle = told
    other = site.evidence(site.add()).bundle
    bundle["steps"][0] = other["steps"][0]
    assert "misplaced-step" in findings(bundle, site.known())


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for name, entry in value.items() for leaf in leaves(entry, (*path, name))]
    if isinstance(value, list) and value:
        return [leaf for index, entry in enumerate(value) for leaf in leaves(entry, (*path, index))]
    return [path]


others: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just([]) | st.just({})
)


def signed(value: Any) -> bytes:
    """What is signed of a value: to RFC 8785, 0 and 0.0 are one number."""
    try:
        return canonical_json(value)
    except ValueError:  # a number that has no canonical form is none that was signed
        return json.dumps(value).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_value_in_it_can_be_another(told: Any, data: st.DataObject) -> None:
    site, _, bundle = told
    changed = deepcopy(bundle)
    path = data.draw(st.sampled_from(leaves(bundle)))
    *way, last = path
    holder: Any = changed
    for name in way:
        holder = holder[name]
    new = data.draw(others.filter(lambda value: signed(value) != signed(holder[last])))
    holder[last] = new
    try:
        assert findings(changed, site.known())
    except BundleFormatError:
        assert path == ("payload", "format")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_character_of_a_step_can_be_another(told: Any, data: st.DataObject) -> None:
    site, _, bundle = told
    changed = deepcopy(bundle)
    number = data.draw(st.integers(0, len(bundle["steps"]) - 1))
    text = bundle["steps"][number]
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters().filter(lambda one: one != text[place]))
    changed["steps"][number] = text[:place] + letter + text[place + 1 :]
    assert findings(changed, site.known())


@pytest.mark.parametrize("given_", [1, "x", None, [1], [""], ["~"], ["a~b~"], ["a.b.c~"], [{}], {"0": "x"}])
def test_steps_that_are_none_are_no_evidence(told: Any, given_: Any) -> None:
    site, _, bundle = told
    assert findings({**bundle, "steps": given_}, site.known())


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"{}", b"1", b'{"payload": {}, "signature": {}}', b"\xff\xfe"),
        *(b'{"payload": {"format": "regrade-evidence/3"}, "signature": {}}', b"[" * 100_000),
        b'{"payload": {"format": "regrade-evidence/1"}, "signature": {}, "payload": {"format": "regrade-evidence/1"}}',
        b'{"payload": {"format": "regrade-evidence/1", "x": "\\ud800"}, "signature": {}}',
    ],
)
def test_another_file_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(BundleFormatError, match="no evidence of a format that this regrade knows"):
        read_bundle(data)


def test_evidence_of_this_format_is_checked_by_every_later_release() -> None:
    """Exported once, and kept: neither how steps are read nor what they say together may change."""
    bundle = read_bundle(SECOND_FORMAT)
    checked = check_bundle(bundle, KeyRing(read_keys(bundle["signature"]["public_key"])))
    assert checked.findings == ()
    assert [step.kind for step in checked.steps] == ["graded", "reviewed", "undone", "reviewed", "erased"]


def test_old_evidence_is_checked_as_it_was_signed() -> None:
    bundle = read_bundle(FIRST_FORMAT)
    keys = KeyRing(read_keys(bundle["signature"]["public_key"]))
    checked = check_bundle(bundle, keys)
    assert (checked.findings, checked.payload["item"]["rma"], len(checked.photos)) == ((), "RMA-1", 1)


@pytest.mark.parametrize("change", ["status", "item", "photos", "reviews"])
def test_old_evidence_that_was_changed_is_found_out(change: str) -> None:
    bundle = read_bundle(FIRST_FORMAT)
    keys = KeyRing(read_keys(bundle["signature"]["public_key"]))
    bundle["payload"][change] = "changed"
    assert findings(bundle, keys) == {"changed-view"}


def test_new_evidence_does_not_pass_for_old(told: Any) -> None:
    site, _, bundle = told
    bundle["payload"]["format"] = "regrade-evidence/1"
    assert findings(bundle, site.known()) == {"changed-view"}


def test_photos_are_checked_by_their_hashes(told: Any) -> None:
    site, _, bundle = told
    photos = check_bundle(bundle, site.known()).photos
    assert check_photos(photos, {photos[0].sha256}) == []
    assert [finding.code for finding in check_photos(photos, {"0" * 64})] == ["photo-missing"]


def test_what_was_erased_is_gone_and_the_rest_stays_sound(told: Any, sound: Any) -> None:
    site, inspection, before = told
    with site.database.write() as connection:
        withhold(connection, inspection, ["item.rma", "item.answers", "review.note", "request.idempotency_key"])
        append_step(connection, site.signer, inspection, "erased", {"reason": "asked for by the seller"})
    bundle = site.evidence(inspection).bundle
    assert findings(bundle, site.known()) == set()
    assert sound(bundle, site.signer.public_key.base64)
    assert bundle["payload"]["item"] == {"seller": "acme", "category": "footwear"}
    assert bundle["payload"]["decision"]["disposition"]["reasons"], "what was not named stays"
    assert bundle["payload"]["steps"][-1]["body"]["reason"] == "asked for by the seller"
    assert "Jo Doe" not in json.dumps(bundle)
    assert check_bundle(before, site.known()).findings == (), "whoever was given it before can still check it"


@pytest.mark.sqlite_only  # rows changed by its own functions of JSON and its laxer types
def test_what_was_erased_may_differ_in_its_row_and_nothing_else(site: Any) -> None:
    inspection = site.add()
    with site.database.write() as connection:
        withhold(connection, inspection, but=["by.name"])
        append_step(connection, site.signer, inspection, "erased", {"by": "admin"})
    site.sql("UPDATE inspections SET rma = '', seller = 'seller-1', item = '{}', body_digest = ''")
    site.sql("UPDATE inspections SET decision = json_set(decision, '$.disposition.reasons', json('[]'))")
    assert site.codes() == set()
    payload = site.evidence(inspection).bundle["payload"]
    assert (payload["item"], payload["received"]["by"]["name"]) == ({}, "bench 3")
    assert set(payload["decision"]["disposition"]) == {"action", "expected_recovery", "policy"}
    site.sql("UPDATE inspections SET decision = json_set(decision, '$.disposition.action', 'destroy')")
    assert site.codes() == {"changed-row"}


def test_nothing_more_can_be_taken_out_after_an_erasure(site: Any) -> None:
    inspection = site.add()
    with site.database.write() as connection:
        withhold(connection, inspection, ["item.rma"])
        append_step(connection, site.signer, inspection, "erased", {"by": "admin"})
    site.sql("DELETE FROM evidence_disclosures WHERE path = 'item.seller'")
    assert "withheld-field" in site.codes()


def test_steps_of_two_keys_are_checked_with_both(told: Any) -> None:
    site, inspection, _ = told
    old = site.signer.public_key
    site.signer = retire_key(site.database, site.signer, site.keys_dir)
    with site.database.write() as connection:
        append_step(connection, site.signer, inspection, "noted", {})
    bundle = site.evidence(inspection).bundle
    assert findings(bundle, KeyRing([old, site.signer.public_key])) == set()
    assert "unknown-key" in findings(bundle, KeyRing([site.signer.public_key]))
