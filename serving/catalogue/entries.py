"""What is imported: SKUs and the returns (RMAs) that are expected, checked."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from regrade.models.codes.kinds import gtin_of
from regrade.serving.base.text_forms import Name
from regrade.serving.grading.item import DeclaredValue

MOST: Final = 2_000
"""Entries of one import over HTTP: less than half a second of a core."""
MAX_LINES: Final = 100
MAX_PIECES: Final = 50
MAX_PIECE_CODES: Final = 20
MAX_GTINS: Final = 50
MAX_SERIALS: Final = 200

_FROZEN: Final = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
Quantity = Annotated[int, Field(strict=True, ge=1, le=10_000)]


def _gtin(text: str) -> str:
    whole = gtin_of(text)
    if whole is None:
        raise PydanticCustomError(
            "no_gtin", "must be an EAN, UPC or GTIN of 8, 12, 13 or 14 digits whose check digit holds"
        )
    return whole


Gtin = Annotated[
    Name,
    AfterValidator(_gtin),
    Field(
        description="EAN, UPC or GTIN with its check digit; kept as a GTIN-14.",
        examples=["4006381333931"],
    ),
]


class Piece(BaseModel):
    """A part that belongs to an item: a charger, a strap, the second shoe."""

    model_config = _FROZEN

    name: Name = Field(examples=["charger"])
    quantity: Quantity = 1
    codes: tuple[Name, ...] = Field(
        (),
        max_length=MAX_PIECE_CODES,
        description="What may stand on it in a barcode, such as a GTIN or a part number. Read in a photo, it says that "
        "the piece is there, and nothing of which item it is.",
    )


class SkuEntry(BaseModel):
    """A SKU: what it is, in which category it is graded, what it is worth new and what belongs to it."""

    model_config = _FROZEN

    sku: Name
    seller: Name | None = Field(None, description="Whose SKU this is; left out, it holds for all sellers.")
    title: Name | None = None
    category: Name | None = None
    declared_value: DeclaredValue | None = None
    pieces: tuple[Piece, ...] = Field((), max_length=MAX_PIECES)
    gtins: tuple[Gtin, ...] = Field((), max_length=MAX_GTINS, description="What may stand in the barcode on its box.")


class RmaLine(BaseModel):
    """One kind of item of a return."""

    model_config = _FROZEN

    sku: Name
    quantity: Quantity = 1
    serial: Name | None = Field(None, description="The serial number or IMEI, where one item is expected.")
    serials: tuple[Name, ...] = Field(
        (), max_length=MAX_SERIALS, description="The same, of several; one of them counts."
    )
    gtins: tuple[Gtin, ...] = Field((), max_length=MAX_GTINS, description="In place of the SKU's own.")
    declared_value: DeclaredValue | None = Field(None, description="What was paid; the SKU's value stands in for it.")


class RmaEntry(BaseModel):
    """A return that is expected."""

    model_config = _FROZEN

    rma: Name
    seller: Name | None = None
    order: Name | None = None
    lines: tuple[RmaLine, ...] = Field((), max_length=MAX_LINES)


class _Import(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SkuImport(_Import):
    """SKUs to keep; one that is there is replaced."""

    items: tuple[SkuEntry, ...] = Field(min_length=1, max_length=MOST)

    @model_validator(mode="after")
    def _once(self) -> "SkuImport":
        _refuse_twice([(entry.seller, entry.sku) for entry in self.items])
        return self


class RmaImport(_Import):
    """Returns to keep; one that is there is replaced, with all its lines."""

    items: tuple[RmaEntry, ...] = Field(min_length=1, max_length=MOST)

    @model_validator(mode="after")
    def _once(self) -> "RmaImport":
        _refuse_twice([(entry.seller, entry.rma) for entry in self.items])
        return self


def _refuse_twice(names: list[tuple[str | None, str]]) -> None:
    """Which of two entries of one name would count is anybody's guess."""
    seen: set[tuple[str | None, str]] = set()
    for name in names:
        if name in seen:
            raise PydanticCustomError("repeated_entry", "must not name {name} twice", {"name": name[1]})
        seen.add(name)
