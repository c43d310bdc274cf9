"""Whether an item is the one that its return says: what was expected, which codes were read, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from regrade.models.codes.types import Code

Verdict = Literal["match", "mismatch", "nothing_read", "not_expected"]
"""`nothing_read`: no code of a kind that is expected; `not_expected`: the catalogue names no code for this return."""
Kind = Literal["gtin", "serial", "other"]


@dataclass(frozen=True, slots=True)
class ExpectedCodes:
    """What a return should show: GTINs of 14 digits, and serial numbers (IMEI among them) as they were imported. What
    stands on pieces of it is `apart`: it says nothing of which item it is."""

    gtins: tuple[str, ...] = ()
    serials: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.gtins or self.serials)


@dataclass(frozen=True, slots=True)
class ReadCode(Code):
    """A code that was compared: `kind` is as what, `agrees` whether it is one that was expected; None where it says
    nothing of the item."""

    kind: Kind = "other"
    agrees: bool | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """The verdict and what it rests on. `looks_like` are SKUs of the catalogue whose GTINs were read in place of the
    expected ones; `unread` the photos whose codes were not read, as that took too long. Of an erased item the verdict
    alone is left."""

    verdict: Verdict
    expected: ExpectedCodes = ExpectedCodes()
    codes: tuple[ReadCode, ...] = ()
    looks_like: tuple[str, ...] = ()
    unread: tuple[int, ...] = ()


IDENTITY: Final[TypeAdapter[Identity]] = TypeAdapter(Identity)


def stored_identity(value: Mapping[str, Any] | None) -> Identity | None:
    """An identity as a column has it; None where codes were not read yet when it was stored."""
    return None if value is None else IDENTITY.validate_python(value)


def identity_column(identity: Identity | None) -> dict[str, Any] | None:
    """What the column holds of it."""
    return None if identity is None else IDENTITY.dump_python(identity, mode="json")


def only_verdict(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is left in the column once the item is erased: codes name the thing, and so whose it was."""
    return None if stored is None else {"verdict": stored["verdict"]}
