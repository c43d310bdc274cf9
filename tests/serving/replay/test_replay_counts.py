"""What a replay counts, over made-up inspections that the store itself keeps: reviews, days, the largest changes."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from regrade.datasets.category import load_categories
from regrade.models.types import CONDITIONS, CategoryCall, Defect, Grade, ItemResult, Quality
from regrade.serving.access.keys import KeyStore
from regrade.serving.base.dispositions import Money
from regrade.serving.evidence import Signer
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import DEFAULT_POLICY, Policy, load_policy, merge, parse_policy
from regrade.serving.replay import past as reading
from regrade.serving.replay.outcome import replay
from regrade.serving.replay.past import Past, Span
from regrade.serving.replay.policy import LARGEST, PolicyReplay
from regrade.serving.replay.rubric import SAMPLE, RubricChange
from regrade.serving.replay.words import doubt_words
from regrade.serving.rubric.definitions import rubric_yaml
from regrade.serving.rubric.load import load_rubric, load_rubrics
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import Inspection, Status, StoredPhoto, new_id
from regrade.serving.storage.reviews import Review

CATEGORIES = load_categories()
POLICY = load_policy(categories=CATEGORIES)

BEGIN = datetime(2026, 11, 2, 22, 0, tzinfo=UTC)

Make = Callable[..., Inspection]


@pytest.fixture
def make() -> Make:
    """A graded item of the shipped policy: `make(hours, category, value, used=0.99)`, the rest of it spread evenly."""

    def graded(hours: float = 0, category: str = "packaging", value: float = 40, **given: Any) -> Inspection:
        seller, defects, currency = given.pop("seller", None), given.pop("defects", ()), given.pop("currency", "USD")
        rest = (1 - sum(given.values())) / (len(CONDITIONS) - len(given))
        shares = {c: float(given.get(c, rest)) for c in CONDITIONS}
        top = max(shares, key=lambda c: shares[c])
        grade = Grade(top, shares, (top,), shares[top], 0.9)
        call = CategoryCall(category, "declared", 0.99, category)
        result = ItemResult(call, grade, defects, (Quality(True, ()),), {category: "2026.11.1"}, {"total": 1.0})
        item = {"rma": "R", "declared_value": {"amount": value, "currency": currency}}
        item |= {"seller": seller} if seller else {}
        decision = decide(POLICY, result, declared_value=Money(value, currency), seller=seller)
        status: Status = "needs_review" if decision.needs_review else "graded"
        photo = StoredPhoto(0, "0" * 64, "image/jpeg", 1, 640, 480)
        at = BEGIN + timedelta(hours=hours)
        return Inspection(new_id(), at, status, "k" * 16, None, "0" * 64, item, result, decision, (photo,))

    return graded


@pytest.fixture
def changed() -> Callable[[dict[str, Any]], Policy]:
    """The shipped policy as version 2, with some fields changed."""

    def policy(changes: dict[str, Any]) -> Policy:
        data = merge(yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8")), {"version": 2, **changes})
        return parse_policy(yaml.safe_dump(data, allow_unicode=True), categories=CATEGORIES)

    return policy


def reviewed(inspection: Inspection, condition: str, policy: Policy | None = None, **given: Any) -> Inspection:
    """The inspection as a reviewer has decided it, by the policy's disposition or one given."""
    money = inspection.item["declared_value"]
    value = Money(money["amount"], money["currency"])
    suggested = decide(
        policy or POLICY,
        inspection.result,
        declared_value=value,
        seller=None,
        human_condition=condition,
    )
    review = Review(
        new_id(), inspection.id, inspection.created_at, "k" * 16, "Mei", inspection.model_condition, condition,
        given.pop("disposition", suggested.disposition), given.pop("source", "policy"), given.pop("defects", None),
        None, **given,
    )  # fmt: skip
    return replace(inspection, status="reviewed", reviews=(review,))


def tally(policy: Policy, past: Iterable[Inspection]) -> PolicyReplay:
    return PolicyReplay(policy).add_all(past)


def test_a_lower_border_sends_items_to_review_and_a_dearer_review_keeps_them_away(make: Any, changed: Any) -> None:
    sure, doubtful = make(value=45, used=0.999), make(value=400, used=0.80, opened=0.20)
    assert not sure.decision.needs_review
    assert [reason.code for reason in doubtful.decision.review] == ["confidence_short"]
    rule = {"when": {"value_above": 44}, "because": "worth a look"}
    told = tally(changed({"require_review": [rule]}), [sure, doubtful])
    assert (told.total.newly, told.total.no_longer, told.newly_because) == (1, 0, {"rule": 1})


def test_reasons_that_go_away_are_counted_once_an_item(make: Any, changed: Any) -> None:
    item = make(category="electronics", value=600, used=0.999)
    assert [reason.code for reason in item.decision.review] == ["rule"]
    data = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8"))
    calm = parse_policy(yaml.safe_dump({**data, "require_review": []}, allow_unicode=True), categories=CATEGORIES)
    told = tally(calm, [item, make(value=45, used=0.999)])
    assert (told.total.review_before, told.total.review_after, told.total.no_longer) == (1, 0, 1)
    assert told.no_longer_because == {"rule": 1}


