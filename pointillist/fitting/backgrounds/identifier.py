"""Reading and writing a method and its parameters as one line: ``rollmed:k=100^b=10000``.

Keys are cut to the shortest prefix that no other key of the method begins with, switches are 0 or 1, whole numbers have
no ``.0``, and what is not written has its default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Parameter = bool | int | float | str

_SWITCHES = {"0": False, "1": True}


def abbreviations(keys: Iterable[str]) -> dict[str, str]:
    """Cut each key to its shortest unique prefix.

    Parameters
    ----------
    keys
        Unabbreviated keys, all different.

    Returns
    -------
    dict
        Prefix of each key; a key that is itself a prefix of another one is not shortened.
    """
    keys = list(keys)
    return {key: _shortest_prefix(key, [other for other in keys if other != key]) for key in keys}


def _shortest_prefix(key: str, others: list[str]) -> str:
    prefixes = (key[:length] for length in range(1, len(key) + 1))
    return next((prefix for prefix in prefixes if not any(other.startswith(prefix) for other in others)), key)


def write_identifier(code: str, parameters: Mapping[str, Parameter]) -> str:
    """Write a method with its parameters in one line.

    Parameters
    ----------
    code
        Code of the method, such as ``rollmed``.
    parameters
        Values by unabbreviated key, in order.

    Returns
    -------
    str
        Identifier; the code alone if there are no parameters.
    """
    prefixes = abbreviations(parameters)
    text = "^".join(f"{prefixes[key]}={_format_value(value)}" for key, value in parameters.items())
    return f"{code}:{text}" if text else code


def _format_value(value: Parameter) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def split_identifier(identifier: str) -> tuple[str, dict[str, str]]:
    """Parse an identifier.

    Parameters
    ----------
    identifier
        Identifier such as ``rollmed:k=100^b=10000``.

    Returns
    -------
    code
        Code of the method.
    parameters
        Values as text by abbreviated key.

    Raises
    ------
    ValueError
        If the identifier does not follow the grammar.
    """
    code, _, text = identifier.strip().partition(":")
    parameters: dict[str, str] = {}
    for part in text.split("^") if text else ():
        key, equals, value = part.partition("=")
        if not (key and equals and value) or key in parameters:
            msg = f"{identifier}: {part!r} is not a valid KEY=VALUE; write {code}:k=100^w=past, for example"
            raise ValueError(msg)
        parameters[key] = value
    return code, parameters


def read_parameters(code: str, given: Mapping[str, str], defaults: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return parameters by their unabbreviated keys, with their types.

    Parameters
    ----------
    code
        Code of the method, for error messages.
    given
        Values as text by abbreviated key, from :func:`split_identifier`, in any order.
    defaults
        Defaults of all parameters of the method, by unabbreviated key.

    Returns
    -------
    dict
        Values of all parameters by unabbreviated key, in the order of ``defaults``.

    Raises
    ------
    ValueError
        If a key is unknown or a value has the wrong type.
    """
    unused = list(defaults)
    found: dict[str, Parameter] = {}
    for prefix in sorted(given, key=len, reverse=True):
        key = next((key for key in unused if key.startswith(prefix)), None)
        if key is None:
            known = ", ".join(f"{short} ({key})" for key, short in abbreviations(defaults).items()) or "no parameters"
            msg = f"{code}: there is no parameter {prefix!r}; it has {known}"
            raise ValueError(msg)
        unused.remove(key)
        found[key] = _read(code, key, given[prefix], defaults[key])
    return {**defaults, **found}


def _read(code: str, key: str, text: str, default: Parameter) -> Parameter:
    try:
        if isinstance(default, bool):
            return _SWITCHES[text]
        return type(default)(text)
    except (ValueError, KeyError):
        admissible = {bool: "0 or 1", int: "a whole number", float: "a number"}[type(default)]
        msg = f"{code}: {key} is {text!r}; give {admissible}"
        raise ValueError(msg) from None
