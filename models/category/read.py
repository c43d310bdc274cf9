"""The YAML of a category, read: from a folder of definitions, or from the bundle that it is sealed into."""

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import yaml
from pydantic import ValidationError

from regrade.models.category.schema import Category
from regrade.models.category.validation import dataset_error
from regrade.models.errors import DatasetError

FIELDS = tuple(field.alias or name for name, field in Category.model_fields.items())


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice, where plain YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key}' is given more than once", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


@lru_cache(maxsize=64)
def read_category(data: bytes, where: str) -> Category:
    """The category that `data`, YAML in UTF-8, defines; `where` stands for the file in messages.

    Read once for the same bytes. Raises `DatasetError` naming field path and legal values where it is wrong.
    """
    try:
        document = yaml.load(data.decode("utf-8"), Loader=_StrictLoader)
    except UnicodeDecodeError as error:
        raise DatasetError(f"{where}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except yaml.YAMLError as error:
        raise DatasetError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None
    try:
        return Category.model_validate(document)
    except ValidationError as error:
        raise dataset_error(where, error, FIELDS) from None
