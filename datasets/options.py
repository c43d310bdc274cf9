"""Options that several commands take, in the same words everywhere."""

from pathlib import Path
from typing import Annotated, Final

import typer

CATEGORIES_HELP: Final = "Folder of category definitions. Default: those shipped."

CategoriesOption = Annotated[Path | None, typer.Option("--categories", help=CATEGORIES_HELP, show_default=False)]
