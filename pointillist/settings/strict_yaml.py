"""YAML of plain values, in which no key is repeated and nothing contains itself."""

from __future__ import annotations

import re

import yaml

_MOST_VALUES = 100_000
"""Number of values beyond which a file is not metadata; aliases can make billions of a few lines."""


class DuplicateKeyError(ValueError):
    """A key is repeated in one mapping."""


class _PlainLoader(yaml.SafeLoader):
    """YAML 1.2's scalars: YAML 1.1 takes ``-30:0`` for the number -1800 and ``1e-3`` for text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?\d+", "-+0123456789"),
    ("float", r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+.0123456789"),
):
    _PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), ["", *_first] if _tag == "null" else [*_first]
    )


def parse_yaml(text: str) -> object:
    """Parse one YAML document.

    Parameters
    ----------
    text
        Content of a YAML file.

    Returns
    -------
    object
        Mappings, lists and plain values; None for an empty document.

    Raises
    ------
    DuplicateKeyError
        If a key is repeated in a mapping.
    yaml.YAMLError
        If it is not valid, contains itself, or is too large.
    """
    loader = _PlainLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _NodeCheck().size(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


class _NodeCheck:
    """Sizes of nodes, in which a node counts as often as an alias repeats it."""

    def __init__(self) -> None:
        self._sizes: dict[yaml.Node, int | None] = {}

    def size(self, node: yaml.Node) -> int:
        """Return the number of values of a node, which is 1 for a scalar."""
        if node in self._sizes:
            known = self._sizes[node]
            if known is None:
                raise _error(node, "a value that contains itself")
            return known
        self._sizes[node] = None
        n_values = 1 + sum(map(self.size, _children(node)))
        if n_values > _MOST_VALUES:
            raise _error(node, f"more than {_MOST_VALUES} values")
        self._sizes[node] = n_values
        return n_values


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise DuplicateKeyError(key)
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _error(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
