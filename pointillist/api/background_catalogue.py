"""Background methods and their identifiers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pointillist.fitting.backgrounds import METHODS, background_method

Parameter = bool | int | float | str


@dataclass(frozen=True, kw_only=True)
class BackgroundMethodInfo:
    """A background method: its parameters with defaults, and help.

    Parameters
    ----------
    name
        Name of the method in identifiers.
    summary
        Description in one line.
    parameters
        Defaults of the parameters, by name.
    help
        Explanations of the parameters, by name.

    Examples
    --------
    >>> import pointillist
    >>> pointillist.background_methods()["rollmed"].parameters["kernel_size"]
    100
    """

    name: str
    summary: str
    parameters: Mapping[str, Parameter]
    help: Mapping[str, str]


def background_methods() -> dict[str, BackgroundMethodInfo]:
    """Return all background methods by name.

    Examples
    --------
    >>> import pointillist
    >>> sorted(pointillist.background_methods())
    ['copy', 'mean', 'none', 'percentile', 'rollmed', 'sparsemed']
    """
    return {
        name: BackgroundMethodInfo(
            name=name,
            summary=method.summary,
            parameters=MappingProxyType(method.defaults()),
            help=MappingProxyType(_help(inspect.getdoc(method) or "")),
        )
        for name, method in METHODS.items()
    }


def identifier(method: str, **parameters: Parameter) -> str:
    """Return a background method with all its parameters in one line.

    Parameters
    ----------
    method
        Name of the method, or identifier whose parameters are defaults of `parameters`.
    parameters
        Values by unabbreviated name; others have their defaults.

    Raises
    ------
    ValueError
        If there is no such method or parameter, or a value is wrong.

    Examples
    --------
    >>> import pointillist
    >>> pointillist.identifier("rollmed", kernel_size=50)
    'rollmed:k=50^b=10000^w=centred^d=0^g=1'
    """
    name, values = parse_identifier(method)
    if unknown := sorted(set(parameters) - set(values)):
        msg = f"{name}: there is no parameter {', '.join(unknown)}; it has {', '.join(values) or 'none'}"
        raise ValueError(msg)
    return METHODS[name](**{**values, **parameters}).identifier


def parse_identifier(text: str) -> tuple[str, dict[str, Parameter]]:
    """Return the name of the method and the parameters that an identifier names, complete with defaults.

    Parameters
    ----------
    text
        Identifier such as ``rollmed:k=100``.

    Raises
    ------
    ValueError
        If there is no such method or parameter, or a value is wrong.

    Examples
    --------
    >>> import pointillist
    >>> pointillist.parse_identifier("sparsemed:k=50^i=500")[1]["interval"]
    500
    """
    method = background_method(text)
    return method.code, {name: getattr(method, name) for name in method.defaults()}


def _help(docstring: str) -> dict[str, str]:
    """Return the explanations of the parameters in a docstring."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?:\n\n\w|\Z)", docstring, flags=re.MULTILINE | re.DOTALL)
    entries = re.findall(r"^(\w[\w, ]*)\n((?: +.*\n?)+)", section[1] + "\n", flags=re.MULTILINE) if section else []
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}
