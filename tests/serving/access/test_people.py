"""People: invited once, then in by password or passkey, out when their access ends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from regrade.serving.access import audit
from regrade.serving.access.codes import Codes
from regrade.serving.access.keys import KeyStore
from regrade.serving.access.people.directory import INVITATION_LIFE, Change, People
from regrade.serving.access.people.passwords import checked, hashed, matches
from regrade.serving.access.people.sign_in import Passkey, SignIn
from regrade.serving.access.sessions import SessionStore
from regrade.serving.base.errors import AccountError, CodeError, InvalidFieldsError, SignInError
from regrade.serving.storage.database import Database
from tests.serving.access.clock import Clock

BY = "root"
PASSWORD = "three words suffice"


@pytest.fixture
def codes(tmp_path: Path) -> Codes:
    return Codes.load(tmp_path / "keys")


@pytest.fixture
def people(database: Database, codes: Codes, clock: Clock) -> People:
    return People(database, codes, clock)


@pytest.fixture
def sign_in(database: Database, codes: Codes, clock: Clock) -> SignIn:
    return SignIn(database, codes, clock)


@pytest.fixture
def sessions(database: Database, clock: Clock) -> SessionStore:
    return SessionStore(database, clock)


def passkey(count: int = 0) -> Passkey:
    return Passkey(b"credential", b"public", count)


def with_passkey(people: People, sign_in: SignIn, name: str, role: str = "reviewer") -> str:
    """Somebody who has accepted an invitation: their id."""
    made = people.add(name, role, None, BY)  # type: ignore[arg-type]
    code, _ = people.invite(made.id, BY)
    sign_in.choose_passkey(code, Passkey(name.encode(), b"public", 0))
    return made.id


def test_a_password_is_salted_and_long_enough() -> None:
    one, other = hashed(PASSWORD), hashed(PASSWORD)
    assert one != other
    assert matches(PASSWORD, one)
    assert not matches(PASSWORD + "!", one)
    assert not matches("", None)
    assert checked("twelve chars", "Ann") == "twelve chars"
    with pytest.raises(InvalidFieldsError, match="12"):
        checked("eleven char", "Ann")
    with pytest.raises(InvalidFieldsError, match="200"):
        checked("long" * 50 + "er", "Ann")


def test_an_invitation_is_good_once_and_then_the_password_is(people: People, sign_in: SignIn) -> None:
    ann = people.add("Ann Li", "reviewer", None, BY)
    code, _ = people.invite(ann.id, BY)
    assert people.get(ann.id).state == "invited"
    with pytest.raises(InvalidFieldsError):
        sign_in.choose_password(code, "too short")
    assert sign_in.invited(code).name == "Ann Li"
    key = sign_in.choose_password(code, PASSWORD)
    assert (key.id, key.role, key.person) == (ann.id, "reviewer", True)
    with pytest.raises(CodeError):
        sign_in.choose_password(code, PASSWORD)
    assert sign_in.by_password("ANN LI", PASSWORD).id == ann.id
    assert people.get(ann.id).state == "active"


def test_a_wrong_password_and_an_unknown_name_are_told_in_the_same_words(people: People, sign_in: SignIn) -> None:
    people.add("Ann", "reviewer", None, BY)
    said = set()
    for name in ("Ann", "Bo"):
        with pytest.raises(SignInError) as refused:
            sign_in.by_password(name, PASSWORD)
        said.add(str(refused.value))
    assert len(said) == 1


def test_an_invitation_expires_and_a_newer_one_takes_its_place(people: People, sign_in: SignIn, clock: Clock) -> None:
    ann = people.add("Ann", "reviewer", None, BY)
    replaced, _ = people.invite(ann.id, BY)
    late, _ = people.invite(ann.id, BY)
    with pytest.raises(CodeError):
        sign_in.invited(replaced)
    clock.now += INVITATION_LIFE
    with pytest.raises(CodeError):
        sign_in.choose_passkey(late, passkey())
    assert people.get(ann.id).state == "new"


def test_nobody_holds_a_secret_of_the_key_that_stands_for_a_person(people: People, database: Database) -> None:
    ann = people.add("Ann", "admin", None, BY)
    for secret in ("!", "x", "None"):
        assert KeyStore(database).authenticate(f"rg_{ann.id}_{secret}") is None


def test_who_is_disabled_is_out_at_once_and_stays_out(people: People, sign_in: SignIn, sessions: SessionStore) -> None:
    ann = with_passkey(people, sign_in, "Ann")
    key, _ = sign_in.passkey(b"Ann")
    session = sessions.begin(key, "192.0.2.1", "passkey")
    assert sessions.find(session.token) is not None
    assert people.change(ann, Change(disabled=True), BY).state == "disabled"
    assert sessions.find(session.token) is None
    with pytest.raises(SignInError, match="ended"):
        sign_in.passkey(b"Ann")
    with pytest.raises(AccountError):
        people.invite(ann, BY)
    people.change(ann, Change(disabled=False), BY)
    assert sessions.find(session.token) is None  # it does not come back to life
    assert sign_in.passkey(b"Ann")[0].id == ann


def test_access_ends_on_its_day_for_sessions_too(
    people: People, sign_in: SignIn, sessions: SessionStore, clock: Clock
) -> None:
    ann = with_passkey(people, sign_in, "Ann")
    people.change(ann, Change(expires_at=(clock.now + timedelta(hours=1),)), BY)
    session = sessions.begin(sign_in.passkey(b"Ann")[0], "192.0.2.1")
    clock.now += timedelta(hours=1)
    assert sessions.find(session.token) is None
    with pytest.raises(SignInError):
        sign_in.passkey(b"Ann")
    assert people.get(ann).state == "expired"
    with pytest.raises(AccountError, match="Set a later end first"):
        people.invite(ann, BY)
    assert people.change(ann, Change(expires_at=(None,)), BY).state == "active"


def test_a_reset_voids_what_was_there(people: People, sign_in: SignIn, sessions: SessionStore) -> None:
    ann = with_passkey(people, sign_in, "Ann")
    session = sessions.begin(sign_in.passkey(b"Ann")[0], "192.0.2.1")
    people.invite(ann, BY)
    assert sessions.find(session.token) is None
    with pytest.raises(SignInError):
        sign_in.passkey(b"Ann")


def test_another_role_counts_from_the_next_request(people: People, sign_in: SignIn, sessions: SessionStore) -> None:
    ann = with_passkey(people, sign_in, "Ann")
    session = sessions.begin(sign_in.passkey(b"Ann")[0], "192.0.2.1")
    people.change(ann, Change(role="engineer"), BY)
    found = sessions.find(session.token)
    assert found is not None
    assert found.key.role == "engineer"


def test_an_admin_cannot_take_access_from_themselves(people: People, sign_in: SignIn) -> None:
    ann = with_passkey(people, sign_in, "Ann", "admin")
    with_passkey(people, sign_in, "Bo", "admin")
    me = sign_in.passkey(b"Ann")[0]
    later = datetime(2030, 1, 1, tzinfo=UTC)
    for change in (Change(disabled=True), Change(role="reviewer"), Change(expires_at=(later,))):
        with pytest.raises(AccountError):
            people.change(ann, change, me)
    with pytest.raises(AccountError):
        people.invite(ann, me)
    assert people.change(ann, Change(name="Anna"), me).name == "Anna"


def test_the_last_admin_stays_even_at_the_command_line(people: People, sign_in: SignIn, database: Database) -> None:
    ann = with_passkey(people, sign_in, "Ann", "admin")
    people.add("Bo", "admin", None, BY)  # who cannot sign in yet
    for change in (Change(disabled=True), Change(role="engineer")):
        with pytest.raises(AccountError, match="last"):
            people.change(ann, change, BY)
    with pytest.raises(AccountError, match="last"):
        people.invite(ann, BY)
    KeyStore(database).create("admin", "first")
    assert people.change(ann, Change(disabled=True), BY).state == "disabled"


def test_a_passkey_that_counts_never_counts_back(people: People, sign_in: SignIn) -> None:
    with_passkey(people, sign_in, "Ann")
    sign_in.used(Passkey(b"Ann", b"public", 5))
    with pytest.raises(SignInError):
        sign_in.used(Passkey(b"Ann", b"public", 5))
    assert sign_in.passkey(b"Ann")[1].sign_count == 5


def test_all_of_it_stands_in_the_audit_trail(people: People, sign_in: SignIn, database: Database) -> None:
    ann = with_passkey(people, sign_in, "Ann")
    people.change(ann, Change(role="engineer"), BY)
    with database.read() as connection:
        trail = [(line.name, line.action, line.detail.get("person")) for line in audit.since(connection, None)]
    assert trail == [
        ("root (cli)", "add", "Ann"),
        ("root (cli)", "invite", "Ann"),
        ("Ann", "enrol", None),
        ("root (cli)", "change", "Ann"),
    ]
