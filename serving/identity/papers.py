"""What somebody must know of returns for codes to be compared, and pieces to be looked for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from regrade.models.codes.identity import ExpectedCodes
from regrade.models.pieces.types import ExpectedPiece


class Papers(Protocol):
    """What is known of returns and SKUs: the catalogue. Blocks."""

    def codes_expected(self, item: Mapping[str, Any]) -> ExpectedCodes:
        """The codes that the item of a return should show; none where nothing is known of it."""
        ...

    def pieces_expected(self, item: Mapping[str, Any]) -> tuple[ExpectedPiece, ...]:
        """What belongs to the item; nothing where that is not known."""
        ...

    def skus_of_gtins(self, gtins: Sequence[str], seller: str | None) -> Mapping[str, str]:
        """GTIN-14 → the SKU that has it, for those that are known."""
        ...


class NoPapers:
    """A site that was told of no return."""

    def codes_expected(self, item: Mapping[str, Any]) -> ExpectedCodes:
        return ExpectedCodes()

    def pieces_expected(self, item: Mapping[str, Any]) -> tuple[ExpectedPiece, ...]:
        return ()

    def skus_of_gtins(self, gtins: Sequence[str], seller: str | None) -> Mapping[str, str]:
        return {}


NO_PAPERS: Final[Papers] = NoPapers()
