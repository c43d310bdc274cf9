"""Category definitions: one YAML file a category, in `datasets/categories/` or a folder of your own.

A new category is one new file and labelled photos, never code: `regrade.models.category.schema` says what may stand in
one, and training seals it into the bundle. (The module is not called `categories`, because the folder of that name
beside it would hide it from mypy.)
"""

from pathlib import Path

from regrade.models.category.read import read_category
from regrade.models.category.schema import Category, Synthesis
from regrade.models.errors import DatasetError

__all__ = ["SHIPPED", "Category", "Synthesis", "load_categories", "load_category"]

SHIPPED = Path(__file__).parent / "categories"


def load_category(path: Path) -> Category:
    """The category defined in a YAML file.

    Raises `DatasetError` naming file, field path and legal values where the file is wrong, and where the file
    is not named after its category.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such category file") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    category = read_category(data, str(path))
    if path.stem != category.name:
        raise DatasetError(f"{path}: name: must be that of the file, '{path.stem}', got '{category.name}'")
    return category


def load_categories(folder: Path | None = None) -> dict[str, Category]:
    """All categories defined in `folder` (None = those shipped), by name, sorted.

    Raises `DatasetError` where the folder holds none or a file is wrong.
    """
    folder = SHIPPED if folder is None else folder
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise DatasetError(f"{folder}: holds no category; a category is a file <name>.yaml")
    categories = (load_category(path) for path in paths)
    return {category.name: category for category in categories}
