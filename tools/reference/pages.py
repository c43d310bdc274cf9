"""Which reference pages there are, and what writes each."""

from collections.abc import Callable, Mapping
from typing import Final

from tools.reference import cli_page, settings_page

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/settings.md": settings_page.page,
    "docs/cli.md": cli_page.page,
}
"""By path from the root of the repository."""
