"""Short codes, and how often something that could be guessed may be tried."""

from pathlib import Path

import pytest

from regrade.serving.access.codes import ALPHABET, Codes
from regrade.serving.access.guesses import Guesses, Scope
from regrade.serving.access.people.challenges import LIFE, Challenges
from regrade.serving.base.errors import AttemptsError

HERE, ALL = Scope("here", 2), Scope("all", 3)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_code_is_short_and_has_no_letters_that_look_alike(tmp_path: Path) -> None:
    code, _ = Codes.load(tmp_path).make("pair")
    assert len(code.replace("-", "")) == 8
    assert not set("01OILU") & set(ALPHABET)


def test_a_code_is_the_same_however_it_is_typed(tmp_path: Path) -> None:
    codes = Codes.load(tmp_path)
    code, digest = codes.make("pair")
    assert codes.digest("pair", f" {code.lower().replace('-', ' ')} ") == digest
    assert code.replace("-", "") not in (digest or "")


@pytest.mark.parametrize("typed", ["", "ABCD", "ABCD-EFG0", "ABCD-EFGH-JKMN", "ABCD\0EFGH", "ÄBCD-EFGH"])
def test_what_cannot_be_a_code_is_none(tmp_path: Path, typed: str) -> None:
    assert Codes.load(tmp_path).digest("pair", typed) is None


def test_a_code_counts_for_its_kind_and_installation_alone(tmp_path: Path) -> None:
    here, elsewhere = Codes.load(tmp_path / "a"), Codes.load(tmp_path / "b")
    code, digest = here.make("invite")
    assert here.digest("pair", code) is None
    assert elsewhere.digest("invite", code) != digest == Codes.load(tmp_path / "a").digest("invite", code)


def test_attempts_are_counted_before_they_are_looked_at_until_the_window_is_over() -> None:
    clock = Clock()
    guesses = Guesses(60.0, clock)
    guesses.take([HERE])
    guesses.take([HERE])
    clock.now += 20
    with pytest.raises(AttemptsError) as refused:
        guesses.take([HERE])
    assert refused.value.retry_after == 40
    clock.now += 40
    guesses.take([HERE])


def test_what_was_right_is_counted_no_more() -> None:
    guesses = Guesses(60.0, Clock())
    for _ in range(10):
        guesses.take([HERE, ALL])
        guesses.right([HERE, ALL])


def test_one_scope_that_is_used_up_is_enough_and_then_none_counts() -> None:
    guesses = Guesses(60.0, Clock())
    guesses.take([HERE, ALL])
    guesses.take([HERE, ALL])
    for _ in range(5):
        with pytest.raises(AttemptsError):
            guesses.take([HERE, ALL])
    guesses.take([Scope("elsewhere", 2), ALL])
    with pytest.raises(AttemptsError):
        guesses.take([Scope("elsewhere", 2), ALL])


def test_a_challenge_is_good_once_for_its_purpose_and_for_minutes() -> None:
    clock = Clock()
    challenges = Challenges(clock)
    one, late = challenges.make("sign in"), challenges.make("sign in")
    assert not challenges.good(one, "register ann")
    assert not challenges.good(Challenges(clock).make("sign in"), "sign in")
    assert not challenges.good(one[:-1], "sign in")
    assert challenges.use(one, "sign in")
    assert not challenges.use(one, "sign in")
    clock.now += LIFE
    assert not challenges.use(late, "sign in")
