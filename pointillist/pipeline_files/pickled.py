"""Reader of plain data in pickles of protocol 0: tuples, lists, dictionaries, numbers and strings.

PyTables stores every attribute that is neither a scalar nor a string as such a text. Unpickling runs whatever code
the text asks for; the reader here knows no instruction that could.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pointillist.settings import Value

_LARGEST = 100_000


class NotPlainError(ValueError):
    """The text is not a pickle of plain data."""


def loads(text: bytes) -> Value:
    """Read a pickle of plain data without unpickling it.

    Parameters
    ----------
    text
        Pickle of protocol 0, written by any Python.

    Returns
    -------
    Value
        Plain value that was pickled.

    Raises
    ------
    NotPlainError
        If the text is no pickle, or holds anything but tuples, lists, dictionaries, numbers, strings and None, or
        contains itself, or would unfold to more than 100 000 values.
    """
    stack: list[Any] = []
    memo: dict[bytes, Any] = {}
    try:
        end = _run(text, stack, memo)
        (result,) = stack
        _count(result, 0)
    except (ValueError, IndexError, KeyError, TypeError, SyntaxError, RecursionError) as error:
        raise NotPlainError("not a pickle of plain data") from error
    if end != len(text):
        raise NotPlainError("text after the end of the pickle")
    plain: Value = result
    return plain


def _run(text: bytes, stack: list[Any], memo: dict[bytes, Any]) -> int:
    """Carry out the instructions; return where they end."""
    position = 0
    while (instruction := text[position]) != _STOP:
        position += 1
        if instruction in _WITH_ARGUMENT:
            end = text.index(b"\n", position)
            argument, position = text[position:end], end + 1
            if instruction == _PUT:
                memo[argument] = stack[-1]
            else:
                stack.append(memo[argument] if instruction == _GET else _LITERALS[instruction](argument))
        elif instruction in _EXTENSIONS:
            _EXTENSIONS[instruction](stack)
        elif instruction in _OPENINGS:
            stack.append(_OPENINGS[instruction])
        else:
            stack.append(_COLLECTIONS[instruction](_since_mark(stack)))
    return position + 1


_MARK = object()


def _since_mark(stack: list[Any]) -> list[Any]:
    """Pop the items above the last mark, and the mark."""
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _append(stack: list[Any]) -> None:
    value = stack.pop()
    list.append(stack[-1], value)


def _set_item(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    if not isinstance(key, str):
        raise NotPlainError("a key that is no string")
    dict.__setitem__(stack[-1], key, value)


def _dictionary(items: list[Any]) -> dict[str, Value]:
    """Make the dictionary that protocol 0 opens; its entries follow one by one."""
    if items:
        raise NotPlainError("entries in a dictionary that is not open yet")
    return {}


def _integer(argument: bytes) -> int:
    return argument == b"01" if argument in (b"00", b"01") else int(argument)


_PYTHON_2_STRING = re.compile(rb"""(['"])((?:[^\\]|\\[\\'"nrt]|\\x[0-9a-f]{2})*)\1""")


def _string(argument: bytes) -> str:
    """Read a string as Python 2 shows it."""
    match = _PYTHON_2_STRING.fullmatch(argument)
    if match is None:
        raise NotPlainError("not a string")
    return match[2].decode("unicode-escape").encode("latin-1").decode("utf-8", "replace")


_STOP, _PUT, _GET = b".pg"

_OPENINGS: Mapping[int, object] = {ord("("): _MARK, ord("N"): None}

_LITERALS: Mapping[int, Callable[[bytes], Value]] = {
    ord("I"): _integer,
    ord("L"): lambda argument: int(argument.rstrip(b"L")),
    ord("F"): float,
    ord("S"): _string,
    ord("V"): lambda argument: argument.decode("raw-unicode-escape"),
}

_WITH_ARGUMENT = frozenset({_PUT, _GET, *_LITERALS})

_EXTENSIONS: Mapping[int, Callable[[list[Any]], None]] = {ord("a"): _append, ord("s"): _set_item}

_COLLECTIONS: Mapping[int, Callable[[list[Any]], Value]] = {ord("t"): tuple, ord("l"): list, ord("d"): _dictionary}


def _count(value: Value, n: int) -> int:
    """Add to ``n`` the number of values in ``value``, itself included."""
    if n >= _LARGEST:
        raise NotPlainError("too large, or contains itself")
    n += 1
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            n = _count(item, n)
    elif not isinstance(value, bool | int | float | str | None):
        raise NotPlainError("a mark is no value")
    return n
