"""YAML as repositories write it: mappings, lists and texts. Nothing that refers, nests without end or has a type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from staithe.errors import RepositoryError

# Module metadata nest some eight deep.
_DEPTH_LIMIT = 40


def documents(content: bytes, where: str) -> Iterator[Any]:
    """Yield the documents; every scalar is a text, so a stream called 1.10 stays that. Raises RepositoryError.

    Built from the parser's events: PyYAML's own loaders follow aliases, and the fast one, which is needed for files
    of megabytes, runs out of the stack of the process where lists nest deeply.
    """
    import yaml

    try:
        open_nodes: list[_Node] = []
        for event in yaml.parse(content, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
            if isinstance(event, yaml.AliasEvent):
                raise _refused("it refers to itself (an alias)", where)
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                if len(open_nodes) >= _DEPTH_LIMIT:
                    raise _refused(f"it nests more than {_DEPTH_LIMIT} deep", where)
                open_nodes.append(_Node(is_mapping=isinstance(event, yaml.MappingStartEvent)))
                continue
            if isinstance(event, yaml.ScalarEvent):
                value: Any = event.value
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                value = open_nodes.pop().value(where)
            else:
                continue
            if open_nodes:
                open_nodes[-1].items.append(value)
            else:
                yield value
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _refused(str(error).splitlines()[0] if str(error) else type(error).__name__, where) from error


class _Node:
    """A list or mapping that is not read to its end yet; a mapping's keys and values in turn."""

    def __init__(self, *, is_mapping: bool) -> None:
        self._is_mapping = is_mapping
        self.items: list[Any] = []

    def value(self, where: str) -> Any:
        if not self._is_mapping:
            return self.items
        keys = self.items[::2]
        if not all(isinstance(key, str) for key in keys):
            raise _refused("a key is no text", where)
        return dict(zip(keys, self.items[1::2], strict=True))


def _refused(why: str, where: str) -> RepositoryError:
    return RepositoryError(f"its module metadata are no plain YAML: {why}", where=where)
