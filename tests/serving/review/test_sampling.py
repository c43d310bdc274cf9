"""The lot by which blind looks are drawn: fair, repeatable, and secret."""

from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.category import load_categories
from regrade.models.errors import PolicyError
from regrade.serving.base.errors import DataDirError
from regrade.serving.policy.load import DEFAULT_POLICY, load_policy, parse_policy
from regrade.serving.review import Lottery
from regrade.serving.storage.records import new_id

IDS = [new_id() for _ in range(20_000)]


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_the_share_that_is_drawn_is_the_share_that_was_set(share: float) -> None:
    lottery = Lottery(bytes(range(32)))
    drawn = sum(lottery.drawn(name, "sample", share) for name in IDS)
    spread = (len(IDS) * share * (1 - share)) ** 0.5
    assert abs(drawn - len(IDS) * share) < 6 * spread


def test_of_none_none_is_drawn_and_of_all_all() -> None:
    lottery = Lottery(bytes(32))
    assert not any(lottery.drawn(name, "sample", 0.0) for name in IDS[:1000])
    assert all(lottery.drawn(name, "sample", 1.0) for name in IDS[:1000])


def test_a_draw_is_the_same_each_time_and_grows_with_the_share() -> None:
    lottery = Lottery(bytes(32))
    few, many = ({name for name in IDS if lottery.drawn(name, "sample", share)} for share in (0.1, 0.2))
    assert few == {name for name in IDS if Lottery(bytes(32)).drawn(name, "sample", 0.1)}
    assert few < many


def test_the_draws_of_two_kinds_and_of_two_secrets_have_nothing_to_do_with_each_other() -> None:
    first, other = Lottery(bytes(32)), Lottery(b"x" * 32)
    sample = {name for name in IDS if first.drawn(name, "sample", 0.5)}
    for drawn in (
        {name for name in IDS if first.drawn(name, "second", 0.5)},
        {name for name in IDS if other.drawn(name, "sample", 0.5)},
    ):
        assert 0.47 < len(sample & drawn) / len(sample) < 0.53


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first, again = Lottery.load(tmp_path / "keys"), Lottery.load(tmp_path / "keys")
    assert [first.drawn(name, "sample", 0.5) for name in IDS[:64]] == [
        again.drawn(name, "sample", 0.5) for name in IDS[:64]
    ]
    (kept,) = (tmp_path / "keys").iterdir()
    assert (kept.name, kept.stat().st_mode & 0o777, kept.stat().st_size) == ("sampling.key", 0o600, 32)


def test_a_damaged_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sampling.key").write_bytes(b"short")
    with pytest.raises(DataDirError, match=r"sampling\.key is damaged"):
        Lottery.load(tmp_path)


def test_the_shipped_policy_says_how_much_is_checked() -> None:
    control = load_policy(categories=load_categories()).base.quality_control
    assert (control.sample_share, control.second_share) == (0.05, 0.10)


def test_a_seller_may_have_a_share_of_his_own() -> None:
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    own = parse_policy(text.replace("sellers: {}", "sellers: {acme: {quality_control: {sample_share: 0.5}}}"))
    assert own.terms("acme").quality_control.sample_share == 0.5
    assert own.terms("acme").quality_control.second_share == 0.10
    assert own.terms("zen").quality_control.sample_share == 0.05


@pytest.mark.parametrize("wrong", ["{sample_share: 1.5}", "{second_share: -0.1}", "{sample: 0.1}", "often"])
def test_a_wrong_share_is_refused(wrong: str) -> None:
    text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("{sample_share: 0.05, second_share: 0.10}", wrong)
    with pytest.raises(PolicyError, match="quality_control"):
        parse_policy(text)


def test_the_first_look_is_made_together_with_the_inspection(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    asked, sampled = kit.add(value=30, station="s1", seller="acme"), kit.add(sure=True)
    one, two = (row.task for row in kit.desk.queue_page(kit.reviewer("Ann")).rows)
    assert (one.inspection_id, one.kind, one.reason, one.value) == (asked.id, "unsure", "no_guarantee", 30.0)
    assert (one.category, one.seller, one.station, one.created_at) == ("footwear", "acme", "s1", asked.created_at)
    assert (two.inspection_id, two.kind, two.reason, two.value) == (sampled.id, "sample", None, None)
