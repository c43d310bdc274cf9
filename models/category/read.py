"""The YAML of a category, read: from a folder of definitions, or from the bundle that it is sealed into."""

from functools import lru_cache

import yaml
from pydantic import ValidationError

from regrade.models.category.document import read_yaml
from regrade.models.category.schema import Category
from regrade.models.category.validation import dataset_error
from regrade.models.errors import DatasetError


@lru_cache(maxsize=64)
def read_category(data: bytes, where: str) -> Category:
    """The category that `data`, YAML in UTF-8, defines; `where` stands for the file in messages.

    Read once for the same bytes. Raises `DatasetError` naming field path and legal values where it is wrong.
    """
    try:
        root, document = read_yaml(data.decode("utf-8"))
        _refuse_twice(root, set())
    except UnicodeDecodeError as error:
        raise DatasetError(f"{where}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except yaml.YAMLError as error:
        raise DatasetError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None
    if document is None:
        raise DatasetError(f"{where}: (document): is empty; write at least name and conditions")
    try:
        return Category.model_validate(document)
    except ValidationError as error:
        raise dataset_error(where, error, Category) from None


def _refuse_twice(node: yaml.Node | None, visited: set[int]) -> None:
    """Raise `yaml.YAMLError` for a key given twice, where plain YAML would silently keep the last."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in visited:
        return
    visited.add(id(node))
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(None, one) for one in node.value]
    seen = set()
    for key, value in pairs:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key.value}' is given more than once", key.start_mark
                )
            seen.add(key.value)
        _refuse_twice(value, visited)
