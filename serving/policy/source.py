"""YAML with line numbers: the data of a file, and on which line each field of it stands."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from regrade.models.category.document import read_yaml
from regrade.models.errors import PolicyError, RegradeError

Step = str | int
"""A key of a mapping or an index of a list."""


def read_source(path: Path, kind: str = "policy", error: Callable[[str], RegradeError] = PolicyError) -> str:
    """The text of the file `path`, which is to hold a `kind`. Raises `error` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        raise error(f"Cannot read the {kind} {path}: {fault.strerror}.") from fault
    except UnicodeDecodeError as fault:
        raise error(f"The {kind} {path} is not UTF-8 text.") from fault


class Source:
    """A parsed YAML document that remembers where its fields stand.

    Raises `error` for text that is not YAML, is not a mapping, or names a key twice (YAML would silently keep the
    last). `kind` is what the file is to hold, for messages.
    """

    def __init__(
        self, text: str, name: str, kind: str = "policy", error: Callable[[str], RegradeError] = PolicyError
    ) -> None:
        self.name = name
        self._error = error
        try:
            self._root, data = read_yaml(text)
            self._refuse_duplicates(self._root, (), set())
        except yaml.MarkedYAMLError as fault:
            mark = fault.problem_mark or fault.context_mark
            where = f"{name}, line {mark.line + 1}" if mark else name
            raise error(f"{where}: not valid YAML: {fault.problem or fault.context}.") from fault
        except yaml.YAMLError as fault:
            raise error(f"{name}: not valid YAML: {fault}.") from fault
        if not isinstance(data, dict):
            raise error(f"{name}: a {kind} must be a mapping of fields to values.")
        self.data: dict[str, Any] = data

    def line(self, path: Sequence[Step]) -> int | None:
        """The line, from 1, of the field at `path`, or of the nearest field above it that was written."""
        node, line = self._root, None
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in node.value if _key(k) == str(step)), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                break
        return line

    def _refuse_duplicates(self, node: yaml.Node | None, path: tuple[Step, ...], visited: set[int]) -> None:
        if id(node) in visited:  # an alias of what was seen, perhaps of a node that holds it
            return
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                name = _key(key)
                line = key.start_mark.line + 1
                if name in seen:
                    raise self._error(
                        f"{self.name}, line {line}: {dotted((*path, name))} is already set on line "
                        f"{seen[name]}; keep one of the two."
                    )
                seen[name] = line
                self._refuse_duplicates(value, (*path, name), visited)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._refuse_duplicates(value, (*path, index), visited)


def _key(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else repr(node)


def dotted(path: Sequence[Step]) -> str:
    """A path as people write it: `never[0].when.value_below`."""
    words = ""
    for step in path:
        words += f"[{step}]" if isinstance(step, int) else f".{step}" if words else str(step)
    return words or "(the file)"