def test_days_are_in_utc_and_those_without_items_left_out(make: Any) -> None:
    told = tally(
        POLICY,
        [make(0, used=0.999), make(1.9, used=0.5), make(2.1, used=0.5), make(72, used=0.999)],
    )
    assert {day.isoformat(): counts for day, counts in told.days.items()} == {
        "2026-11-02": [1, 1], "2026-11-03": [1, 1], "2026-11-05": [0, 0],
    }  # fmt: skip


def test_the_ten_largest_changes_come_in_order_whatever_the_order_of_items(make: Any, changed: Any) -> None:
    items = [make(hours=h, value=100 + 10 * h, used=0.999) for h in range(25)]
    data = {"categories": {"packaging": {"rates": {"used": {"repackage": 0.60}}}}}
    forth, back = tally(changed(data), items), tally(changed(data), items[::-1])
    assert [one.id for one in forth.largest] == [one.id for one in back.largest]
    assert [one.id for one in forth.largest] == [item.id for item in items[: -LARGEST - 1 : -1]]
    assert forth.largest[0].difference == pytest.approx(-0.1 * 340 * 100, abs=100)


def test_a_difference_splits_into_figures_and_actions_to_the_cent(make: Any, changed: Any) -> None:
    item = make(category="electronics", value=120, damaged=0.99)
    data = {
        "categories": {"electronics": {"costs": {"return_to_origin": {"freight": 2.0}, "refurbish": {"handling": 20}}}}
    }
    outcome = replay(changed(data), item)
    assert outcome is not None
    assert (outcome.old, outcome.new) == ("refurbish", "return_to_origin")
    assert outcome.recorded is not None
    assert outcome.repriced == outcome.recorded - 600
    options = {o.action: o.expected_recovery.amount for o in item.decision.disposition.alternatives}
    assert outcome.recovery == round(options["return_to_origin"] * 100) + 2000
    part = tally(changed(data), [item]).total
    assert part.by_figures + part.by_actions == part.difference == outcome.difference


def test_amounts_recorded_in_another_currency_are_converted_and_unknown_ones_left_out(make: Any) -> None:
    item = make(value=100, used=0.999, currency="EUR")
    recorded = item.decision.disposition.expected_recovery.amount
    data = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8"))
    data["categories"] |= {name: one.policy.block() for name, one in CATEGORIES.items() if one.policy is not None}

    def in_euro(**rates: float) -> Policy:
        fx = {"date": date(2026, 11, 23), "rates": rates}
        return parse_policy(
            yaml.safe_dump({**data, "version": 2, "currency": "EUR", "fx": fx}, allow_unicode=True),
            categories=CATEGORIES,
        )

    outcome = replay(in_euro(USD=0.8), item)
    assert outcome is not None
    assert outcome.recorded == round(recorded * 0.8 * 100)
    alone = tally(in_euro(), [item])
    assert (alone.total.items, alone.total.unpriced, alone.total.recorded, alone.total.difference) == (1, 1, 0, 0)
    assert alone.largest == []


def test_a_retake_counts_for_nothing(make: Any) -> None:
    item = make(used=0.9)
    blurred = replace(item, status="retake", decision=None, result=replace(item.result, grade=None, category=None))
    told = tally(POLICY, [blurred])
    assert (told.total.items, told.ungraded) == (0, 1)


def test_an_undone_decision_does_not_stand(make: Any) -> None:
    item = reviewed(make(used=0.5), "damaged")
    undone = replace(item, reviews=(replace(item.reviews[0], undone_at=BEGIN),))
    stands, fell = replay(POLICY, item), replay(POLICY, undone)
    assert stands is not None
    assert fell is not None
    assert (stands.by_human, fell.by_human) == (True, False)


def test_the_review_need_is_that_of_the_model_even_where_a_human_has_decided(make: Any) -> None:
    outcome = replay(POLICY, reviewed(make(used=0.5), "opened"))
    assert outcome is not None
    assert outcome.by_human
    assert outcome.old_review == outcome.new_review != ()


def test_a_sellers_own_terms_and_rules_count_for_that_seller_alone(make: Any, changed: Any) -> None:
    own = {"sellers": {"acme": {"require_review": [{"when": {}, "because": "all"}]}}}
    told = tally(changed(own), [make(used=0.999, seller="acme"), make(used=0.999, seller="other"), make(used=0.999)])
    assert {name: part.newly for name, part in told.by_seller.items()} == {"acme": 1, "other": 0, "": 0}


