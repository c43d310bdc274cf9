"""YAML of people's to plain data: whatever is wrong with a file is one kind of error, with the place where it is wrong.

PyYAML lets the faults of Python through (a date of a 13th month is a `ValueError`), and what aliases hold within each
other may be a billion entries out of ten lines.
"""

from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError

LONGEST: Final = 1_000_000
"""Letters of a file: a hundred times what the longest shipped one has."""
MOST_ENTRIES: Final = 100_000
"""Entries with aliases written out."""
DEEPEST: Final = 60
"""Entries within one another; far less than Python's stack bears."""

_SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C is ten times as fast; not every build of PyYAML has it."""
_PYTHONS = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


class _Loader(_SAFE):  # type: ignore[misc, valid-type]
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _PYTHONS:
            kind, words = node.tag.rpartition(":")[2], str(node.value)[:40]
            fault = f"{words!r} is no valid {kind}; put it in quotes if it is text"
            raise ConstructorError(None, None, fault, node.start_mark) from None


def read_yaml(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a document, which know their lines, and its data. Raises `yaml.YAMLError`."""
    if len(text) > LONGEST:
        raise yaml.YAMLError(f"is longer than {LONGEST} letters")
    _refuse_deep(text)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        _entries(root, {})
        return root, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _refuse_deep(text: str) -> None:
    """Composing nodes within nodes uses up the stack, so count first."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            mark: Any = event.start_mark  # of another class in C, with the same fields
            raise ConstructorError(None, None, f"more than {DEEPEST} entries lie within one another", mark)


def _entries(node: yaml.Node | None, counted: dict[int, int]) -> int:
    """How many entries `node` is with its aliases written out; -1 in `counted` is one that is being counted."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in counted:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [one for pair in node.value for one in pair]
        counted[id(node)] = -1
        counted[id(node)] = 1 + sum(_entries(part, counted) for part in parts)
    if counted[id(node)] < 0:
        raise ConstructorError(None, None, "an alias stands within what it names", node.start_mark)
    if counted[id(node)] > MOST_ENTRIES:
        fault = f"aliases make it more than {MOST_ENTRIES} entries; write out what you mean"
        raise ConstructorError(None, None, fault, node.start_mark)
    return counted[id(node)]
