"""What somebody must know of returns for codes to be compared."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from regrade.models.codes.identity import ExpectedCodes


class Papers(Protocol):
    """What is known of returns and SKUs: the catalogue. Blocks."""

    def codes_expected(self, item: Mapping[str, Any]) -> ExpectedCodes:
        """The codes that the item of a return should show; none where nothing is known of it."""
        ...

    def skus_of_gtins(self, gtins: Sequence[str], seller: str | None) -> Mapping[str, str]:
        """GTIN-14 → the SKU that has it, for those that are known."""
        ...


class NoPapers:
    """A site that was told of no return."""

    def codes_expected(self, item: Mapping[str, Any]) -> ExpectedCodes:
        return ExpectedCodes()

    def skus_of_gtins(self, gtins: Sequence[str], seller: str | None) -> Mapping[str, str]:
        return {}


NO_PAPERS: Final[Papers] = NoPapers()