@pytest.fixture
def kept(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Database, list[Inspection]]:
    """Seven stored inspections, three of them at the same moment, read two at a time."""
    monkeypatch.setattr(reading, "ROWS", 2)
    url = f"sqlite:///{tmp_path / 'regrade.db'}"
    database = Database(url)
    database.migrate()
    _, key = KeyStore(database).create("admin", "test")
    items = [
        make(hours=h, used=0.9, seller=s)
        for h, s in ((0, "a"), (1, "b"), (1, "a"), (1, None), (5, "a"), (26, "b"), (27, "a"))
    ]
    items = [replace(item, key_id=key.id) for item in items]
    for item in items:
        InspectionStore(database, signer=Signer.generate()).insert(item)
    database.close()
    return Database(url, read_only=True), sorted(items, key=lambda item: (item.created_at, item.id))


def test_every_inspection_is_read_once_oldest_first(kept: Any) -> None:
    database, items = kept
    with Past(database, Span()) as past:
        assert [item.id for item in past] == [item.id for item in items]
        assert past.count() == 7


def test_a_span_takes_its_begin_and_leaves_out_its_end(kept: Any) -> None:
    database, items = kept
    span = Span(BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=26), "a")
    with Past(database, span) as past:
        found = [item.id for item in past]
        assert past.count() == len(found) == 2
    assert found == [i.id for i in items if i.item.get("seller") == "a" and i.created_at in
                     (BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=5))]  # fmt: skip


def test_what_comes_in_meanwhile_is_not_seen(kept: Any, make: Any, tmp_path: Path) -> None:
    database, items = kept
    with Past(database, Span()) as past:
        assert past.count() == 7
        late = replace(make(hours=50, used=0.9), key_id=items[0].key_id)
        store = Database(f"sqlite:///{tmp_path / 'regrade.db'}")
        InspectionStore(store, signer=Signer.generate()).insert(late)
        assert len(list(past)) == past.count() == 7
    with Past(database, Span()) as past:
        assert past.count() == 8


@pytest.fixture
def footwear(tmp_path: Path) -> RubricChange:
    """A new text for `opened` and a new grade for major defects of used goods."""
    text = rubric_yaml(CATEGORIES["footwear"]).replace("version: 1", "version: 2")
    text = text.replace("looks unworn;", "never worn;").replace(
        "grades:\n", "grades:\n- {grade: C-, condition_in: [used], severity_in: [major]}\n"
    )
    (tmp_path / "f.yaml").write_text(text, encoding="utf-8")
    shipped = load_rubrics(categories=CATEGORIES).of("footwear", None)
    assert shipped is not None
    return RubricChange(shipped, load_rubric(tmp_path / "f.yaml", categories=CATEGORIES))


def test_the_defects_that_stand_name_the_grade(make: Any, footwear: Any) -> None:
    scuff = Defect(0, "scuff", 0.9, (0.0, 0.0, 9.0, 9.0), "major")
    footwear.add(make(category="footwear", used=0.9, defects=(scuff,)))
    footwear.add(reviewed(make(category="footwear", used=0.9, defects=(scuff,)), "used", defects=()))
    footwear.add(reviewed(make(category="footwear", opened=0.9, defects=(scuff,)), "used"))
    assert {old: dict(new) for old, new in footwear.grades.items()} == {"C": {"C-": 2, "C": 1}}


def test_the_grade_that_was_recorded_counts_and_not_the_one_now_in_force(make: Any, footwear: Any) -> None:
    footwear.add(reviewed(make(category="footwear", used=0.9), "used", rubric="footwear@0", seller_grade="Good"))
    assert {old: dict(new) for old, new in footwear.grades.items()} == {"Good": {"C": 1}}
    assert footwear.decided_under == {"footwear@0": 1}


def test_decisions_on_changed_conditions_and_their_neighbours_are_in_doubt(make: Any, footwear: Any) -> None:
    for condition in CONDITIONS:
        footwear.add(reviewed(make(category="footwear", used=0.9), condition, rubric="footwear@1"))
    footwear.add(reviewed(make(category="footwear", used=0.9), "opened", rubric="footwear@2"))
    footwear.add(make(category="footwear", opened=0.9))
    footwear.finish()
    assert footwear.conditions == ("opened",)
    assert footwear.doubtful == {"unopened": 1, "opened": 1, "used": 1}
    assert [look.condition for look in footwear.sample] == ["unopened", "opened", "used"]
    assert footwear.at_most == 0.0


def test_the_sample_is_the_same_whatever_the_order_and_bounds_the_rest(make: Any, footwear: Any) -> None:
    items = [reviewed(make(category="footwear", used=0.9), "used") for _ in range(60)]
    again = RubricChange(footwear.old, footwear.new)
    for item, other in zip(items, items[::-1], strict=True):
        footwear.add(item)
        again.add(other)
    footwear.finish()
    again.finish()
    assert len(footwear.sample) == SAMPLE
    assert [look.id for look in footwear.sample] == [look.id for look in again.sample]
    assert (1 - footwear.at_most) ** SAMPLE == pytest.approx(0.05)
    # 13.91%: a bound is never written as less than it is.
    assert list(doubt_words(footwear, "en"))[-1].endswith("at most 14% of all of them would (95% confidence).")
